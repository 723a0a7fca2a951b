"""Products that match a shopper's filters, told from catalogue rows alone. English and Chinese."""

from collections.abc import Mapping, Sequence

from bot.generation.cards import card
from bot.records import Citation, Filter, Findings, Hit, Kind, Passage, Utterance

MOST = 5

_ALWAYS_TOLD = frozenset({"price", "stock", "category", "name", "sku"})

_ENGLISH = {
    "found": "These match:",
    "found one": "This one matches:",
    "more": "And {count} more.",
    "unseen": "{count} products match {filters}.",
    "unseen one": "{count} product matches {filters}.",
    "none": "Nothing in the shop matches {filters}.",
    "nearest": "The nearest is:",
    "in stock": "in stock",
    "sold out": "sold out",
    "and": " and ",
    "colon": ": ",
    "comma": ", ",
}
_CHINESE = {
    "found": "符合条件的商品：",
    "found one": "这一款符合条件：",
    "more": "另外还有 {count} 款。",
    "unseen": "店里有 {count} 款商品符合“{filters}”。",
    "unseen one": "店里有 {count} 款商品符合“{filters}”。",
    "none": "店里没有符合“{filters}”的商品。",
    "nearest": "最接近的是：",
    "in stock": "有货",
    "sold out": "缺货",
    "and": "、",
    "colon": "：",
    "comma": "，",
}
_ATTRIBUTES = {
    "zh": {
        "price": "价格",
        "colours": "颜色",
        "colors": "颜色",
        "sizes": "尺码",
        "weight_g": "重量",
        "stock": "库存",
        "category": "类别",
        "material": "材质",
        "capacity": "容量",
        "waterproof": "防水",
    },
    "en": {"weight_g": "weight"},
}
_UNITS = ("g", "kg", "mm", "cm", "m", "ml", "l")
_SIGNS = {"en": {"<=": "up to", ">=": "at least"}, "zh": {"<=": "不超过", ">=": "不少于"}}


def list_products(found: Findings, language: str = "en", most: int = MOST) -> Utterance:
    """The products of ``found`` that match its filters, in their order: name, price, what was asked for, stock.

    Where the search brought none of their rows back, tells how many there are. With none, says so and names the nearest
    that the search brought back: the cheapest above the wished price, or the best hit. Every value is the catalogue's,
    as written. ``custom`` carries the same for those who show cards instead of rows:
    ``{"products": [{"sku", "name", "price", "currency", "url", "stock", …, "facts": ["capacity: 1 person"]}],
    "lead": …}``, where ``lead`` is the text without its rows.
    """
    words = _CHINESE if language == "zh" else _ENGLISH
    rows = _rows(found.hits)
    matching = [rows[sku] for sku in found.products if sku in rows]
    if matching:
        shown = matching[:most]
        lead = words["found one"] if len(matching) == 1 else words["found"]
        # Those that match but whose rows the search left out are counted, not named.
        more = len(found.products) - len(shown)
        return _listed(lead, shown, found.filters, language, words["more"].format(count=more) if more else "")
    told = words["and"].join(describe(wish, language) for wish in found.filters)
    if found.products:
        # They match, and only their rows are not at hand: to say that there are none would be false.
        count = len(found.products)
        return Utterance(words["unseen one" if count == 1 else "unseen"].format(count=count, filters=told))
    none = words["none"].format(filters=told)
    nearest = _nearest(list(rows.values()), found.filters)
    if nearest is None:
        return Utterance(none)
    return _listed(f"{none}\n{words['nearest']}", [nearest], found.filters, language)


def describe(wish: Filter, language: str = "en") -> str:
    """A filter in words: ``price up to 100``, ``sizes M``, ``category Tents``."""
    name = _name(wish.attribute, language)
    if wish.operator == "=" and wish.value in ("yes", "no"):
        return name if wish.value == "yes" else f"{'not ' if language != 'zh' else '非'}{name}"
    sign = _SIGNS["zh" if language == "zh" else "en"].get(wish.operator, "")
    return " ".join(part for part in (name, sign, wish.value) if part)


def _rows(hits: Sequence[Hit]) -> dict[str, Passage]:
    """The product passages of a search by SKU, best first."""
    rows: dict[str, Passage] = {}
    for hit in hits:
        if hit.passage.kind is Kind.PRODUCT and (sku := hit.passage.attributes.get("sku")):
            rows.setdefault(sku, hit.passage)
    return rows


def _nearest(passages: Sequence[Passage], wishes: Sequence[Filter]) -> Passage | None:
    limit = next((wish for wish in wishes if wish.attribute == "price" and wish.operator in ("<=", ">=")), None)
    priced = [
        (price, passage) for passage in passages if (price := _number(passage.attributes.get("price"))) is not None
    ]
    if limit is None or not priced or (wished := _number(limit.value)) is None:
        return passages[0] if passages else None
    # One that can be bought is nearer than one that cannot.
    return min(priced, key=lambda pair: (_number(pair[1].attributes.get("stock")) == 0, abs(pair[0] - wished)))[1]


def _listed(
    lead: str, passages: Sequence[Passage], wishes: Sequence[Filter], language: str, rest: str = ""
) -> Utterance:
    """``lead``, a line for each product, and what is to be said after them."""
    lines = [_line(passage.attributes, wishes, language) for passage in passages]
    cards = [
        card(passage) | ({"facts": facts} if (facts := _asked(passage.attributes, wishes, language)) else {})
        for passage in passages
    ]
    return Utterance(
        text="\n".join(part for part in (lead, *lines, rest) if part),
        custom={"products": cards, "lead": "\n".join(part for part in (lead, rest) if part)},
        citations=tuple(Citation(p.id, p.title, p.source, p.url) for p in passages),
    )


def _line(row: Mapping[str, str], wishes: Sequence[Filter], language: str) -> str:
    words = _CHINESE if language == "zh" else _ENGLISH
    facts = [price] if (price := _price(row)) else []
    facts += _asked(row, wishes, language)
    stock = _number(row.get("stock"))
    # A catalogue's stock is that of all variants together: it proves nothing of the one in this colour or size.
    if stock is not None and not (stock > 0 and any(wish.operator == "has" for wish in wishes)):
        facts.append(words["in stock"] if stock > 0 else words["sold out"])
    name = row.get("name") or row["sku"]
    return f"- {name}{words['colon']}{words['comma'].join(dict.fromkeys(facts))}" if facts else f"- {name}"


def _asked(row: Mapping[str, str], wishes: Sequence[Filter], language: str) -> list[str]:
    """What the product says of that which was asked for, besides what is always told: ``capacity: 1 person``."""
    colon = (_CHINESE if language == "zh" else _ENGLISH)["colon"]
    asked = {wish.attribute: row[wish.attribute] for wish in wishes if row.get(wish.attribute)}
    return [
        f"{_name(attribute, language)}{colon}{_value(attribute, value)}"
        for attribute, value in asked.items()
        if attribute not in _ALWAYS_TOLD
    ]


def _price(row: Mapping[str, str]) -> str:
    return (
        " ".join(part for part in (row.get("price", ""), row.get("currency", "")) if part) if row.get("price") else ""
    )


def _name(attribute: str, language: str) -> str:
    known = _ATTRIBUTES.get(language, {}).get(attribute)
    return known or attribute.removesuffix("_g").replace("_", " ")


def _value(attribute: str, value: str) -> str:
    _, _, unit = attribute.rpartition("_")
    told = ", ".join(part.strip() for part in value.split("|"))
    return f"{told} {unit}" if unit in _UNITS and unit != attribute else told


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
