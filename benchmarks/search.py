"""How long a message takes to its passages, and how long a search takes in a large shop.

    python benchmarks/search.py ../shared/data

Message to passages (language known; encode, read the wishes, search) is measured over 43,000 passages; the search alone
at 100,000. The passages are the facts of the products of shop_retaildemo, and variants of them under other names. Their
vectors are random around the vectors of the real facts, because encoding 100,000 texts takes half an hour and a search
takes as long whatever the vectors mean.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from bot.models.encoder import open_encoders
from bot.records import Passage, State, Understanding
from bot.retrieval.assemble import make_space
from bot.retrieval.calibration import ISOTROPIC
from bot.retrieval.catalogue import Catalogue, read_product
from bot.retrieval.dense import EXACT, build_graph, open_graph
from bot.retrieval.index import Index, kinds_of, places_of
from bot.retrieval.lexical import build_lexicon
from bot.retrieval.names import proper_names
from bot.retrieval.products import read_json
from bot.retrieval.query import read_question
from bot.retrieval.rows import lay_out, rows_of
from bot.retrieval.search import search
from bot.settings import read_settings

MUST, AIM = 8.0, 4.0
"""Milliseconds from a message to its passages, median."""
LARGE_MUST = 5.0
"""Milliseconds of a search over 100,000 passages."""

MESSAGES = (
    "how much does the leather backpack cost",
    "do you have running shoes under 80 dollars",
    "which watches are in stock",
    "is there a warm jacket for winter",
    "what is the description of the floral sofa",
    "I need a gift for my sister, something below 30",
    "red dress",
    "how many of the garden shears are left",
)


def passages_of(data: Path, count: int) -> list[Passage]:
    """``count`` facts of products: the real ones first, then the same under numbered names."""
    rows = [json.loads(line) for line in (data / "shop_retaildemo/products.jsonl").open(encoding="utf-8")]
    passages: list[Passage] = []
    for series in range(1, 100):
        told = [
            row
            | {"id": f"{row['id']}-{series}", "name": row["name"] if series == 1 else f"{row['name']} Mark {series}"}
            for row in rows
        ]
        read, _ = read_json(json.dumps(told), "products.json")
        passages += [passage for passage, _ in read]
        if len(passages) >= count:
            break
    return passages[:count]


def index_of(passages: Sequence[Passage], encoder_name: str, real: np.ndarray, folder: Path) -> Index:
    """An index whose vectors scatter around real ones."""
    rows, layout = lay_out([rows_of(passage) for passage in passages])
    chance = np.random.default_rng(7)
    vectors = real[chance.integers(len(real), size=len(rows))]
    vectors = vectors + chance.normal(scale=0.4 / np.sqrt(real.shape[1]), size=vectors.shape).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    locales = np.asarray(["en"] * len(passages))
    space = make_space(encoder_name, vectors.astype(np.float32), np.arange(len(rows)), locales)
    if len(rows) > EXACT:
        build_graph(space.vectors, folder / "benchmark.usearch")
        space = type(space)(
            space.encoder, space.vectors, space.rows, space.centres, open_graph(folder / "benchmark.usearch")
        )
    lexicon = build_lexicon([row.text for row in rows])
    products = {passage.attributes["sku"]: passage.attributes for passage in passages}
    proper = proper_names((row["name"] for row in products.values()), (passage.text for passage in passages))
    return Index(
        version="benchmark",
        passages=passages,
        kinds=kinds_of(passages),
        locales=locales,
        layout=layout,
        lexicon=lexicon,
        spaces={encoder_name: space},
        calibrations={encoder_name: ISOTROPIC},
        catalogue=Catalogue([read_product(row) for row in products.values()], proper, lexicon.vocabulary),
        places=places_of(passages),
    )


def timed(run: Callable[[str], object], times: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of ``run`` for each message, many times over: by the clock, and of this thread's CPU.

    The second is what the first would be on a machine that does nothing else.
    """
    for message in MESSAGES:
        run(message)
    taken = []
    for _ in range(times):
        for message in MESSAGES:
            begin, worked = time.perf_counter(), time.thread_time()
            run(message)
            taken.append((time.perf_counter() - begin, time.thread_time() - worked))
    clock, cpu = np.asarray(taken).T * 1e3
    return clock, cpu


def main(data: Path) -> None:
    settings = read_settings()
    encoder = open_encoders(settings).for_language("en")
    real = encoder.encode([passage.text for passage in passages_of(data, 2000)], role="passage")
    for count in (43_000, 100_000):
        index = index_of(passages_of(data, count), encoder.name, real, settings.data)

        def find(message: str, vector: np.ndarray, index: Index = index) -> object:
            question = read_question(Understanding(message, "en", (), 1.0), State(), index.catalogue)
            return search(index, question, vector, encoder.name)

        whole = timed(lambda message: find(message, encoder.encode([message])[0]))
        vectors = {message: encoder.encode([message])[0] for message in MESSAGES}
        alone = timed(lambda message, vectors=vectors: find(message, vectors[message]))
        for name, (clock, cpu) in (("message to passages", whole), ("search alone", alone)):
            told = (
                f"p50 {np.median(clock):.2f} ms, p95 {np.percentile(clock, 95):.2f} ms, CPU p50 {np.median(cpu):.2f} ms"
            )
            print(f"{count:7,} passages, {name}: {told}")
    print(f"must {MUST:g} ms and aim {AIM:g} ms from message to passages; {LARGE_MUST:g} ms to search 100,000 passages")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data"))
