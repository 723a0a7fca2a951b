"""What is stored comes back as it was, and what an older or newer Kefu stored can be read."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations import codec
from bot.records import (
    Citation,
    EntryKind,
    Event,
    Exchange,
    Filter,
    Floor,
    LogId,
    Message,
    Receipt,
    State,
    Trace,
    TurnId,
    Utterance,
    Verdict,
)

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
objects: st.SearchStrategy[Mapping[str, Any]] = st.dictionaries(st.text(), json_values, max_size=4)
log_ids = st.builds("{}-{}".format, st.integers(0, 4_000_000_000_000), st.integers(0, 2**63)).map(LogId)
messages = st.builds(
    Message,
    received_at=st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 (set by timezones)
    metadata=objects,
    log_id=st.none(),
)
utterances = st.builds(
    Utterance,
    text=st.text(),
    custom=st.none() | objects,
    citations=st.lists(st.builds(Citation), max_size=2).map(tuple),
)
finite = st.floats(allow_nan=False, allow_infinity=False)
verdicts = st.builds(Verdict, similarity=finite)
traces = st.builds(
    Trace,
    in_scope=finite,
    intents=st.just(()),
    answerable=finite,
    passages=st.lists(st.tuples(st.text(), finite), max_size=3).map(tuple),
    verdicts=st.lists(verdicts, max_size=2).map(tuple),
    milliseconds=st.dictionaries(st.text(), finite, max_size=3),
)
texts = st.lists(st.text(), max_size=3).map(tuple)
events = st.builds(Event, value=st.none() | objects | json_values)
states = st.builds(
    State,
    language=st.text(),
    slots=objects,
    form=st.none() | st.text(),
    requested=st.none() | st.text(),
    attempts=st.integers(0, 9),
    unanswered=st.integers(0, 9),
    focus=texts,
    filters=st.lists(st.builds(Filter), max_size=2).map(tuple),
    topic=st.text(),
    history=st.lists(st.builds(Exchange), max_size=2).map(tuple),
    trail=st.lists(events, max_size=3).map(tuple),
    pending=texts,
    at=finite,
)


@given(states)
def test_that_a_state_comes_back_as_it_was(state: State) -> None:
    assert codec.decode_state(codec.encode(state)) == state


@given(messages, log_ids)
def test_that_mail_comes_back_with_its_place(message: Message, log_id: LogId) -> None:
    mail = codec.decode_mail(f"{log_id} ".encode() + codec.encode(message))
    assert mail.log_id == log_id
    assert msgspec.to_builtins(mail) == msgspec.to_builtins(message) | {"log_id": log_id}


@given(utterances, log_ids)
def test_that_what_was_said_comes_back(utterance: Utterance, log_id: LogId) -> None:
    assert codec.decode_said(f"{log_id} ".encode() + codec.encode(utterance)) == utterance
    assert codec.decode_reply(codec.encode((utterance, utterance))) == (utterance, utterance)


@given(
    log_ids,
    st.sampled_from(EntryKind),
    st.none() | st.text().map(TurnId),
    st.none() | utterances,
    st.none() | traces,
    texts,
    st.none() | st.sampled_from(Floor),
    st.none() | st.builds(Receipt),
)
def test_that_a_log_entry_comes_back_as_it_was(
    log_id: LogId,
    kind: EntryKind,
    turn: TurnId | None,
    utterance: Utterance | None,
    trace: Trace | None,
    covers: tuple[Any, ...],
    floor: Floor | None,
    receipt: Receipt | None,
) -> None:
    line = codec.encode_entry(
        kind, turn=turn, utterance=utterance, trace=trace, covers=covers, floor=floor, receipt=receipt
    )
    entry = codec.decode_entry(log_id, line)
    assert (entry.id, entry.kind, entry.turn) == (log_id, kind, turn)
    assert (entry.utterance, entry.trace, entry.covers) == (utterance, trace, covers)
    assert (entry.floor, entry.receipt) == (floor, receipt)
    assert entry.at == codec.time_of(log_id)


@given(states, objects, st.sets(st.sampled_from(sorted(State.__dataclass_fields__))))
def test_that_states_of_other_versions_are_readable(
    state: State, unknown: Mapping[str, Any], missing: set[str]
) -> None:
    stored = json.loads(codec.encode(state))
    newer = {f"new_{name}": value for name, value in unknown.items()}
    older = {name: value for name, value in stored.items() if name not in missing}
    read = codec.decode_state(codec.encode(newer | older))
    for name in State.__dataclass_fields__:
        assert getattr(read, name) == getattr(State() if name in missing else state, name)
