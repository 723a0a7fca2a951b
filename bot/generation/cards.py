"""Product cards: the catalogue's rows of the products that a reply is about, for widgets to show. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.records import Citation, Hit, Kind, Passage, Utterance

MOST = 3
"""Cards under a reply in words; a list of products has its own."""

_SHOWN = ("sku", "name", "price", "currency", "stock", "colours", "sizes", "image")


def card(passage: Passage) -> dict[str, Any]:
    """A product's row as far as a card shows it: every value as the catalogue has it, and no field without one."""
    row = passage.attributes
    shown = {name: row[name] for name in _SHOWN if row.get(name)}
    return shown | ({"url": url} if (url := passage.url or row.get("url")) else {})


def with_cards(
    utterances: tuple[Utterance, ...], citations: Sequence[Citation], hits: Sequence[Hit]
) -> tuple[Utterance, ...]:
    """``utterances`` with the cards of the products that a reply cites, on the last of them; where all are said
    already, on one more without words.

    ``citations`` are those of the whole reply. One that cites anything but products, or a passage that this turn's
    search did not bring, is about something else and gets no cards.
    """
    found = {hit.passage.id: hit.passage for hit in hits if hit.passage.kind is Kind.PRODUCT}
    cited = [found.get(citation.passage) for citation in citations]
    rows = {passage.attributes.get("sku", ""): passage for passage in cited if passage is not None}
    if not rows or None in cited or any(utterance.custom for utterance in utterances):
        return utterances
    cards = {"products": [card(passage) for passage in list(rows.values())[:MOST]]}
    *before, last = utterances or (Utterance(),)
    return (*before, replace(last, custom=cards))
