"""The sentences of ``unit/*_cases.yml`` as passages and cases, and an encoder that needs no weights."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bot.records import Kind, Passage, PassageId, Vector

FILE = Path(__file__).parent / "unit" / "grounding_cases.yml"
BENT = Path(__file__).parent / "unit" / "support_cases.yml"


class SpellingEncoder:
    """Texts with the same letter triples have near vectors: deterministic, and blind to meaning."""

    async def encode(self, text: str, language: str) -> tuple[Vector, str]:
        vector = np.full(256, 1e-3, dtype=np.float32)
        padded = f"  {text.lower()} "
        for at in range(len(padded) - 2):
            vector[zlib.crc32(padded[at : at + 3].encode()) % 256] += 1
        return vector / np.float32(np.linalg.norm(vector)), "spelling"


@dataclass(frozen=True)
class Case:
    """A sentence over its passages, and what it must come to."""

    sentence: str
    sources: tuple[Passage, ...]
    question: str
    kind: str
    """``true``, ``hard``, ``soft`` or ``bent``."""


@cache
def passages() -> Mapping[str, Passage]:
    return {name: _passage(name, row) for name, row in _file()["passages"].items()}


@cache
def cases() -> tuple[Case, ...]:
    known = passages()
    found = []
    for row in _file()["cases"]:
        sources = tuple(known[name] for name in row["over"])
        question = row.get("question", "")
        found.append(Case(row["says"], sources, question, "true"))
        for kind in ("hard", "soft"):
            found += [Case(sentence, sources, question, kind) for sentence in row.get(kind, ())]
    sources = tuple(known[name] for name in ("shipping-faq", "return-cost", "return-period", "agents", "refund-faq"))
    for kind in ("hard", "soft"):
        found += [Case(sentence, sources, "Can you help me?", kind) for sentence in _file()["refused"][kind]]
    return tuple(found)


@cache
def bent_cases() -> tuple[Case, ...]:
    """What passes the rules: ``true``, or ``bent`` in a way that only reading both texts shows."""
    rows = yaml.safe_load(BENT.read_text(encoding="utf-8"))
    found = []
    for row in rows:
        sources = (Passage(PassageId(row["title"]), Kind.POLICY, row["title"], row["text"], "bent.md"),)
        found += [Case(sentence, sources, "", "true") for sentence in row["says"]]
        found += [Case(sentence, sources, "", "bent") for sentence in row["bent"]]
    return tuple(found)


@cache
def connectives() -> tuple[str, ...]:
    return tuple(_file()["connectives"])


@cache
def _file() -> dict[str, Any]:
    rows: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return rows


def _passage(name: str, row: Mapping[str, str]) -> Passage:
    attributes = {"sku": row["sku"], "name": row["title"], "category": row["category"]} if "sku" in row else {}
    return Passage(
        id=PassageId(name),
        kind=Kind(row["kind"]),
        title=row["title"],
        text=row["text"],
        source=f"{name}.md",
        locale=row.get("locale", "en"),
        attributes=attributes,
    )
