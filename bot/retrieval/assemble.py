"""From passages to an index in memory: rows, inverted lists, vectors, catalogue and calibration."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.models.encoder import Encoder, Encoders
from bot.records import Kind, Passage
from bot.retrieval.calibrate import calibrate
from bot.retrieval.catalogue import Catalogue, read_product
from bot.retrieval.dense import EXACT, Space, build_graph, centre, centres_of, open_graph
from bot.retrieval.index import Index, kinds_of, places_of
from bot.retrieval.lexical import build_lexicon
from bot.retrieval.names import Proper, proper_names
from bot.retrieval.rows import lay_out, rows_of
from bot.retrieval.vectors import Vectors


@dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """An index, and what only building it knows."""

    index: Index
    proper: Proper


def encoders_of(passages: Sequence[Passage], encoders: Encoders) -> list[Encoder]:
    """The encoders that the languages of the knowledge need."""
    chosen = {locale: encoders.for_language(locale) for locale in dict.fromkeys(p.locale for p in passages)}
    return list({encoder.name: encoder for encoder in chosen.values()}.values())


def assemble(
    passages: Sequence[Passage],
    encoders: Encoders,
    vectors: Vectors,
    version: str = "",
    folder: Path | None = None,
) -> Assembled:
    """Make an index of passages; the graph over many vectors is written to ``folder``, and not made without one."""
    rows, layout = lay_out([rows_of(passage) for passage in passages])
    lexicon = build_lexicon([row.text for row in rows])
    locales = np.asarray([passage.locale for passage in passages])
    own = [encoders.for_language(passage.locale).name for passage in passages]
    spaces = {}
    for number, encoder in enumerate(encoders_of(passages, encoders)):
        wanted = _wanted(passages, own, layout.begins, encoder.name)
        raw = vectors.of(encoder, [rows[row] for row in wanted])
        space = make_space(encoder.name, raw, wanted, locales[layout.owners(wanted)])
        if not space.centres[""].any():
            # They are the vectors that are searched, so they are not kept twice.
            del vectors.raw[encoder.name]
        if len(raw) > EXACT and folder is not None:
            graph = folder / f"graph-{number}.usearch"
            build_graph(space.vectors, graph)
            space = replace(space, graph=open_graph(graph))
        spaces[encoder.name] = space
    products = {p.attributes["sku"]: p.attributes for p in passages if p.kind is Kind.PRODUCT and "sku" in p.attributes}
    proper = proper_names(
        (row["name"] for row in products.values()),
        # "Trail shoes" is a kind of thing, whatever its capital says.
        [p.text for p in passages] + [row.get("category", "").lower() for row in products.values()],
    )
    index = Index(
        version=version,
        passages=passages,
        kinds=kinds_of(passages),
        locales=locales,
        layout=layout,
        lexicon=lexicon,
        spaces=spaces,
        calibrations={name: calibrate(passages, layout, lexicon, space, encoders) for name, space in spaces.items()},
        catalogue=Catalogue([read_product(row) for row in products.values()], proper, lexicon.vocabulary),
        places=places_of(passages),
    )
    return Assembled(index, proper)


def _wanted(
    passages: Sequence[Passage], own: Sequence[str], begins: npt.NDArray[np.int32], encoder: str
) -> npt.NDArray[np.int64]:
    """The rows that an encoder's space holds: all of its own languages; of the others what tells one passage from
    another, so that a Chinese question finds an English page without every English phrasing being encoded twice."""
    latin = {name for passage, name in zip(passages, own, strict=True) if passage.locale == "en"}
    if encoder in latin:
        kept = [range(begins[at], begins[at + 1]) for at, name in enumerate(own) if name == encoder]
    else:
        kept = [
            _told_once(at, passage, begins, whole=name == encoder)
            for at, (passage, name) in enumerate(zip(passages, own, strict=True))
        ]
    return np.asarray([row for rows in kept for row in rows], dtype=np.int64)


def make_space(
    encoder: str, raw: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], locales: npt.NDArray[np.str_]
) -> Space:
    """The space of an encoder's vectors, which belong to index rows in these languages."""
    centres = centres_of(raw, locales)
    if centres[""].any():
        raw = centre(raw, np.stack([centres.get(locale, centres[""]) for locale in locales.tolist()]))
    return Space(encoder, raw, rows, centres)


def _told_once(at: int, passage: Passage, begins: npt.NDArray[np.int32], *, whole: bool) -> range:
    """All rows of a passage, or of an FAQ entry its first phrasing and its answer."""
    first, end = int(begins[at]), int(begins[at + 1])
    return range(first, end) if whole or passage.kind is not Kind.FAQ else range(first, end, max(1, end - 1 - first))
