"""Whatever an assistant, an action server, a catalogue or a shopper writes, nothing that nobody can see is shown."""

import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.channels.frames import line_of
from bot.channels.rest import wire
from bot.conversations.files import clean_name
from bot.grounding.shown import presentable, visible_data, web
from bot.records import (
    Attachment,
    Button,
    Citation,
    ConversationId,
    Entry,
    EntryKind,
    LogId,
    Message,
    MessageId,
    PassageId,
    Utterance,
)

HIDDEN = "\u200b\u200d\u202e\u2066\u2069\ufeff\u00ad\U000e0041\x00\x1b\x7f\ue000"
"""A zero-width space and joiner, bidi overrides, a tag letter, controls, a private letter."""

texts = st.text(st.one_of(st.characters(exclude_categories=("Cs",)), st.sampled_from(HIDDEN)), max_size=30)
data = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=12,
)
products = st.fixed_dictionaries({"products": st.lists(st.dictionaries(texts, data, max_size=4), max_size=3)})
citations = st.builds(
    Citation, passage=st.just(PassageId("p")), title=texts, source=texts, url=st.one_of(st.none(), texts)
)
utterances = st.builds(
    Utterance,
    text=texts,
    buttons=st.tuples(st.builds(Button, title=texts, payload=texts)),
    image=st.one_of(st.none(), texts),
    custom=st.one_of(st.none(), st.dictionaries(texts, data, max_size=3), products),
    citations=st.tuples(citations),
)


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield name
            yield from strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


def assert_seen(value: Any) -> None:
    for text in strings(value):
        hidden = [char for char in text if unicodedata.category(char)[0] == "C" and char not in "\n\t"]
        assert not hidden, (hidden, text)


@given(utterances)
def test_that_rest_shows_nothing_hidden(utterance: Utterance) -> None:
    shown = presentable(utterance)
    assert_seen(wire(shown))
    assert_seen([[cited.title, cited.source, cited.url] for cited in shown.citations])
    assert presentable(shown) == shown


@given(utterances, st.sampled_from([EntryKind.ASSISTANT, EntryKind.AGENT]))
def test_that_sockets_show_nothing_hidden_whoever_wrote_it(utterance: Utterance, kind: EntryKind) -> None:
    assert_seen(line(Entry(LogId("1-0"), kind, datetime.now(UTC), utterance=utterance)))


@given(texts, st.one_of(st.none(), texts), texts)
def test_that_a_shoppers_own_line_shows_nothing_hidden(text: str, shown: str | None, name: str) -> None:
    attachment = Attachment("0" * 32, clean_name(name, "image/png"), "image/png", 1)
    message = Message(
        MessageId("m"),
        ConversationId("web:anna"),
        "web",
        "anna",
        text,
        datetime.now(UTC),
        shown=shown,
        files=(attachment,),
    )
    assert_seen(line(Entry(LogId("1-0"), EntryKind.SHOPPER, datetime.now(UTC), message=message)))


def line(entry: Entry) -> Any:
    """An entry as JSON brings it to a client."""
    return msgspec.json.decode(msgspec.json.encode(line_of(entry)))


@given(st.one_of(texts, st.text("/\\htps:.evl@ \t\n\r", max_size=20)))
@example("//evil.example/x.png")
@example("/\\evil.example/x.png")
@example("/\t/evil.example/x.png")
@example("\\\\evil.example\\x.png")
@example("/\u200b/evil.example/x.png")
@example("java\nscript:alert(1)")
@example("https:/\\evil.example")
def test_that_a_path_never_leads_to_another_host(address: str) -> None:
    if (shown := web(address)) is None or shown.lower().startswith(("https://", "http://")):
        return
    # A browser takes out tabs and line ends, and a backslash for a slash.
    read = shown.translate({9: None, 10: None, 13: None, 92: "/"}).strip()
    assert urlsplit(urljoin("https://chat.shop.example/", read)).netloc == "chat.shop.example"


@pytest.mark.parametrize("key", ["url", "image", "link"])
def test_that_a_card_leads_to_no_script(key: str) -> None:
    card = {"name": "Tarn 1", key: "javascript:alert(1)", "price": "219.95"}
    assert visible_data([card]) == [{"name": "Tarn 1", key: None, "price": "219.95"}]
    assert visible_data({key: "https://larkfell.example/t"}) == {key: "https://larkfell.example/t"}


def test_that_data_nested_without_end_ends() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    assert str(visible_data(deep)).count("[") < 50
