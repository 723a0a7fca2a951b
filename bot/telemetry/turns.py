"""What is recorded of a turn: its metrics, its log line and its trace."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING

from bot import __version__
from bot.errors import TurnRefused
from bot.records import Conversation, LogId, Trace, Turn
from bot.telemetry.logs import TEXT_FIELD
from bot.telemetry.metrics import (
    ANSWERED_SECONDS,
    FIRST_SENTENCE_SECONDS,
    MESSAGES_SET_ASIDE,
    REFUSED_CLAIMS,
    STAGE_SECONDS,
    TURNS,
    TURNS_UNDER_WAY,
    count_drop,
)
from bot.telemetry.stopwatch import Stopwatch
from bot.telemetry.tracing import Attributes, span

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_log = logging.getLogger("bot.turn")

SET_ASIDE = "set aside"
LISTENED = "an agent has the floor"
"""Decisions of the worker, which stand in a trace beside those of the assistant."""

_KIND = re.compile(r"([A-Z]\w*)\(")

# The library finds the series of its labels behind a lock; there are a few dozen, and ten are wanted for each turn.
_turns = cache(TURNS.labels)
_stage_seconds = cache(STAGE_SECONDS.labels)


class Record:
    """What is known of the turn that is made inside a block; also whether it was dropped."""

    __slots__ = ("_conversation", "_opened", "_span", "_started", "watch")

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        attributes: Attributes = {
            "kefu.conversation": conversation.id,
            "kefu.turn": conversation.turn,
            "kefu.messages": len(conversation.mail),
            "kefu.tries": conversation.tries,
            "kefu.version": __version__,
        }
        self._opened: AbstractContextManager[Span | None] = span("turn", attributes)
        self._span: Span | None = None
        self.watch = Stopwatch()
        """Measures what the worker does; the assistant's own stages are in the turn's trace."""

    def __enter__(self) -> "Record":
        TURNS_UNDER_WAY.inc()
        self._span = self._opened.__enter__()
        self._started = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        TURNS_UNDER_WAY.dec()
        if isinstance(exc, TurnRefused):
            count_drop(exc)
        self._opened.__exit__(kind, exc, trace)

    def ended(self, turn: Turn, end: LogId, first: LogId | None = None, words: Sequence[str] = ()) -> None:
        """The turn was committed as ``end``; it said ``words`` before that, the first of them as ``first``."""
        decision = kind_of(turn.trace)
        rung = "none" if decision == "listened" else str(turn.trace.rung)
        whole = round((time.perf_counter() - self._started) * 1000, 3)
        milliseconds = {**turn.trace.milliseconds, **self.watch.read(), "turn": whole}
        _turns(rung, decision).inc()
        for name, spent in milliseconds.items():
            _stage_seconds(name).observe(spent / 1000)
        for verdict in turn.trace.verdicts:
            for claim in verdict.claims:
                if not claim.supported:
                    REFUSED_CLAIMS.labels(claim.kind).inc()
        if decision != "listened":
            self._observe_waits(turn, end, first)
        self._trace(turn, rung, decision)
        self._tell(turn, rung, decision, milliseconds, words)

    def _observe_waits(self, turn: Turn, end: LogId, first: LogId | None) -> None:
        # Log ids are times of one clock, Redis's: no skew between the servers comes in.
        accepted = _time(self._conversation.turn)
        ANSWERED_SECONDS.observe(max(0.0, _time(end) - accepted))
        if not self._conversation.said and (first or turn.utterances):
            FIRST_SENTENCE_SECONDS.observe(max(0.0, _time(first or end) - accepted))

    def _trace(self, turn: Turn, rung: str, decision: str) -> None:
        if self._span is not None:
            self._span.set_attributes(
                {"kefu.rung": rung, "kefu.decision": decision, "kefu.language": turn.trace.language}
            )

    def _tell(
        self, turn: Turn, rung: str, decision: str, milliseconds: Mapping[str, float], words: Sequence[str]
    ) -> None:
        mail = self._conversation.mail
        level, event = logging.INFO, "turn"
        if decision == "set_aside":
            MESSAGES_SET_ASIDE.inc(len(mail))
            level, event = logging.ERROR, "messages were set aside: every try to answer them failed"
        if not _log.isEnabledFor(level):
            return
        line = {
            **ids(self._conversation),
            "messages": [message.id for message in mail],
            "covers": len(mail),
            "rung": rung,
            "decision": decision,
            "language": turn.trace.language,
            "milliseconds": milliseconds,
            TEXT_FIELD: {
                "shopper": [message.text for message in mail],
                "assistant": [
                    *(utterance.text for utterance in self._conversation.said),
                    *words,
                    *(utterance.text for utterance in turn.utterances),
                ],
            },
        }
        _log.log(level, event, extra=line)


def ids(conversation: Conversation) -> dict[str, str]:
    """The fields by which a log line names a turn."""
    return {"conversation": conversation.id, "turn": conversation.turn}


def kind_of(trace: Trace) -> str:
    """What was decided, as one of a few words: ask, act, answer, choose, leave, reopen, escalate, set_aside, listened
    or other."""
    if trace.decision == SET_ASIDE:
        return "set_aside"
    if trace.decision == LISTENED:
        return "listened"
    found = _KIND.match(trace.decision)
    return found[1].lower() if found else "other"


def _time(log_id: str) -> float:
    """When an entry was made, in seconds."""
    return int(log_id.partition("-")[0]) / 1000
