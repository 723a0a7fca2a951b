"""Searches once for each question of `kefu eval answers`, so that all systems answer from the very same passages."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from bot.errors import KnowledgeError
from bot.evaluation.answer_sets import Asked
from bot.evaluation.retrieval_sets import Bench
from bot.records import Findings, Kind, Passage, PassageId, State, Understanding
from bot.retrieval.query import Question
from bot.retrieval.reader import Reader
from bot.retrieval.retriever import HybridRetriever


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """A question with what was found for it."""

    asked: Asked
    understood: Understanding
    found: Findings


async def search_shop(retriever: HybridRetriever, rows: Sequence[Asked]) -> list[Searched]:
    """Ask the shop's knowledge; entities come from the text alone, as before any intents are learnt.

    Raises:
        KnowledgeError: a question names a source that the knowledge does not have.
    """
    searched = []
    for row in rows:
        asked = replace(row, gold=frozenset(_named(row, retriever.passages)))
        understood = _understood(row)
        searched.append(Searched(asked, understood, await retriever.search(understood, State())))
    return searched


def _named(row: Asked, passages: Sequence[Passage]) -> Iterator[str]:
    """The ids of the passages that a question's ``sources`` name."""
    for source in row.gold:
        own = [str(passage.id) for passage in passages if _is(passage, source)]
        if not own:
            raise KnowledgeError(
                f"{row.question!r}: the knowledge has no source {source!r}; a source is a page's file and section "
                "(`policies/shipping.md#costs`), `faq:` and the id of an entry, or `product:` and a SKU."
            )
        yield from own


def _is(passage: Passage, source: str) -> bool:
    kind, _, name = source.partition(":")
    match kind:
        case "faq":
            return passage.kind is Kind.FAQ and passage.id.rpartition("#")[2] == name
        case "product":
            return passage.kind is Kind.PRODUCT and passage.attributes.get("sku") == name
        case _:
            return passage.source == source


async def search_own(bench: Bench, reader: Reader | None, rows: Sequence[Asked]) -> list[Searched]:
    """Search each question's own passages and no others, all in one index, as when the product is known.

    An index for each question would not do: over one or two texts neither the rarity of words nor the centre of the
    vectors means anything.
    """
    stand_ins, meant = _stand_ins(rows)
    index = bench.index(stand_ins)
    questions = [Question(row.question, row.language, products=(row.about,)) for row in rows]
    searched = []
    for row, found in zip(rows, bench.ask(index, questions), strict=True):
        own = _unmasked(row, found, meant)
        if reader is not None and not row.given:
            own = await reader.read(own, row.language)
        searched.append(Searched(row, _understood(row), own))
    return searched


def _stand_ins(rows: Iterable[Asked]) -> tuple[list[Passage], dict[str, Passage]]:
    """Every passage as a fact of a product, because a search can be held to those, and whom each stands for."""
    stand_ins: list[Passage] = []
    meant: dict[str, Passage] = {}
    for row in {row.about: row for row in rows}.values():
        for number, passage in enumerate(row.passages):
            id_ = f"{row.about}#{number}"
            attributes = {"name": row.about, **passage.attributes, "sku": row.about}
            stand_ins.append(replace(passage, id=PassageId(id_), kind=Kind.PRODUCT, attributes=attributes))
            meant[id_] = passage
    return stand_ins, meant


def _unmasked(row: Asked, found: Findings, meant: dict[str, Passage]) -> Findings:
    hits = tuple(replace(hit, passage=meant[hit.passage.id]) for hit in found.hits)
    return replace(found, hits=hits, products=(), answerable=1.0 if row.given else found.answerable)


def _understood(row: Asked) -> Understanding:
    return Understanding(row.question, row.language, (), 1.0)
