"""Wishes about products in a text, English or Chinese: price, size, colour, weight, capacity and the like. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.records import Entity, Filter
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.measures import measured, plain_numbers
from bot.retrieval.vocabulary import (
    AFTER_COLOUR,
    ANYTHING,
    BARE_SIZE,
    BOUND,
    CHINESE_COLOURS,
    CHINESE_KINDS,
    COLOURS,
    DENIED,
    ELSEWHERE,
    ENGLISH_KINDS,
    FITS,
    FOR_PEOPLE,
    IN,
    LEAD,
    MENTION,
    NEEDS_NAME,
    ORDERS,
    PLAIN,
    RANGE,
    SEARCHING,
    SIZE,
    SIZE_WORDS,
    SPELLINGS,
)
from bot.retrieval.words import stem, words_of


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a text wishes for."""

    filters: tuple[Filter, ...] = ()
    kind: str = ""
    """What sort of thing is meant, in the shop's own word; also among the filters."""
    order: tuple[str, bool] | None = None
    for_products: bool = False
    """The text asks for products, instead of mentioning them: "which tents…", not "may I return a tent"."""

    @property
    def telling(self) -> tuple[Filter, ...]:
        """Those that tell versions of a product apart."""
        return tuple(filter_ for filter_ in self.filters if filter_.attribute in {"fit", "capacity", "volume"})


def read_wishes(text: str, entities: Sequence[Entity], catalogue: Catalogue) -> Wishes:
    """Read the wishes of a text, in the words of this catalogue."""
    if not catalogue.products:
        return Wishes()
    text = " ".join(text.split())  # The expressions look for blanks in many places: thousands would take minutes.
    plain = plain_numbers(text)
    kind = _kind(plain, entities, catalogue)
    wished = [
        *_bounds(plain, catalogue),
        *_sizes(text, plain, catalogue),
        *_colours(plain, kind, entities, catalogue),
        *_plainly(plain, catalogue),
    ]
    once = {filter_.attribute + filter_.operator: filter_ for filter_ in reversed(wished)}
    filters = tuple(reversed(once.values()))
    order = next((order for pattern, order in ORDERS if pattern.search(plain)), None)
    if order and not order[0]:
        order = (_extent(kind, catalogue), order[1])
    asked = bool(kind or ANYTHING.search(plain) or any(f.attribute in {"sale", "diet"} for f in filters))
    search = bool(SEARCHING.search(plain) or order or _leads(plain, kind))
    for_products = asked and bool(filters or kind) and not ELSEWHERE.search(plain) and (search or bool(filters))
    kinds = (Filter("category", "=", kind),) if kind else ()
    return Wishes(kinds + filters, kind, order, for_products)


def _leads(plain: str, kind: str) -> bool:
    """A text that begins with the kind: "rain jackets?", "boots that take crampons"."""
    words = words_of(plain)
    own = words_of(kind)
    begins = next((at for at in range(len(words)) if own and words[at : at + len(own)] == own), None)
    return begins is not None and begins <= LEAD and not any(MENTION.fullmatch(word) for word in words[:begins])


def _kind(plain: str, entities: Sequence[Entity], catalogue: Catalogue) -> str:
    """The sort of product that is meant: the longest run of words that some products are called by."""
    said = re.findall(r"[a-z]+(?:['’][a-z]+)*|\d+", plain)
    words = [stem(word) for word in said]
    best = ""
    for at, word in enumerate(words):
        if word not in catalogue.heads:
            continue
        for begin in range(max(0, at - 2), at + 1):
            name = " ".join(said[begin : at + 1])
            if catalogue.is_kind(name) and not any(part.isdigit() or part in FITS for part in words[begin:at]):
                best = max(best, name, key=lambda found: len(found.split()))
                break
    if best:
        return best
    meant = [entity.value for entity in entities if entity.name == "category"]
    meant += [kind for word, kind in ENGLISH_KINDS.items() if stem(word) in words]
    meant += [kind for word, kind in CHINESE_KINDS.items() if word in plain]
    return next((kind for kind in meant if catalogue.is_kind(kind)), "")


def _bounds(plain: str, catalogue: Catalogue) -> list[Filter]:
    filters: list[Filter] = []
    for found in RANGE.finditer(plain):
        unit = found["unit2"] or found["unit1"]
        attribute = _attribute(plain, found.start(), unit, catalogue)
        worded = found.group().lstrip().startswith(("between", "from")) or unit
        if attribute and worded and float(found["low"]) < float(found["high"]):
            low, high = (measured(found[end], unit).value for end in ("low", "high"))
            filters += [Filter(attribute, ">=", f"{low:g}"), Filter(attribute, "<=", f"{high:g}")]
    if filters:
        return filters
    for found in BOUND.finditer(plain):
        filters += _bound(plain, found, catalogue)
    for found in FOR_PEOPLE.finditer(plain):
        if "capacity" in catalogue.measured:
            filters.append(Filter("capacity", "=", found["count"]))
    return filters


def _bound(plain: str, found: re.Match[str], catalogue: Catalogue) -> list[Filter]:
    # Nothing in a shop is below zero but the weather.
    unit = found["unit"] or ("euro" if found["money"] else "°c" if found["number"].startswith("-") else None)
    fewer, more = found["fewer"] or found["fewer_after"], found["more"] or found["more_after"]
    if not unit and not (fewer or more):
        return []
    attribute = _attribute(plain, found.start("number"), unit, catalogue)
    if not attribute:
        return []
    given = measured(found["number"], unit)
    value = f"{given.value:g}"
    if found["around"]:
        return [Filter(attribute, ">=", f"{given.value * 0.8:g}"), Filter(attribute, "<=", f"{given.value * 1.2:g}")]
    if given.unit == "°C":
        # A bag for -5 °C is one whose comfort temperature is -5 °C or colder.
        return [Filter(attribute, "<=", value)]
    if fewer or more:
        return [Filter(attribute, "<=" if fewer else ">=", value)]
    if given.unit == "money":
        return [Filter(attribute, "<=", value)]
    if given.unit == "mm":
        return [Filter(attribute, ">=", value)]
    return [Filter(attribute, "=", value)] if given.unit in {"person", "l"} else []


def _attribute(plain: str, at: int, unit: str | None, catalogue: Catalogue) -> str:
    """The attribute that a number speaks of: one named just before it, else what its unit measures, else the price."""
    before = plain[max(0, at - 40) : at]
    named = [name for name in catalogue.measured if name not in {"price", "weight_g"} and name.lower() in before]
    if named:
        return max(named, key=len)
    if unit:
        kind = measured("0", unit).unit
        return "" if kind in NEEDS_NAME else catalogue.units.get(kind, "")
    return "price" if "price" in catalogue.measured else ""


def _sizes(text: str, plain: str, catalogue: Catalogue) -> list[Filter]:
    found = SIZE.search(plain)
    bare = BARE_SIZE.search(text)
    said = next(filter(None, found.groups()), "") if found else bare[1].lower() if bare else ""
    if not said:
        # "in 42" and "in medium" are sizes where the shop has such sizes.
        word = re.search(r"\bin (?:an? )?(\d{2}(?:\.5)?|small|medium|large)\b(?!\s*(?:days?|hours?|minutes?|%))", plain)
        said = word[1] if word else ""
    said = SIZE_WORDS.get(said, said)
    if said not in catalogue.sizes:
        return []
    written = next(
        size for product in catalogue.products.values() for size in product.pieces("sizes") if size.casefold() == said
    )
    return [Filter("sizes", "has", written)]


def _colours(plain: str, kind: str, entities: Sequence[Entity], catalogue: Catalogue) -> list[Filter]:
    words = re.findall(r"[a-zà-ÿ]+", plain)
    for at, word in enumerate(words):
        pair = f"{word} {words[at + 1]}" if at + 1 < len(words) else ""
        if pair in catalogue.colours:
            return [Filter("colours", "has", pair)]
        after = words[at + 1] if at + 1 < len(words) else ""
        asked = at > 0 and words[at - 1] in IN
        # A "red light" is not a red headlamp; "sand" and "clear" are words before they are colours.
        of_kind = not after or after in AFTER_COLOUR or stem(after) in words_of(kind)
        if (word in COLOURS and (asked or of_kind)) or (word in catalogue.colours and asked):
            return [Filter("colours", "has", SPELLINGS.get(word, word))]
    for character, colour in CHINESE_COLOURS.items():
        if re.search(rf"{character}色|{character}的", plain):
            return [Filter("colours", "has", colour)]
    said = [entity.value for entity in entities if entity.name in {"colour", "color"}]
    return [Filter("colours", "has", said[0])] if said else []


def _plainly(plain: str, catalogue: Catalogue) -> list[Filter]:
    """Wishes that one word says, about attributes that this shop's products have."""
    wished = []
    for pattern, wish in PLAIN:
        said = pattern.search(plain) if wish.attribute in catalogue.attributes else None
        if said:
            wished.append(_denied(wish) if wish.value == "yes" and DENIED.search(plain[: said.start()]) else wish)
    for name in catalogue.deniable - {wish.attribute for wish in wished}:
        said = re.search(rf"\b{re.escape(name.lower())}\b", plain)
        if said:
            wish = Filter(name, "=", "yes")
            wished.append(_denied(wish) if DENIED.search(plain[: said.start()]) else wish)
    return wished


def _denied(wish: Filter) -> Filter:
    return Filter(wish.attribute, wish.operator, "no")


def _extent(kind: str, catalogue: Catalogue) -> str:
    """What "largest" means for a kind: tents hold people, backpacks hold litres, the rest is weighed."""
    of_kind = [
        product
        for product in catalogue.products.values()
        if kind and product.sku in catalogue.matching((Filter("category", "=", kind),))
    ]
    for attribute in ("capacity", "volume"):
        if any(attribute in product.amounts for product in of_kind):
            return attribute
    return "weight_g"
