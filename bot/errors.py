"""Every error that Kefu raises on purpose.

KefuError
├── SettingError          a setting is missing or not allowed (names the setting, its value, what is allowed)
├── KnowledgeError        a knowledge or training file cannot be read (names file and line)
├── BadRequest            what a channel received cannot be a message (names the field)
│   ├── FileTooBig            a shopper's file is larger than may be sent
│   └── FileRefused           a shopper's file is of no type that is kept, or is damaged
├── NotAllowed            whoever asks may not: a token is missing, forged or too old, or an origin is not listed
│   └── OriginRefused         the page that asks is of an origin that is not listed
├── LessonError           what the writer shall learn from cannot be read, or is nothing (names file and line)
├── ModelError            weights or a tokenizer cannot be loaded
├── Unavailable           something outside this process does not answer now; trying later may help
│   ├── StoreUnavailable      Redis
│   │   └── StoreRefused          it answers, and refuses what it was asked
│   ├── MailboxFull           one conversation has too many messages that no turn has covered
│   ├── RateLimited           one shopper or address sends more than it may; says when to try again
│   │   └── BudgetSpent           what it may send in a day
│   ├── Overloaded            more work waits than can be done soon; says when to try again
│   ├── WriterUnavailable     the language model or its endpoint
│   ├── RasaUnavailable       a Rasa server that reads intents, or what it takes to run one
│   ├── ActionUnavailable     the action server
│   └── DeliveryFailed        a server that replies are posted to did not take one
│       └── DeliveryRefused       it never will: the reply itself is what it refuses
└── TurnRefused           the conversation moved on while a turn was being made; its draft is dropped
    ├── FloorLost             the floor changed hands (the epoch rose)
    ├── TurnStale             another worker finished this turn (the version rose)
    └── MailGrew              new mail came before anything was said; make the turn again with all of it
"""


class KefuError(Exception):
    """Anything that Kefu raises on purpose."""


class SettingError(KefuError):
    """A setting is missing or has a value that is not allowed."""


class KnowledgeError(KefuError):
    """A knowledge or training file cannot be read.

    The message names the file, the line where there is one, and what is allowed.
    """


class BadRequest(KefuError):
    """What a channel received cannot be a message; nothing was accepted."""


class FileTooBig(BadRequest):
    """A shopper's file is larger than may be sent; nothing of it was kept."""


class FileRefused(BadRequest):
    """A shopper's file is of no type that is kept, or is damaged; nothing of it was kept."""


class NotAllowed(KefuError):
    """Whoever asks may not: a token is missing, forged or too old, or an origin is not listed."""


class OriginRefused(NotAllowed):
    """The page that asks is of an origin that is neither Kefu's own nor listed."""


class LessonError(KefuError):
    """What a model shall learn from cannot be read, or is nothing; names the file, and the line where there is one."""


class ModelError(KefuError):
    """Weights or a tokenizer cannot be loaded."""


class Unavailable(KefuError):
    """Something outside this process does not answer now; trying later may help."""


class StoreUnavailable(Unavailable):
    """Redis does not answer, or can do nothing now."""


class StoreRefused(StoreUnavailable):
    """Redis answers, and refuses what it was asked; to ask again later may not help."""


class MailboxFull(Unavailable):
    """One conversation has too many messages that no turn has covered; this one was not accepted."""


class RateLimited(Unavailable):
    """One shopper or address sends more than it may; nothing was accepted."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds until one more is let through."""


class BudgetSpent(RateLimited):
    """One shopper or address has sent what it may in a day; nothing was accepted."""


class Overloaded(Unavailable):
    """More work waits than can be done soon; nothing was accepted."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds after which trying again makes sense."""


class WriterUnavailable(Unavailable):
    """The language model, or the endpoint that serves it, does not answer in time."""


class RasaUnavailable(Unavailable):
    """A Rasa server does not answer in time, or answers nonsense; or what it takes to run one is missing here."""

    def __init__(self, message: str, reason: str = "missing") -> None:
        super().__init__(message)
        self.reason = reason
        """One word for the metrics."""


class ActionUnavailable(Unavailable):
    """The action server does not answer, or answers nonsense."""


class DeliveryFailed(Unavailable):
    """A server that replies are posted to did not take one; trying again may help."""


class DeliveryRefused(DeliveryFailed):
    """A server that replies are posted to refuses this reply, whenever it is tried."""


class TurnRefused(KefuError):
    """The conversation moved on while a turn was being made; its draft is dropped."""


class FloorLost(TurnRefused):
    """The floor changed hands: no word of this turn may leave any more."""


class TurnStale(TurnRefused):
    """Another worker covered this mail already."""


class MailGrew(TurnRefused):
    """New mail came before anything was said: make the turn again with all of it."""
