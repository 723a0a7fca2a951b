"""One version of the shop's knowledge, ready to be searched: in memory, or mapped from a folder."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, overload

import msgspec
import numpy as np
import numpy.typing as npt

from bot.errors import KnowledgeError
from bot.records import Kind, Passage
from bot.retrieval.calibration import Calibration
from bot.retrieval.catalogue import Catalogue, read_product
from bot.retrieval.dense import Space, open_graph
from bot.retrieval.lexical import Lexicon
from bot.retrieval.names import Proper
from bot.retrieval.rows import Layout

FORMAT = 1
"""Of the files; an index of another format is built anew."""

META = "index.json"
_KINDS = tuple(Kind)


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Everything a search needs. Safe to search from several threads, because nothing in it changes."""

    version: str
    passages: Sequence[Passage]
    kinds: npt.NDArray[np.int8]
    """Place of each passage's kind in ``Kind``."""
    locales: npt.NDArray[np.str_]
    layout: Layout
    lexicon: Lexicon
    spaces: Mapping[str, Space]
    """By encoder."""
    calibrations: Mapping[str, Calibration]
    """By encoder."""
    catalogue: Catalogue
    places: Mapping[str, npt.NDArray[np.int64]]
    """Passages of each product, by SKU."""

    def is_kind(self, passages: npt.NDArray[np.int64], kind: Kind) -> npt.NDArray[np.bool_]:
        """Which of some passages are of a kind."""
        found: npt.NDArray[np.bool_] = self.kinds[passages] == _KINDS.index(kind)
        return found


def kinds_of(passages: Sequence[Passage]) -> npt.NDArray[np.int8]:
    """The ``kinds`` of an index."""
    return np.asarray([_KINDS.index(passage.kind) for passage in passages], dtype=np.int8)


def places_of(passages: Sequence[Passage]) -> dict[str, npt.NDArray[np.int64]]:
    """The ``places`` of an index."""
    places: dict[str, list[int]] = {}
    for at, passage in enumerate(passages):
        if passage.kind is Kind.PRODUCT and (sku := passage.attributes.get("sku")):
            places.setdefault(sku, []).append(at)
    return {sku: np.asarray(own, dtype=np.int64) for sku, own in places.items()}


class _Stored(msgspec.Struct, array_like=True):
    """A passage on disk; a product's row is kept once, however many facts are told of it."""

    id: str
    kind: str
    title: str
    text: str
    source: str
    locale: str
    url: str | None
    questions: tuple[str, ...]
    sku: str
    attributes: dict[str, str] = field(default_factory=dict)


class StoredPassages(Sequence[Passage]):
    """Passages that are decoded from a memory map when they are looked at."""

    def __init__(
        self, blob: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], rows: Mapping[str, dict[str, str]]
    ) -> None:
        self._blob = blob
        self._ends = ends
        self._rows = rows
        self._decode = msgspec.msgpack.Decoder(_Stored).decode

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> Passage: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Passage]: ...
    def __getitem__(self, at: int | slice) -> Passage | Sequence[Passage]:
        if isinstance(at, slice):
            return [self[place] for place in range(*at.indices(len(self)))]
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        at %= len(self)
        stored = self._decode(self._blob[self._ends[at] : self._ends[at + 1]].data)
        return Passage(
            id=stored.id,  # type: ignore[arg-type]  # a PassageId is a str that we wrote ourselves
            kind=Kind(stored.kind),
            title=stored.title,
            text=stored.text,
            source=stored.source,
            locale=stored.locale,
            url=stored.url,
            questions=stored.questions,
            attributes=self._rows[stored.sku] if stored.sku else stored.attributes,
        )

    def __iter__(self) -> Iterator[Passage]:
        return (self[at] for at in range(len(self)))


@dataclass(frozen=True, slots=True)
class Meta:
    """What an index says of itself, before anything else of it is read."""

    format: int
    version: str
    knowledge: str
    """Digest of the sources."""
    encoder: str
    """The setting."""
    encoders: tuple[str, ...]
    proper: Proper
    calibrations: Mapping[str, Calibration]


class Encoded(Protocol):
    """What is kept of the encoding, so that the next version need not do it again."""

    keys: dict[str, npt.NDArray[np.uint8]]
    """By encoder: a hash of each text."""
    raw: dict[str, npt.NDArray[np.float32]]
    """By encoder: the vectors as they were before a centre was taken off, where one was."""


def write_index(index: Index, proper: Proper, encoded: Encoded, meta: Mapping[str, str], folder: Path) -> None:
    """Write an index into an empty folder; its meta file comes last."""
    encode = msgspec.msgpack.Encoder().encode
    blobs = [encode(_stored(passage)) for passage in index.passages]
    np.save(folder / "passages.npy", np.frombuffer(b"".join(blobs), dtype=np.uint8))
    np.save(folder / "ends.npy", np.concatenate([[0], np.cumsum([len(blob) for blob in blobs])]).astype(np.int64))
    np.save(folder / "kinds.npy", index.kinds)
    np.save(folder / "locales.npy", index.locales)
    np.save(folder / "begins.npy", index.layout.begins)
    np.save(folder / "asks.npy", index.layout.asks)
    for name in ("begins", "documents", "weights", "idf"):
        np.save(folder / f"lexicon-{name}.npy", getattr(index.lexicon, name))
    (folder / "vocabulary.msgpack").write_bytes(encode(list(index.lexicon.vocabulary)))
    (folder / "products.msgpack").write_bytes(
        encode({sku: dict(p.attributes) for sku, p in index.catalogue.products.items()})
    )
    for number, (encoder, space) in enumerate(index.spaces.items()):
        np.save(folder / f"vectors-{number}.npy", space.vectors)
        np.save(folder / f"rows-{number}.npy", space.rows)
        np.save(folder / f"centres-{number}.npy", np.stack(list(space.centres.values())))
        np.save(folder / f"centred-{number}.npy", np.asarray(list(space.centres)))
        np.save(folder / f"keys-{number}.npy", encoded.keys[encoder])
        if encoder in encoded.raw:
            np.save(folder / f"raw-{number}.npy", encoded.raw[encoder])
    told = {
        **meta,
        "format": FORMAT,
        "version": index.version,
        "encoders": list(index.spaces),
        "proper": {"words": sorted(proper.words), "pairs": sorted(proper.pairs)},
        "calibrations": {
            name: {"question": fitted.question, "answerable": fitted.answerable}
            for name, fitted in index.calibrations.items()
        },
    }
    (folder / META).write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")


def read_meta(folder: Path) -> Meta:
    """Read what an index says of itself.

    Raises:
        KnowledgeError: it cannot be read, or has another format.
    """
    try:
        told = json.loads((folder / META).read_text(encoding="utf-8"))
        if told["format"] != FORMAT:
            raise KnowledgeError(
                f"{folder}: the index has format {told['format']}, not {FORMAT}; build it with `kefu index`."
            )
        return Meta(
            told["format"],
            told["version"],
            told["knowledge"],
            told["encoder"],
            tuple(told["encoders"]),
            Proper(frozenset(told["proper"]["words"]), frozenset((a, b) for a, b in told["proper"]["pairs"])),
            {
                name: Calibration(tuple(f["question"]), tuple(f["answerable"]))
                for name, f in told["calibrations"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise KnowledgeError(f"{folder}: the index cannot be read ({exc}); build it with `kefu index`.") from exc


def read_index(folder: Path) -> Index:
    """Open an index; its vectors and texts are mapped, and read when they are searched.

    Raises:
        KnowledgeError: it cannot be read, or has another format.
    """
    meta = read_meta(folder)

    def load(name: str) -> npt.NDArray[Any]:
        array: npt.NDArray[Any] = np.load(folder / f"{name}.npy", mmap_mode="r")
        # An empty array cannot be mapped, and a memmap is slower to index than the plain view of it.
        return np.asarray(array)

    try:
        rows = msgspec.msgpack.decode((folder / "products.msgpack").read_bytes(), type=dict[str, dict[str, str]])
        words = msgspec.msgpack.decode((folder / "vocabulary.msgpack").read_bytes(), type=list[str])
        passages = StoredPassages(load("passages"), load("ends"), rows)
        lexicon = Lexicon(
            vocabulary={word: at for at, word in enumerate(words)},
            begins=load("lexicon-begins"),
            documents=load("lexicon-documents"),
            weights=load("lexicon-weights"),
            idf=load("lexicon-idf"),
            size=len(load("asks")),
        )
        spaces = {encoder: _space(encoder, number, folder, load) for number, encoder in enumerate(meta.encoders)}
        return Index(
            version=meta.version,
            passages=passages,
            kinds=load("kinds"),
            locales=load("locales"),
            layout=Layout(load("begins"), load("asks")),
            lexicon=lexicon,
            spaces=spaces,
            calibrations=meta.calibrations,
            catalogue=Catalogue([read_product(row) for row in rows.values()], meta.proper, lexicon.vocabulary),
            places=places_of(passages),
        )
    except (OSError, ValueError, msgspec.MsgspecError) as exc:
        raise KnowledgeError(f"{folder}: the index cannot be read ({exc}); build it with `kefu index`.") from exc


def _space(encoder: str, number: int, folder: Path, load: Any) -> Space:
    graph = folder / f"graph-{number}.usearch"
    return Space(
        encoder,
        load(f"vectors-{number}"),
        load(f"rows-{number}"),
        dict(zip(load(f"centred-{number}").tolist(), load(f"centres-{number}"), strict=True)),
        open_graph(graph) if graph.exists() else None,
    )


def _stored(passage: Passage) -> _Stored:
    sku = passage.attributes.get("sku", "") if passage.kind is Kind.PRODUCT else ""
    return _Stored(
        passage.id,
        passage.kind.value,
        passage.title,
        passage.text,
        passage.source,
        passage.locale,
        passage.url,
        passage.questions,
        sku,
        {} if sku else dict(passage.attributes),
    )
