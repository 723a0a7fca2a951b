"""The nouns of Kefu: frozen values that every layer passes around and none changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, NewType

import numpy as np
import numpy.typing as npt

ConversationId = NewType("ConversationId", str)
"""One shopper on one channel: ``<channel>:<sender>``."""

MessageId = NewType("MessageId", str)
"""The platform's id of a message, or one that the channel made."""

LogId = NewType("LogId", str)
"""A position in a conversation's log (a Redis stream id); the resume cursor of clients."""

TurnId = NewType("TurnId", str)
"""A turn is named by the log id of the first message it covers, so a repeated turn keeps its name."""

PassageId = NewType("PassageId", str)

Vector = npt.NDArray[np.float32]
"""One L2-normalised embedding, shape (dimensions,)."""


class Floor(StrEnum):
    """Who may speak in a conversation."""

    ASSISTANT = "assistant"
    WAITING = "waiting"
    """A human was asked for; the assistant still answers until an agent takes over."""
    AGENT = "agent"
    CLOSED = "closed"


# ── What is said ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file or picture that a shopper sent; its bytes lie with the conversation's files."""

    id: str
    name: str
    """As the shopper's device called it, cleaned; for show only, never a path."""
    type: str
    """Media type, as its first bytes say and not as was claimed."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a channel vouches for, on a signature that it has checked. Nothing that a client sends can say this."""

    by: Literal["shop", "program"]
    """``shop``: the shop's site has signed this shopper in. ``program``: a program of the shop's speaks and no shopper,
    so whoever was known stays known."""
    user: str | None = None
    """The shop's own id of the shopper: ``sub`` of its token."""
    email: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What a shopper sent."""

    id: MessageId
    conversation: ConversationId
    channel: str
    sender: str
    """The shopper's id on that channel."""
    text: str
    received_at: datetime
    metadata: Mapping[str, Any] = field(default_factory=dict)
    shown: str | None = None
    """What the shopper saw and pressed, where ``text`` is the payload of a button."""
    files: tuple[Attachment, ...] = ()
    wants_human: bool = False
    """The shopper pressed "talk to a person": no model has to understand that."""
    log_id: LogId | None = None
    """Where it stands in the log; set once accepted."""
    vouched: Vouched | None = None
    """Whom the channel vouches for; apart from ``metadata``, which is the client's own."""


@dataclass(frozen=True, slots=True)
class Button:
    """A quick reply: ``payload`` is sent as the shopper's next message."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Citation:
    """The source of a sentence, assigned by the grounding check and never by a model."""

    passage: PassageId
    title: str
    source: str
    """File and anchor below the knowledge folder, or ``action:<name>``."""
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing the assistant says: a sentence or a whole reply, with what comes along."""

    text: str = ""
    buttons: tuple[Button, ...] = ()
    image: str | None = None
    custom: Mapping[str, Any] | None = None
    citations: tuple[Citation, ...] = ()
    attachment: Any = None
    """What Rasa calls so: a link, or what a channel makes of it."""


# ── What is understood ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Intent:
    """A candidate meaning; ``confidence`` is a calibrated probability in [0, 1]."""

    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Entity:
    """A span ``text[start:end]`` with its canonical ``value`` (after synonyms)."""

    name: str
    value: str
    start: int
    end: int
    extractor: str
    """``regex``, ``lookup``, ``pattern`` or the name of another recognizer."""
    role: str | None = None
    """What the entity is in this text, where an entity has roles: a city of ``departure``."""
    group: str | None = None
    """Which entities of a text belong together, where there are groups: the second pizza's ``2``."""


class Mood(StrEnum):
    """How the shopper sounds."""

    CALM = "calm"
    UPSET = "upset"
    ANGRY = "angry"


@dataclass(frozen=True, slots=True, eq=False)
class Understanding:
    """What a text means, as far as the recognizer can tell."""

    text: str
    language: str
    """ISO 639-1 code."""
    intents: tuple[Intent, ...]
    """Ranked; the first is the best guess even when the text is out of scope."""
    in_scope: float
    """Calibrated probability in [0, 1] that the text is any of the known intents."""
    entities: tuple[Entity, ...] = ()
    mood: Mood = Mood.CALM
    vector: Vector | None = None
    """The encoding that the intent was read from, for retrieval to use again."""
    encoder: str = ""
    """Name of the encoder that made ``vector``."""
    notes: tuple[str, ...] = ()
    """What went otherwise than the settings say, in words for the trace."""


# ── What is known ─────────────────────────────────────────────────────────────────────────────────


class Kind(StrEnum):
    """What a passage is made of."""

    FAQ = "faq"
    POLICY = "policy"
    PRODUCT = "product"
    ACTION = "action"
    """The result of an action, as a source for this turn only."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of knowledge with its source."""

    id: PassageId
    kind: Kind
    title: str
    """FAQ: the question. Policy: page and heading. Product: its name."""
    text: str
    """What may be quoted: the FAQ's answer, the section's text, the product's facts."""
    source: str
    locale: str = "en"
    url: str | None = None
    questions: tuple[str, ...] = ()
    """FAQ: every phrasing of the question."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Product: its columns and attributes, as written (``price``: ``"349.00"``, ``sizes``: ``"S|M"``)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that a search found. Scores are comparable within one search only."""

    passage: Passage
    score: float
    dense: float
    """Cosine similarity in [-1, 1]; for an FAQ the best over its phrasings and its answer."""
    lexical: float
    """BM25 score divided by the sum of the query's idf: in [0, about 1]."""
    question: float = 0.0
    """FAQ: calibrated probability in [0, 1] that the shopper asks exactly this entry's question."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one search brought back."""

    query: str
    """The text that was searched, after what the turn before adds to it."""
    hits: tuple[Hit, ...]
    answerable: float
    """Calibrated probability in [0, 1] that anything here answers the query."""
    products: tuple[str, ...] = ()
    """SKUs that the query is about, or that match its filters, best first."""
    filters: tuple["Filter", ...] = ()
    version: str = ""
    """Fingerprint of the index that was searched."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A wish about an attribute, read from the query: ``Filter("price", "<=", "100")``."""

    attribute: str
    operator: str
    """One of ``=``, ``<=``, ``>=``, ``has`` (the value is one of several, as a size or colour is)."""
    value: str


# ── What is decided ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Exchange:
    """One past turn, as the dialogue remembers it."""

    shopper: str
    assistant: str


class Event(NamedTuple):
    """One thing that happened in a dialogue, as rules and stories see it.

    A tuple and no dataclass, because a state keeps many of them: each is stored as a short list.
    """

    kind: Literal["user", "action", "slot", "loop", "rejected"]
    name: str
    """The intent, the action, the slot, the loop (empty where one ended), or the form that found nothing for it."""
    value: Any = None
    """Of a message its entities by name, of a slot its value."""


@dataclass(frozen=True, slots=True)
class State:
    """What a conversation remembers between turns; stored as JSON, so old states must stay readable."""

    language: str = "en"
    slots: Mapping[str, Any] = field(default_factory=dict)
    form: str | None = None
    """The form, or another of Rasa's loops, that is open."""
    requested: str | None = None
    """The slot that the shopper was asked for last."""
    attempts: int = 0
    """How often in a row the requested slot was not understood."""
    unanswered: int = 0
    """Questions in a row that the knowledge had no answer to."""
    focus: tuple[str, ...] = ()
    """SKUs that the last answer was about."""
    filters: tuple[Filter, ...] = ()
    """Filters of the last product search, which "and in red?" adds to."""
    topic: str = ""
    """The last query that was answered from knowledge."""
    history: tuple[Exchange, ...] = ()
    """The last few turns, oldest first."""
    trail: tuple[Event, ...] = ()
    """What happened lately, oldest first: what rules and stories are matched with."""
    pending: tuple[str, ...] = ()
    """Further wishes of the shopper, in words, for when the open form is done."""
    at: float = 0.0
    """When the last turn's mail came, in seconds since 1970; a session ends some time after."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Go on with a form: take what the message gave, and ask for what it still needs."""

    form: str
    again: bool = False
    """Ask once more for the same, without taking anything from this message."""


@dataclass(frozen=True, slots=True)
class Act:
    """Run an action with the slots that are filled."""

    action: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer: with a response of the domain, or (``response`` is None) from the knowledge."""

    response: str | None = None


@dataclass(frozen=True, slots=True)
class Escalate:
    """Hand over to a human agent."""

    reason: str
    response: str | None = None
    """Said before the hand-over itself."""


@dataclass(frozen=True, slots=True)
class Choose:
    """Have the shopper choose between intents that are equally likely."""

    intents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave the open form without doing its work; ``anew`` forgets all that was told, too."""

    response: str
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Reopen:
    """Take a value back that the shopper calls wrong, and ask for it again."""

    slot: str


Decision = Ask | Act | Answer | Escalate | Choose | Leave | Reopen


@dataclass(frozen=True, slots=True)
class Receipt:
    """An action's proof that something happened."""

    id: str
    action: str
    summary: str


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What an action brought back: things to say, slots to set, a receipt, and where the dialogue shall go."""

    utterances: tuple[Utterance, ...] = ()
    slots: Mapping[str, Any] = field(default_factory=dict)
    receipt: Receipt | None = None
    forgets: bool = False
    """All slots are to be reset before ``slots`` are set."""
    restarts: bool = False
    """The conversation begins anew."""
    rejects: bool = False
    """The form is to go on as if the message had given it nothing."""
    loop: str | None = None
    """The loop that it opened; empty where it ended the open one."""
    followup: str | None = None
    """The action that comes next, whatever the rules say."""
    pauses: bool = False
    """The assistant is to be silent: a person is called."""
    notes: tuple[str, ...] = ()
    """What it asked for that is not done."""


# ── What is checked and traced ────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement in a draft that a source must support."""

    kind: str
    """``number``, ``price``, ``percentage``, ``date``, ``time``, ``duration``, ``measure``, ``code``, ``link``,
    ``email``, ``phone``, ``product``, ``country``, ``name``, ``done`` or ``statement``."""
    text: str
    """As it stands in the draft."""
    supported: bool
    reason: str = ""
    """Why not, in words for the trace; empty when supported."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the grounding check says of one sentence."""

    sentence: str
    supported: bool
    claims: tuple[Claim, ...] = ()
    similarity: float = 0.0
    citation: Citation | None = None


class Rung(StrEnum):
    """The step of the ladder that a reply came from, cheapest first."""

    RESPONSE = "response"
    """A response of the shop's domain: greetings, questions for a slot, hand-over."""
    APPROVED = "approved"
    """An answer that the shop has written to this very question."""
    CACHED = "cached"
    WRITTEN = "written"
    """The writer's words, checked."""
    QUOTED = "quoted"
    """The best passage as it stands."""
    LISTED = "listed"
    """Products that match, as the catalogue has them."""
    ACTION = "action"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Trace:
    """Why a turn said what it said. It goes to the log with the turn."""

    language: str = ""
    intents: tuple[Intent, ...] = ()
    in_scope: float = 0.0
    entities: tuple[Entity, ...] = ()
    mood: Mood = Mood.CALM
    decision: str = ""
    query: str = ""
    answerable: float = 0.0
    passages: tuple[tuple[PassageId, float], ...] = ()
    rung: Rung = Rung.RESPONSE
    verdicts: tuple[Verdict, ...] = ()
    """Of every sentence that was drafted, shown or not."""
    notes: tuple[str, ...] = ()
    """Rungs that were tried and left, and why."""
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    """By stage."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the assistant made of the mail: the end of a turn, ready to commit.

    ``utterances`` are those not yet said sentence by sentence while the turn was made.
    """

    utterances: tuple[Utterance, ...]
    state: State
    trace: Trace
    floor: Floor | None = None
    """The floor after this turn, where it changes."""
    receipts: tuple[Receipt, ...] = ()
    """Of what its actions did."""


# ── What is stored ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as a worker takes it: its mail, and what fences its turn."""

    id: ConversationId
    version: int
    """Rises with every finished turn."""
    epoch: int
    """Rises whenever the floor changes."""
    floor: Floor
    state: State
    mail: tuple[Message, ...]
    """Accepted messages that no turn has covered, oldest first; never empty when a worker has it. Where their turn has
    ``begun``, only those that it was begun for."""
    said: tuple[Utterance, ...] = ()
    """What an earlier, interrupted try of this very turn said already."""
    tries: int = 0
    """How often this turn was taken before and did not end."""
    begun: bool = False
    """Whether an earlier try of this turn began to speak or to act: what it did stays done."""
    readable: bool = True
    """False where something in it could not be decoded and an empty record stands in its place: answer nothing."""

    @property
    def turn(self) -> TurnId:
        """The turn that covers the mail."""
        first = self.mail[0].log_id
        assert first is not None, "mail was accepted, so it stands in the log"
        return TurnId(first)


class EntryKind(StrEnum):
    """What a log entry records."""

    SHOPPER = "shopper"
    ASSISTANT = "assistant"
    AGENT = "agent"
    TURN = "turn"
    """The end of a turn: what it covered, and its trace."""
    FLOOR = "floor"
    RECEIPT = "receipt"
    FEEDBACK = "feedback"
    """A shopper's thumb up or down on something that was said."""
    EVENT = "event"
    """An event of Rasa's tracker that a program put there; no shopper sees it."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """A shopper's thumb; the last one on the same line counts."""

    about: LogId
    """The assistant's or agent's line."""
    helpful: bool | None
    """None takes it back."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a conversation's log."""

    id: LogId
    kind: EntryKind
    at: datetime
    turn: TurnId | None = None
    message: Message | None = None
    utterance: Utterance | None = None
    trace: Trace | None = None
    covers: tuple[MessageId, ...] = ()
    floor: Floor | None = None
    receipt: Receipt | None = None
    feedback: Feedback | None = None
    event: Mapping[str, Any] | None = None
    """As Rasa's clients write it."""
