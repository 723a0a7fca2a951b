"""The sources of one turn, read once: sentences with their clauses, grouped by what they are about."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.grounding.clauses import Sentence, read_sentence, split_led
from bot.grounding.products import Titles, read_titles
from bot.grounding.shown import plain
from bot.grounding.words import concepts, join_phrases, joints, plain_words, tokens
from bot.records import Kind, Passage


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A sentence of a passage with what stands around it."""

    passage: Passage
    sentence: Sentence
    context: frozenset[str]
    """Concepts of the passage's title and headings."""
    before: frozenset[str]
    """Concepts of the sentence before, where this one points back to it ("send them to us")."""
    title: Sentence
    """The title read like a sentence: its country holds for the text below it."""
    words: tuple[str, ...] = ()
    """As it stands in its passage: without the line that leads its list in."""
    led: bool = False
    """It is an item of a list and says nothing without the line that leads the list in."""
    answers_no: bool = False
    """An answer that opens with "No": its question states nothing."""

    @property
    def heads(self) -> bool:
        """Whether it announces what comes next, and says nothing without it."""
        return self.sentence.text.endswith((":", "："))


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Passages that count as one source: those of one product, or a single passage."""

    name: frozenset[str]
    """A product's name; empty for other passages."""
    sources: tuple[Source, ...]
    exact: frozenset[str]
    """Links, and a product's own codes, that its passages carry beside their text."""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All that a turn's sentences are checked against."""

    titles: Titles
    groups: tuple[Group, ...]


_TO_THE_MODEL = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,60}\b(?:instructions?|prompts?|rules?|guidelines?)\b"
    r"|\b(?:system|developer|hidden) (?:prompt|message)\b|<\|[a-z_]{2,30}\|>|\[/?INST\]"
    r"|(?:^|\n)\s*(?:system|assistant)\s*:|\bas an? (?:ai|language model)\b"
    r"|\byou are (?:now )?an? (?:ai|assistant|chatbot)\b"
    r"|忽略(?:之前|以上|所有)[^。\n]{0,20}(?:指令|提示|规则)|系统提示",
    re.I,
)
"""Text that speaks to the model. A passage with any of it supports nothing: its other lines came from the same hand."""

_BOOLEAN = {"yes": "", "true": "", "no": "not ", "false": "not "}
_SUFFIX = re.compile(r"_(g|kg|mm|cm|m|ml|l)$")
_SHOWN_ELSEWHERE = frozenset({"sku", "name", "currency", "url", "description", "attributes", "image", "locale"})


def speaks_to_the_model(text: str) -> bool:
    """Whether a text carries orders for an assistant: then nothing of it is a source."""
    return _TO_THE_MODEL.search(text) is not None


def read_sources(sources: Sequence[Passage], catalogue: Sequence[str] = ()) -> Library:
    """Read a turn's passages; those that speak to the model are left out."""
    trusted = [p for p in sources if not speaks_to_the_model(f"{p.title}\n{p.text}")]
    titles = read_titles(trusted, catalogue)
    grouped: dict[str, list[Passage]] = {}
    for passage in trusted:
        sku = passage.attributes.get("sku") if passage.kind is Kind.PRODUCT else None
        grouped.setdefault(f"sku:{sku}" if sku else f"id:{passage.id}", []).append(passage)
    return Library(titles, tuple(_group(passages, titles) for passages in grouped.values()))


def _group(passages: Sequence[Passage], titles: Titles) -> Group:
    first = passages[0]
    name = frozenset[str]()
    if first.kind is Kind.PRODUCT:
        name = titles.key(plain(first.attributes.get("name") or first.title))
    read = [source for passage in passages for source in _read(passage, passage.text, titles)]
    if first.kind is Kind.PRODUCT and first.attributes:
        read += _read(first, "\n".join(_facts(first)), titles)
    exact = {passage.url for passage in passages if passage.url} | {
        value for key, value in first.attributes.items() if key in {"sku", "url", "ean", "gtin", "mpn"}
    }
    return Group(name, tuple(read), frozenset(spell.lower() for spell in exact))


_POINTERS = frozenset({"it", "its", "they", "them", "their", "this", "these", "those"})


def _points_back(sentence: Sentence) -> bool:
    """Whether it opens with a word for what the sentence before was about."""
    return any(token.low in _POINTERS for token in tokens(sentence.text)[:4])


_NO = re.compile(r"^no[,:]\s+(?=\S)", re.I)
"""Answers the question of an FAQ, and denies nothing of what follows: "No, refunds are made …" has refunds."""


def _read(passage: Passage, text: str, titles: Titles) -> list[Source]:
    title = read_sentence(spell(passage.title), titles)
    context = frozenset(c for t in tokens(title.text) if t.is_word for c in concepts(t.low))
    parts = [*split_led(spell(text))]
    sentences = [read_sentence(_NO.sub("", f"{lead} {part}".strip()), titles) for lead, part in parts]
    says_no = bool(parts) and re.match(r"(?:no|unfortunately)\b|不", parts[0][1], re.I) is not None
    return [
        Source(
            passage,
            sentence,
            context,
            sentences[at - 1].stems if at and _points_back(sentence) else frozenset(),
            title,
            plain_words(part),
            bool(lead),
            says_no and passage.kind is Kind.FAQ,
        )
        for at, (sentence, (lead, part)) in enumerate(zip(sentences, parts, strict=True))
    ]


def word_for_word(text: str, group: Group) -> tuple[Source, ...]:
    """The sentences of one passage that are ``text``, one after the other; none where it does not stand there so.

    Which sign stands between two does not count: "…; until then" is one sentence to a writer and two to this library.
    Some sign has to, but between the items of a list that the run has the head of.
    """
    wanted, cuts = plain_words(text), joints(text)
    for first, source in enumerate(group.sources if wanted else ()):
        if wanted == plain_words(source.sentence.text):
            return (source,)
        words: tuple[str, ...] = ()
        for last in range(first, 0 if source.led else len(group.sources)):
            following = group.sources[last]
            headed = following.led and any(part.heads for part in group.sources[first:last])
            joined = last == first or headed or (len(words) in cuts and not following.led)
            words += following.words
            if not joined or following.passage.id != source.passage.id or words != wanted[: len(words)]:
                break
            if words == wanted and not following.heads:
                return group.sources[first : last + 1]
    return ()


def spell(text: str) -> str:
    """The one spelling in which sentences and sources are compared."""
    return join_phrases(_HALVES.sub(r"\1m", plain(text)))


_HALVES = re.compile(r"\b([ap])\. ?m\b\.?", re.I)
"""``4 p.m.`` has dots that end no sentence."""


def _facts(product: Passage) -> list[str]:
    """A product's columns as lines. A thing that is not in stock must read as such."""
    lines = []
    for column, value in product.attributes.items():
        if column in _SHOWN_ELSEWHERE or not value:
            continue
        unit = _SUFFIX.search(column)
        label = _SUFFIX.sub("", column).replace("_", " ")
        listed = value.replace("|", ", ")
        if column == "price":
            lines.append(f"price: {value} {product.attributes.get('currency', '')}".strip())
        elif column == "stock":
            lines.append(f"in stock: {value} pieces" if value != "0" else "sold-out, unavailable")
        elif value.lower() in _BOOLEAN:
            lines.append(f"{_BOOLEAN[value.lower()]}{label}")
        else:
            lines.append(f"{label}: {listed} {unit.group(1)}" if unit else f"{label}: {listed}")
    return lines


class Shelf:
    """Remembers the last few turns' libraries, because a turn's sentences are all checked against the same one."""

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[object, ...], Library] = OrderedDict()

    async def library(self, sources: Sequence[Passage], catalogue: Sequence[str]) -> Library:
        """The library of these sources, read in a thread where it is new: it takes tens of milliseconds."""
        key = (tuple((p.id, p.title, p.text) for p in sources), hash(tuple(catalogue)))
        found = self._kept.pop(key, None)
        if found is None:
            found = await asyncio.to_thread(read_sources, sources, catalogue)
        self._kept[key] = found
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return found
