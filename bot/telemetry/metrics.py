"""Every metric of this process, in a registry of its own; each process is scraped by itself.

Recorded where the thing happens. Labels have few values, and never an id or a word of a shopper.
"""

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from bot import __version__
from bot.errors import (
    BadRequest,
    BudgetSpent,
    FileRefused,
    FileTooBig,
    KefuError,
    MailboxFull,
    NotAllowed,
    Overloaded,
    RateLimited,
    StoreUnavailable,
    TurnRefused,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # Twice the series, for what a scraper knows anyway.

REGISTRY = CollectorRegistry()
"""Not the library's global one: other libraries write there."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_STAGE = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ANSWER = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_ROUND_TRIP = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

# ── Turns ─────────────────────────────────────────────────────────────────────────────────────────

TURNS = Counter("kefu_turns", "Turns committed, by rung and decision.", ["rung", "decision"], registry=REGISTRY)
TURNS_UNDER_WAY = Gauge("kefu_turns_under_way", "Turns that this process makes now.", registry=REGISTRY)
TURNS_DROPPED = Counter(
    "kefu_turns_dropped", "Drafts dropped because the conversation moved on.", ["reason"], registry=REGISTRY
)
TURN_RETRIES = Counter("kefu_turn_retries", "Turns tried again after a failure.", registry=REGISTRY)
MESSAGES_SET_ASIDE = Counter(
    "kefu_messages_set_aside", "Messages that no try could answer; somebody has to look.", registry=REGISTRY
)
TAKEOVERS = Counter(
    "kefu_takeovers", "Conversations claimed because their lease was too old: a server died.", registry=REGISTRY
)
STAGE_SECONDS = Histogram(
    "kefu_stage_seconds", "Time of a stage in one turn.", ["stage"], buckets=_STAGE, registry=REGISTRY
)
FIRST_SENTENCE_SECONDS = Histogram(
    "kefu_first_sentence_seconds", "From accepted to the first sentence.", buckets=_ANSWER, registry=REGISTRY
)
ANSWERED_SECONDS = Histogram(
    "kefu_answered_seconds", "From the first message accepted to its turn's end.", buckets=_ANSWER, registry=REGISTRY
)
REFUSED_CLAIMS = Counter(
    "kefu_refused_claims", "Claims of the writer that no source supports.", ["kind"], registry=REGISTRY
)

# ── Messages ──────────────────────────────────────────────────────────────────────────────────────

MESSAGES = Counter(
    "kefu_messages", "Messages accepted, and those that came before.", ["channel", "outcome"], registry=REGISTRY
)
REFUSED = Counter(
    "kefu_messages_refused", "Messages refused: nothing was kept.", ["channel", "reason"], registry=REGISTRY
)
REQUESTS = Gauge("kefu_requests_in_flight", "REST requests that wait for their turn.", registry=REGISTRY)
BACKLOG = Gauge(
    "kefu_backlog_conversations", "Conversations that wait for a worker, of all servers'.", registry=REGISTRY
)
BACKLOG_AGE = Gauge("kefu_backlog_age_seconds", "Age of the oldest that waits for a worker.", registry=REGISTRY)
SHEDDING = Gauge("kefu_shedding", "1 while new messages are refused for overload.", registry=REGISTRY)

# ── Sockets ───────────────────────────────────────────────────────────────────────────────────────

SOCKETS = Gauge("kefu_sockets", "Widget sockets open now.", registry=REGISTRY)
SOCKETIO_SOCKETS = Gauge("kefu_socketio_sockets", "Socket.IO clients connected now.", registry=REGISTRY)
SOCKETS_OPENED = Counter("kefu_sockets_opened", "Widget sockets opened.", registry=REGISTRY)
SOCKETS_CLOSED = Counter("kefu_sockets_closed", "Widget sockets closed, by close code.", ["code"], registry=REGISTRY)
SLOW_READERS = Counter("kefu_slow_readers", "Sockets dropped because they read too slowly.", registry=REGISTRY)
RESYNCS = Counter("kefu_resyncs", "Sockets told to forget their lines and start anew.", registry=REGISTRY)

# ── Delivery ──────────────────────────────────────────────────────────────────────────────────────

DELIVERIES = Counter(
    "kefu_deliveries",
    "Replies posted to another server: delivered, tried in vain, or given up.",
    ["channel", "outcome"],
    registry=REGISTRY,
)

# ── Rasa ──────────────────────────────────────────────────────────────────────────────────────────

RASA_SECONDS = Histogram(
    "kefu_rasa_seconds", "Time of one reading by the Rasa server.", buckets=_STAGE, registry=REGISTRY
)
RASA_FALLBACKS = Counter(
    "kefu_rasa_fallbacks",
    "Messages that Rasa should have read, and the embedded recognizer did.",
    ["reason"],
    registry=REGISTRY,
)

# ── Writer ────────────────────────────────────────────────────────────────────────────────────────

WRITER_REPLIES = Gauge("kefu_writer_replies", "Replies being written or waiting for a seat.", registry=REGISTRY)
WRITER_PIECES = Counter("kefu_writer_pieces", "Pieces of text written; about one a token.", registry=REGISTRY)
WRITER_FAILURES = Counter(
    "kefu_writer_failures", "Drafts cut short: the writer was late or away.", ["reason"], registry=REGISTRY
)

# ── Redis and the process ─────────────────────────────────────────────────────────────────────────

REDIS_SECONDS = Histogram(
    "kefu_redis_round_trip_seconds", "Round trip to Redis, of a whole batch.", buckets=_ROUND_TRIP, registry=REGISTRY
)
REDIS_FAILURES = Counter("kefu_redis_failures", "Round trips that Redis did not answer.", registry=REGISTRY)
REDIS_UP = Gauge("kefu_redis_up", "1 where Redis answered the last look, each second.", registry=REGISTRY)
LOOP_LAG_SECONDS = Histogram(
    "kefu_loop_lag_seconds", "How late the event loop wakes a task.", buckets=_STAGE[1:], registry=REGISTRY
)
BUILD = Info("kefu_build", "Version of Kefu and of Python.", registry=REGISTRY)
BUILD.info({"version": __version__, "python": platform.python_version()})
ProcessCollector(registry=REGISTRY)

_REASONS: tuple[tuple[type[KefuError], str], ...] = (
    (MailboxFull, "mailbox"),
    (BudgetSpent, "budget"),
    (RateLimited, "rate"),
    (Overloaded, "overloaded"),
    (StoreUnavailable, "unavailable"),
    (NotAllowed, "not_allowed"),
    (FileRefused, "bad_file"),
    (FileTooBig, "bad_file"),
    (BadRequest, "bad_message"),
)


def count_refusal(channel: str, why: KefuError) -> None:
    """Count a message that ``channel`` refused."""
    name = next((name for kind, name in _REASONS if isinstance(why, kind)), "other")
    REFUSED.labels(channel, name).inc()


def count_drop(why: TurnRefused) -> None:
    """Count a draft that was dropped."""
    TURNS_DROPPED.labels(type(why).__name__).inc()


def render() -> bytes:
    """All metrics in Prometheus's text format, `CONTENT_TYPE`."""
    return generate_latest(REGISTRY)
