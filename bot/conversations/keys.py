"""Every key that Kefu keeps in Redis: its name, its shard, and how long it may live."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from functools import lru_cache
from zlib import crc32

from bot.records import ConversationId, MessageId

SHARDS = 256
"""How many hash tags there are. It bounds the streams a worker listens to; changing it moves every conversation."""

SEEN = timedelta(days=7)
"""Platforms deliver again for hours, some for days; none of those served here for a week."""

REPLY = timedelta(days=7)
"""A cached reply's key carries the version of the knowledge, so this only bounds the memory of old versions."""


DAY = timedelta(days=1)
"""A budget's while."""


class Lifetime(Enum):
    """How long a kind of key lives."""

    RETENTION = "retention"
    """Counted from the conversation's last message or turn, to within a hundredth."""
    SEEN = "seen"
    REPLY = "reply"
    DAY = "day"
    """Counted from the first that was spent."""
    STANDING = "standing"
    """For ever, and empty when nothing waits: its entries go when they are done."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is promised about every key whose whole name matches ``pattern``."""

    pattern: re.Pattern[str]
    what: str
    lifetime: Lifetime

    def limit(self, retention: timedelta) -> timedelta | None:
        """The longest time to live, None for standing keys. Nothing of a shopper outlives ``retention``."""
        match self.lifetime:
            case Lifetime.RETENTION:
                return retention
            case Lifetime.SEEN:
                return min(SEEN, retention)
            case Lifetime.REPLY:
                return REPLY
            case Lifetime.DAY:
                return DAY
            case Lifetime.STANDING:
                return None


_TAG = r"\{s(?:0|[1-9]\d{0,2})\}"

RULES = tuple(
    Rule(re.compile(pattern, re.DOTALL), what, lifetime)
    for pattern, what, lifetime in (
        (rf"{_TAG}:ready", "stream: ids of conversations with mail", Lifetime.STANDING),
        (rf"{_TAG}:outbox", "stream: ids of conversations with replies to deliver", Lifetime.STANDING),
        (
            rf"{_TAG}:c:.+",
            "hash: state, version, epoch, floor, shopper, mail of the turn under way, queue entries, thumbs, heard",
            Lifetime.RETENTION,
        ),
        (rf"{_TAG}:mail:.+", "list: messages no turn has covered", Lifetime.RETENTION),
        (rf"{_TAG}:said:.+", "list: what the turn under way has said", Lifetime.RETENTION),
        (rf"{_TAG}:log:.+", "stream: everything said and done", Lifetime.RETENTION),
        (rf"{_TAG}:post:.+", "list: replies a platform must deliver", Lifetime.RETENTION),
        (rf"{_TAG}:seen:\d+:.+", "string: log id of a message that came already", Lifetime.SEEN),
        (rf"{_TAG}:shopper:.+", "set: a shopper's conversations in this shard", Lifetime.RETENTION),
        (
            rf"{_TAG}:spent:.+",
            "number: what a shopper or an address (a keyed hash) spent of a day's budget",
            Lifetime.DAY,
        ),
        (r"reply:.+", "string: a checked, impersonal reply", Lifetime.REPLY),
    )
)
"""No name is under two rules: what an id contains always comes last."""


def rule_of(key: str) -> Rule | None:
    """The rule that ``key`` is under; None means that Kefu must not write it."""
    return next((rule for rule in RULES if rule.pattern.fullmatch(key)), None)


def shard_of(conversation: ConversationId) -> int:
    """The shard, in [0, SHARDS), that holds every key of ``conversation``."""
    return crc32(conversation.encode()) % SHARDS


def tag(shard: int) -> str:
    """The hash tag that keeps a shard's keys on one node of a Redis Cluster."""
    return f"{{s{shard}}}"


def ready(shard: int) -> str:
    """Stream of conversations with mail."""
    return f"{tag(shard)}:ready"


def outbox(shard: int) -> str:
    """Stream of conversations with replies to deliver."""
    return f"{tag(shard)}:outbox"


def shopper(shard: int, shopper_id: str) -> str:
    """Set of a shopper's conversations in a shard: accepting stays one script, and finding asks every shard."""
    return f"{tag(shard)}:shopper:{shopper_id}"


def spent(name: str, shard: int | None = None) -> str:
    """What was spent of a day's budget: in the shard of the conversation that it is for; else in one of its own."""
    return f"{tag(crc32(name.encode()) % SHARDS if shard is None else shard)}:spent:{name}"


def reply(name: str) -> str:
    """A cached reply. It belongs to no conversation, so it carries no hash tag."""
    return f"reply:{name}"


@dataclass(frozen=True, slots=True)
class ConversationKeys:
    """The keys of one conversation, all in one shard."""

    id: ConversationId
    shard: int
    hash: str
    mail: str
    said: str
    log: str
    post: str
    """Replies of this conversation that a platform must deliver."""
    ready: str
    outbox: str
    live: str
    """Pub/sub channel: the log has grown. Not a key."""

    @classmethod
    @lru_cache(maxsize=2048)  # A turn asks six times, from the channel to the commit.
    def of(cls, conversation: ConversationId) -> "ConversationKeys":
        """The keys of ``conversation``."""
        shard = shard_of(conversation)
        prefix = tag(shard)
        return cls(
            id=conversation,
            shard=shard,
            hash=f"{prefix}:c:{conversation}",
            mail=f"{prefix}:mail:{conversation}",
            said=f"{prefix}:said:{conversation}",
            log=f"{prefix}:log:{conversation}",
            post=f"{prefix}:post:{conversation}",
            ready=ready(shard),
            outbox=outbox(shard),
            live=f"{prefix}:live:{conversation}",
        )

    def seen(self, message: MessageId) -> str:
        """Marks a message as accepted.

        Named by conversation and not only by channel: ids that a REST client counts per sender would meet.
        The length keeps conversation ``a:b`` with message ``c`` apart from ``a`` with ``b:c``.
        """
        return f"{tag(self.shard)}:seen:{len(self.id)}:{self.id}:{message}"

    def shopper(self, shopper_id: str) -> str:
        """The shopper's index in this conversation's shard."""
        return shopper(self.shard, shopper_id)
