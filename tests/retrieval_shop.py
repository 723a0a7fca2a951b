"""A small shop for the tests of retrieval, and an encoder that needs no weights."""

# ruff: noqa: E501 - a row a line is how a table is read.

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.models.encoder import Encoders, Role, Vectors
from bot.retrieval.catalogue import Catalogue, read_product
from bot.retrieval.names import proper_names
from bot.settings import Settings

PRODUCTS = """\
sku,name,category,price,currency,colours,sizes,weight_g,stock,attributes,description
T-1,Tarn 1 Tent,Tents,199.95,EUR,moss green,,1450,3,capacity: 1 person | waterproof: 3000 mm,The Tarn 1 is a tent for one.
T-2,Tarn 2 Tent,Tents,289.95,EUR,moss green|rust red,,2150,5,capacity: 2 persons | waterproof: 3000 mm,The Tarn 2 is a tent.
T-3,Tarn 3 Tent,Tents,349.95,EUR,slate blue,,2780,0,capacity: 3 persons | waterproof: 5000 mm,The Tarn 3 is a tent for three.
T-F,Tarn 2 Footprint,Tents,34.95,EUR,black,,260,9,fits: Tarn 2 Tent,The footprint protects the floor of the tent.
J-M,Men's Ghyll Rain Jacket,Jackets,249.95,EUR,slate blue|black,S|M|L,430,7,fit: men | waterproof: 20000 mm,A rain jacket for men.
J-W,Women's Ghyll Rain Jacket,Jackets,249.95,EUR,plum|black,XS|S|M,390,0,fit: women | waterproof: 20000 mm,A rain jacket.
J-B,Beck Down Jacket,Jackets,149.95,EUR,rust red,M|L|XL,395,2,fit: unisex | waterproof: no,A down jacket that is not for rain.
S-4,Bracken 400 Sleeping Bag,Sleeping bags,259.95,EUR,green,Regular|Long,860,4,comfort temperature: 0 °C,A bag filled with down.
S-8,Bracken 850 Sleeping Bag,Sleeping bags,449.95,EUR,red,Regular|Long,1380,4,comfort temperature: -12 °C,A bag for the winter.
B-5,Corrie 55 Backpack,Backpacks,199.95,EUR,black,,1890,4,volume: 55 l | rain cover: included,A backpack for long tours.
B-2,Corrie 22 Daypack,Backpacks,89.95,EUR,black,,780,4,volume: 22 l | rain cover: no,A pack for a day.
"""

FAQ = """\
locale: en
entries:
  - id: return-period
    questions: [How long can I return something?, return deadline, What is your return window?]
    answer: You have 30 days after delivery to return a product.
  - id: shipping-cost
    questions: [How much is shipping?, shipping costs, What do you charge for delivery?]
    answer: Shipping costs 3.95 EUR in the Netherlands.
"""

SHIPPING = """\
---
title: Shipping
locale: en
url: https://shop.example/shipping
---

# Shipping

## Costs

| Country | Standard | Free from |
|---|---|---|
| Netherlands | 3.95 EUR | 60 EUR |
| Germany | 5.95 EUR | 80 EUR |
"""


def write_shop(folder: Path) -> Path:
    """The knowledge folder of the small shop."""
    for name, text in (
        ("products.csv", PRODUCTS),
        ("faq/general.yml", FAQ),
        ("policies/shipping.md", SHIPPING),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def small_catalogue() -> Catalogue:
    """The catalogue of the small shop."""
    header, *lines = PRODUCTS.splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    for row in rows:
        row |= dict(pair.split(": ", 1) for pair in row["attributes"].split(" | "))
    texts = [row["description"] for row in rows] + [row["category"].lower() for row in rows]
    proper = proper_names([row["name"] for row in rows], texts)
    return Catalogue([read_product(row) for row in rows], proper)


class WordEncoder:
    """Texts that share words are near: each word has a random direction of its own."""

    def __init__(self, name: str = "words") -> None:
        self.name = name
        self.dimensions = 64
        self.texts: list[str] = []
        """Everything that was encoded."""
        self.fails_after: int | None = None

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        self.texts += texts
        if self.fails_after is not None and len(self.texts) > self.fails_after:
            raise MemoryError("the machine went down")
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Vectors:
        words = [word.strip("?.,") for word in text.lower().split()] or [""]
        seeds = [int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") for word in words]
        total = np.sum([np.random.default_rng(seed).normal(size=self.dimensions) for seed in seeds], axis=0)
        return (total / np.linalg.norm(total)).astype(np.float32)


def word_encoders(encoder: WordEncoder | None = None) -> Encoders:
    """One encoder for every language."""
    chosen = encoder or WordEncoder()
    return Encoders(chosen, lambda: chosen)


def shop_settings(folder: Path) -> Settings:
    """Settings of a small shop below ``folder``."""
    return Settings(knowledge=write_shop(folder / "knowledge"), data=folder / "data")
