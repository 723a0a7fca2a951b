"""What is recorded of a turn: its metrics, its log line and its trace."""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


class Record:
    """What is known of a turn under way."""

    def __init__(self, conversation: Conversation, current: "Span | None") -> None:
        self._conversation = conversation
        self._span = current
        self._started = time.perf_counter()
        self.watch = Stopwatch()
        """Measures what the worker does; the assistant's own stages are in the turn's trace."""

    def ended(self, turn: Turn, end: LogId, first: LogId | None = None, words: Sequence[str] = ()) -> None:
        """The turn was committed as ``end``; it said ``words`` before that, the first of them as ``first``."""
        decision = kind_of(turn.trace)
        rung = "none" if decision == "listened" else str(turn.trace.rung)
        whole = round((time.perf_counter() - self._started) * 1000, 3)
        milliseconds = {**turn.trace.milliseconds, **self.watch.read(), "turn": whole}
        TURNS.labels(rung, decision).inc()
        for name, spent in milliseconds.items():
            STAGE_SECONDS.labels(name).observe(spent / 1000)
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
        if decision == "set_aside":
            MESSAGES_SET_ASIDE.inc(len(mail))
            _log.error("messages were set aside: every try to answer them failed", extra=line)
        else:
            _log.info("turn", extra=line)


@contextmanager
def recorded(conversation: Conversation) -> Iterator[Record]:
    """Record the turn that is made inside the block, and whether it was dropped."""
    attributes: Attributes = {
        "kefu.conversation": conversation.id,
        "kefu.turn": conversation.turn,
        "kefu.messages": len(conversation.mail),
        "kefu.tries": conversation.tries,
        "kefu.version": __version__,
    }
    with TURNS_UNDER_WAY.track_inprogress(), span("turn", attributes) as current:
        record = Record(conversation, current)
        try:
            yield record
        except TurnRefused as exc:
            count_drop(exc)
            raise


def ids(conversation: Conversation) -> dict[str, str]:
    """The fields by which a log line names a turn."""
    return {"conversation": conversation.id, "turn": conversation.turn}


def kind_of(trace: Trace) -> str:
    """What was decided, as one of a few words: ask, act, answer, escalate, set_aside, listened or unreadable."""
    if trace.decision == SET_ASIDE:
        return "set_aside"
    if trace.decision == LISTENED:
        return "listened"
    found = _KIND.match(trace.decision)
    return found[1].lower() if found else "unreadable"


def _time(log_id: str) -> float:
    """When an entry was made, in seconds."""
    return int(log_id.partition("-")[0]) / 1000
