"""The shop's products by what shoppers call them, and which of them a filter lets through."""

import math
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from bot.records import Filter
from bot.retrieval.measures import UNITS, Amount, amount
from bot.retrieval.names import Names, Proper
from bot.retrieval.words import stem, words_of

_REMEMBERED = 2048
"""Kinds and wishes whose products are remembered: a cache, not a memory of everything that was ever asked."""
_PIECES = re.compile(r"\s*\|\s*")
_NO = frozenset({"", "no", "none", "false", "not", "0"})
_ACCESSORY_TAIL = 4
"""So many last letters make two words one kind: day*pack* and back*pack*, but not tarp and tent."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product as filters see it."""

    sku: str
    name: str
    category: str
    attributes: Mapping[str, str]
    amounts: Mapping[str, Amount]
    """Of every attribute that begins with a number."""
    kinds: frozenset[str]
    """Stems of the words of name and category: what it may be called."""
    named: frozenset[str]
    """Stems of the words of its name alone."""

    def pieces(self, attribute: str) -> list[str]:
        """The several values of an attribute."""
        return [piece for piece in _PIECES.split(self.attributes.get(attribute, "")) if piece]


class Catalogue:
    """All products of an index."""

    def __init__(self, products: Sequence[Product], proper: Proper, known: Container[str] = frozenset()) -> None:
        self.products: Mapping[str, Product] = {product.sku: product for product in products}
        self._skus = tuple(self.products)
        self._remembered: dict[Filter, npt.NDArray[np.bool_]] = {}
        self._values: dict[str, npt.NDArray[np.float64]] = {}
        self._names = Names({product.sku: product.name for product in products}, proper, known)

    def about(self, text: str) -> tuple[str, ...]:
        """SKUs that a text names, by SKU or name, also short or slightly misspelt; those equally meant together."""
        return self._names.read(text)

    def spelling(self, word: str) -> str:
        """The word of a product's name that was meant by a misspelt one; the word itself otherwise."""
        return self._names.spelling(word)

    def matching(self, filters: Sequence[Filter]) -> tuple[str, ...]:
        """SKUs of the products that satisfy every filter, in the catalogue's order."""
        fitting = np.ones(len(self._skus), dtype=np.bool_)
        for filter_ in filters:
            fitting &= self._fitting(filter_)
        return tuple(self._skus[at] for at in np.flatnonzero(fitting))

    def nearest(self, filters: Sequence[Filter]) -> str | None:
        """The product that comes nearest to filters that none satisfies: it misses the bounds by the least, each in
        parts of itself, and has all else, or the category at least. One that can be bought is nearer than one that
        cannot. None where no bound was set, for then nothing says what is near."""
        bounds = [f for f in filters if f.operator in {"<=", ">="} and f.attribute != "stock"]
        others = [f for f in filters if f not in bounds]
        if not bounds:
            return None
        near = self.matching(others) or self.matching([f for f in others if f.attribute == "category"])
        missed = {sku: self._missed(self.products[sku], bounds) for sku in near}
        known = [sku for sku in near if not math.isnan(missed[sku])]
        return min(known, key=lambda sku: (not self._in_stock(self.products[sku]), missed[sku]), default=None)

    def _missed(self, product: Product, bounds: Sequence[Filter]) -> float:
        """By how much a product misses bounds, as the sum of the shares of each; nan where it does not say."""
        total = 0.0
        for bound in bounds:
            given, limit = product.amounts.get(bound.attribute), float(bound.value)
            over = math.nan if given is None else (given.value - limit) * (1 if bound.operator == "<=" else -1)
            # In this order, because max() drops a nan that comes second.
            total += max(over, 0.0) / max(abs(limit), 1.0)
        return total

    def _in_stock(self, product: Product) -> bool:
        stock = product.amounts.get("stock")
        return stock is None or stock.value > 0

    def _fitting(self, filter_: Filter) -> npt.NDArray[np.bool_]:
        """Which products satisfy a filter, shape (products,): by arrays where it compares numbers, else remembered."""
        if filter_.operator in {"<=", ">="}:
            values = self._numbers(filter_.attribute)
            limit = float(filter_.value)
            # Comparing with nan, where a product does not say, is False.
            return values <= limit if filter_.operator == "<=" else values >= limit
        found = self._remembered.get(filter_)
        if found is None:
            if len(self._remembered) >= _REMEMBERED:
                self._remembered.clear()
            found = np.asarray([self.satisfies(product, filter_) for product in self.products.values()], dtype=np.bool_)
            self._remembered[filter_] = found
        return found

    def _numbers(self, attribute: str) -> npt.NDArray[np.float64]:
        values = self._values.get(attribute)
        if values is None:
            given = (product.amounts.get(attribute) for product in self.products.values())
            values = np.asarray([np.nan if amount is None else amount.value for amount in given])
            if attribute in self.measured:
                self._values[attribute] = values
        return values

    def satisfies(self, product: Product, filter_: Filter) -> bool:
        """Whether a product is what a filter asks for. A product that does not say is not."""
        if filter_.attribute == "category":
            return product.sku in self._of_kind(filter_.value)
        written = product.attributes.get(filter_.attribute, "")
        match filter_.operator:
            case "has":
                wished = set(words_of(filter_.value))
                return any(_is(wished, piece) for piece in _PIECES.split(written) if piece)
            case "=" if filter_.value == "yes":
                return written.casefold() not in _NO
            case "=" if filter_.value == "no":
                return written.casefold() in _NO
            case "=":
                wanted, given = amount(filter_.value), product.amounts.get(filter_.attribute)
                if wanted is not None and given is not None:
                    return given.value == wanted.value
                return written.casefold() == filter_.value.casefold()
            case _:
                given = product.amounts.get(filter_.attribute)
                if given is None:
                    return False
                limit = float(filter_.value)
                return given.value <= limit if filter_.operator == "<=" else given.value >= limit

    def is_kind(self, name: str) -> bool:
        """Whether the shop sells anything of that name."""
        return bool(self._of_kind(name))

    def by(self, attribute: str, skus: Iterable[str], *, descending: bool = False) -> tuple[str, ...]:
        """Products in order of an attribute; those that do not say come last."""

        def key(sku: str) -> float:
            given = self.products[sku].amounts.get(attribute)
            return float("inf") if given is None else -given.value if descending else given.value

        return tuple(sorted(skus, key=key))

    @cached_property
    def heads(self) -> frozenset[str]:
        """Stems of the words that say what a product is: the last of its name, and those of its category."""
        heads = {product_head for product in self.products.values() if (product_head := _head(product.name))}
        return frozenset(heads | {_head(product.category) for product in self.products.values() if product.category})

    @cached_property
    def attributes(self) -> frozenset[str]:
        """Every attribute that some product has."""
        return frozenset(name for product in self.products.values() for name in product.attributes)

    @cached_property
    def deniable(self) -> frozenset[str]:
        """Attributes that some product has and another has not: ``red light: no``."""
        return frozenset(
            name for product in self.products.values() for name, value in product.attributes.items() if value == "no"
        )

    @cached_property
    def colours(self) -> frozenset[str]:
        """Every colour, and every word of one: ``slate blue``, ``slate``, ``blue``."""
        whole = {colour.casefold() for product in self.products.values() for colour in product.pieces("colours")}
        return frozenset(whole | {word for colour in whole for word in colour.split()})

    @cached_property
    def sizes(self) -> frozenset[str]:
        """Every size, in lower case."""
        return frozenset(size.casefold() for product in self.products.values() for size in product.pieces("sizes"))

    @cached_property
    def units(self) -> Mapping[str, str]:
        """The attribute that a unit most often measures: ``l`` is the volume; weight and price are known anyway."""
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for product in self.products.values():
            for attribute, given in product.amounts.items():
                if given.unit:
                    counts[given.unit][attribute] += 1
        measures = {unit: max(found, key=lambda attribute: found[attribute]) for unit, found in counts.items()}
        return measures | {"g": "weight_g", "money": "price"}

    @cached_property
    def measured(self) -> frozenset[str]:
        """Attributes that hold amounts, and so can be compared."""
        return frozenset(attribute for product in self.products.values() for attribute in product.amounts)

    @cached_property
    def _kinds(self) -> dict[str, frozenset[str]]:
        return {}

    def _of_kind(self, name: str) -> frozenset[str]:
        if name not in self._kinds:
            if len(self._kinds) >= _REMEMBERED:
                self._kinds.clear()
            self._kinds[name] = self._find_kind(name)
        return self._kinds[name]

    def _find_kind(self, name: str) -> frozenset[str]:
        """A tarp lies in the category of tents and is none, so names decide; a category without its word in any
        name is taken whole."""
        wanted = set(words_of(name))
        if not wanted:
            return frozenset()
        found = [product for product in self.products.values() if wanted <= product.kinds]
        by_name = [product for product in found if wanted <= product.named or _same_tail(name, product)]
        return frozenset(product.sku for product in by_name or found)


def read_product(attributes: Mapping[str, str]) -> Product:
    """A row as filters see it."""
    named = frozenset(words_of(attributes["name"]))
    category = attributes.get("category", "")
    amounts = {name: given for name, value in attributes.items() if (given := amount(value)) is not None}
    return Product(
        attributes["sku"],
        attributes["name"],
        category,
        attributes,
        {name: given for name, given in amounts.items() if name not in {"sku", "name", "description"}},
        named | frozenset(words_of(category)),
        named,
    )


def _is(wished: set[str], piece: str) -> bool:
    words = words_of(piece)
    return wished <= set(words)


def _head(name: str) -> str:
    """The word that says what a thing is: the last before a measure or an ``of``."""
    words = re.split(r"\s+of\s+|\s+for\s+", name.lower())[0].split()
    words = [word for word in words if word.isalpha() and word not in UNITS]
    return stem(words[-1]) if words else ""


def _same_tail(name: str, product: Product) -> bool:
    wanted, head = _head(name), _head(product.name)
    return len(head) >= _ACCESSORY_TAIL and wanted[-_ACCESSORY_TAIL:] == head[-_ACCESSORY_TAIL:]
