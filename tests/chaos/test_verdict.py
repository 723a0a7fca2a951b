"""The verdict itself: a good conversation passes, and every way to spoil it is found and called by its name."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.records import (
    ConversationId,
    Entry,
    EntryKind,
    LogId,
    Message,
    MessageId,
    Trace,
    TurnId,
    Utterance,
)
from tests.chaos.diary import Diary, Window
from tests.chaos.faults import Kind, plan_faults
from tests.chaos.script import Again, Line, Manner, replies_to, write_script
from tests.chaos.verdict import Wrong, judge, shown

ANNA = ConversationId("rest:anna")
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)

Log = list[Entry]


def talk() -> tuple[Diary, Log]:
    """Three messages, each answered by a turn of its own with two sentences; a window that saw it all."""
    diary, log = Diary(ANNA), Log()
    for n in range(3):
        line = Line(MessageId(f"m{n}"), Manner.SPOKEN, 2, None)
        sent = diary.begin(line)
        sent.accept()
        sent.answered = True
        message = Message(line.id, ANNA, "rest", "anna", line.text, NOON)
        turn = TurnId(f"{n}-0")
        log.append(entry(n, 0, EntryKind.SHOPPER, message=message))
        for m, text in enumerate(replies_to(message)):
            log.append(entry(n, 1 + m, EntryKind.ASSISTANT, turn=turn, utterance=Utterance(f"{text} by 7")))
        log.append(entry(n, 3, EntryKind.TURN, turn=turn, covers=(line.id,), trace=Trace()))
        sent.replies.append(tuple(f"{text} by 7" for text in replies_to(message)))
    diary.windows.append(Window([(entry.id, shown(entry)) for entry in log], (), 0, late=False, connections=1))
    return diary, log


def entry(n: int, m: int, kind: EntryKind, **fields: object) -> Entry:
    return replace(Entry(LogId(f"{n}-{m}"), kind, NOON + timedelta(seconds=n)), **fields)  # type: ignore[arg-type]


def test_that_a_good_conversation_passes() -> None:
    diary, log = talk()
    assert judge(diary, log, answered=3).findings == []


def drop(place: int) -> Callable[[Diary, Log], None]:
    def spoil(diary: Diary, log: Log) -> None:
        del log[place]

    return spoil


def double(place: int) -> Callable[[Diary, Log], None]:
    def spoil(diary: Diary, log: Log) -> None:
        log.insert(place, log[place])

    return spoil


def swap(place: int, other: int) -> Callable[[Diary, Log], None]:
    def spoil(diary: Diary, log: Log) -> None:
        log[place], log[other] = log[other], log[place]

    return spoil


def swap_turns(diary: Diary, log: Log) -> None:
    log[0:4], log[4:8] = log[4:8], log[0:4]


def alter(diary: Diary, log: Log) -> None:
    log[1] = replace(log[1], utterance=Utterance("something else by 7"))


def keep_what_was_refused(diary: Diary, log: Log) -> None:
    diary.refused.add(MessageId("m1"))
    del diary.sent[MessageId("m1")]


def leave_unanswered(diary: Diary, log: Log) -> None:
    diary.sent[MessageId("m1")].answered = False


def answer_half(diary: Diary, log: Log) -> None:
    diary.sent[MessageId("m1")].replies.append(("m1 1/2 by 7",))


def show_less(diary: Diary, log: Log) -> None:
    diary.windows[0] = replace(diary.windows[0], lines=diary.windows[0].lines[:-1])


def show_twice(diary: Diary, log: Log) -> None:
    diary.windows[0] = replace(diary.windows[0], lines=[*diary.windows[0].lines, diary.windows[0].lines[-1]])


def start_over(diary: Diary, log: Log) -> None:
    diary.windows[0] = replace(diary.windows[0], resyncs=1)


@pytest.mark.parametrize(
    ("spoil", "wrong"),
    [
        pytest.param(drop(0), Wrong.LOST, id="a message is gone"),
        pytest.param(drop(1), Wrong.LOST, id="a sentence is gone"),
        pytest.param(drop(3), Wrong.LOST, id="the end of a turn is gone"),
        pytest.param(double(0), Wrong.DOUBLED, id="a message came twice"),
        pytest.param(double(1), Wrong.DOUBLED, id="a sentence was said twice"),
        pytest.param(double(3), Wrong.DOUBLED, id="a turn ended twice"),
        pytest.param(swap(1, 2), Wrong.REORDERED, id="sentences changed places"),
        pytest.param(swap(0, 4), Wrong.REORDERED, id="messages changed places"),
        pytest.param(swap_turns, Wrong.REORDERED, id="a later message was answered first"),
        pytest.param(swap(2, 6), Wrong.REORDERED, id="a sentence stands in another turn"),
        pytest.param(alter, Wrong.ALTERED, id="something else was said"),
        pytest.param(keep_what_was_refused, Wrong.ALTERED, id="a refused message was kept"),
        pytest.param(leave_unanswered, Wrong.LOST, id="a shopper waits for ever"),
        pytest.param(answer_half, Wrong.ALTERED, id="a reply was cut short"),
        pytest.param(show_less, Wrong.LOST, id="a window lacks a line"),
        pytest.param(show_twice, Wrong.DOUBLED, id="a window shows a line twice"),
        pytest.param(start_over, Wrong.LOST, id="a window was told to start over"),
    ],
)
def test_that_a_spoiled_conversation_is_found_out(spoil: Callable[[Diary, Log], None], wrong: Wrong) -> None:
    diary, log = talk()
    spoil(diary, log)
    assert wrong in {finding.wrong for finding in judge(diary, log, answered=3).findings}


def test_that_a_state_which_missed_a_turn_is_found_out() -> None:
    diary, log = talk()
    assert judge(diary, log, answered=2).findings


def test_that_every_fifth_message_is_delivered_again_and_every_fault_has_its_share() -> None:
    lines = [line for breath in write_script("c", 1000, random.Random(3)) for line in breath]
    assert len({line.id for line in lines}) == 1000
    assert sum(line.again is not None for line in lines) == 200
    assert {line.again for line in lines} == {None, *Again}
    kinds = [fault.kind for fault in plan_faults(25, 3, seed=3)]
    assert len(kinds) == 25
    assert set(kinds) == set(Kind)
