"""Product files: each row of a CSV or JSON feed becomes an overview and one true sentence per fact."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.errors import KnowledgeError
from bot.records import Kind, Passage, PassageId
from bot.retrieval.markup import is_web_address, without_tags
from bot.retrieval.problems import Problem
from bot.retrieval.sections import slug

_NAMES = {
    "id": "sku",
    "product_id": "sku",
    "title": "name",
    "color": "colours",
    "colors": "colours",
    "colour": "colours",
    "size": "sizes",
    "weight": "weight_g",
    "current_stock": "stock",
    "link": "url",
}
"""What other shops' feeds call our columns."""

_UNTOLD = frozenset({"sku", "name", "category", "currency", "url", "image", "description", "locale"})
"""Columns that are not facts of their own: the overview says them, or they are not said."""

_ADJECTIVES = frozenset(
    [
        "adjustable",
        "biodegradable",
        "breathable",
        "compostable",
        "dishwasher-safe",
        "foldable",
        "freestanding",
        "machine-washable",
        "packable",
        "recyclable",
        "recycled",
        "refillable",
        "rechargeable",
        "removable",
        "returnable",
        "reversible",
        "stackable",
        "vegan",
        "vegetarian",
        "washable",
        "waterproof",
        "windproof",
        "wireless",
        "organic",
        "fragile",
        "edible",
        "seasonal",
        "handmade",
    ]
)
_OWN_PAGE = re.compile(r"/(?!/)[^\s<>\"'\\]*")
"""A picture on the shop's own server, from its root."""
_VERBS = frozenset({"fits", "includes", "contains", "holds"})


def read_csv(text: str, file: str) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    """Read a CSV file with a header; lists are separated by ``|``, ``attributes`` are ``key: value | key: value``.

    Raises:
        KnowledgeError: the header lacks ``sku`` or ``name``.
    """
    # A plain loop over the reader: only it knows the line, because a quoted field may hold newlines.
    reader = csv.DictReader(io.StringIO(text), restkey="", skipinitialspace=True)
    columns = [_NAMES.get(_key(name), _key(name)) for name in reader.fieldnames or []]
    for needed in ("sku", "name"):
        if needed not in columns:
            raise KnowledgeError(f"{file}:1: a product file needs the columns `sku` and `name`; `{needed}` is missing.")
    rows: list[tuple[dict[str, str], int]] = []
    problems: list[Problem] = []
    line = reader.line_num + 1
    for row in reader:
        if row.get("") or None in row.values():
            problems.append(Problem(file, line, f"this row does not have {len(columns)} columns as the header has."))
        else:
            rows.append(({_NAMES.get(_key(name), _key(name)): value.strip() for name, value in row.items()}, line))
        line = reader.line_num + 1
    return _products(rows, file, problems)


def read_json(text: str, file: str) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    """Read a JSON list of objects; numbers are numbers, lists are lists, ``attributes`` is an object.

    Raises:
        KnowledgeError: the file is not JSON, or not a list.
    """
    try:
        data = json.loads(text)
    except json.JSONDecodeError as exc:
        raise KnowledgeError(f"{file}:{exc.lineno}: not JSON: {exc.msg}.") from exc
    if not isinstance(data, list):
        raise KnowledgeError(f"{file}:1: a product file is a list of objects with `sku` and `name`.")
    lines = _starts(text)
    rows: list[tuple[dict[str, str], int]] = []
    problems: list[Problem] = []
    for item, line in zip(data, lines, strict=True):
        if isinstance(item, dict):
            rows.append(({_NAMES.get(_key(name), _key(name)): _written(value) for name, value in item.items()}, line))
        else:
            problems.append(Problem(file, line, "this is not an object with `sku` and `name`."))
    return _products(rows, file, problems)


def _starts(text: str) -> list[int]:
    """The line of each element of a valid JSON list."""
    decoder = json.JSONDecoder()
    lines = []
    at = text.index("[") + 1
    while (begin := re.compile(r"[\s,]*").match(text, at).end()) < len(text) and text[begin] != "]":  # type: ignore[union-attr]  # it matches the empty text too
        lines.append(text.count("\n", 0, begin) + 1)
        _, at = decoder.raw_decode(text, begin)
    return lines


def _written(value: Any) -> str:
    """A JSON value as the CSV has it."""
    match value:
        case list():
            return "|".join(map(in_words, value))
        case dict() if "value" not in value:
            return " | ".join(f"{name}: {in_words(part)}" for name, part in value.items())
        case _:
            return in_words(value)


def in_words(value: Any) -> str:
    """A JSON value as it is read: lists by comma, and ``{"value": 11.0, "unit": "inches"}`` as ``11 inches``."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.10g}"
        case list():
            return ", ".join(map(in_words, value))
        case {"value": amount, **more}:
            unit = str(more.get("unit") or more.get("currency") or "").replace("_", " ")
            return f"{in_words(amount)} {unit}".strip() if in_words(amount) else ""
        case dict():
            return ", ".join(f"{name.replace('_', ' ')} {in_words(part)}" for name, part in value.items())
        case _:
            return str(value).strip()


def _products(
    rows: list[tuple[dict[str, str], int]], file: str, problems: list[Problem]
) -> tuple[list[tuple[Passage, int]], list[Problem]]:
    passages: list[tuple[Passage, int]] = []
    seen: dict[str, int] = {}
    for row, line in rows:
        try:
            product = _check(row)
            if (sku := product["sku"].casefold()) in seen:
                raise ValueError(f"the SKU {product['sku']!r} stands on line {seen[sku]} already.")
        except ValueError as exc:
            problems.append(Problem(file, line, str(exc)))
            continue
        seen[sku] = line
        if product.get("url") and not is_web_address(product["url"]):
            problems.append(Problem.of_address(file, line, "url", product.pop("url")))
        if product.get("image") and not (is_web_address(product["image"]) or _OWN_PAGE.fullmatch(product["image"])):
            problems.append(Problem.of_address(file, line, "image", product.pop("image")))
        passages.extend((passage, line) for passage in _passages(product, file))
    return passages, problems


def _check(row: dict[str, str]) -> dict[str, str]:
    """The row without tags and with its ``attributes`` spread out, once everything in it can be read."""
    row = {name: without_tags(value).strip() for name, value in row.items()}
    for needed in ("sku", "name"):
        if not row.get(needed):
            raise ValueError(f"a product needs a `{needed}`.")
    for number in ("price", "weight_g", "stock"):
        value = row.get(number, "")
        if value and not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ValueError(f"`{number}` of {row['sku']} must be a number as 349.95, not {value!r}.")
    product = {name: value for name, value in row.items() if name != "attributes"}
    for pair in filter(None, (part.strip() for part in row.get("attributes", "").split("|"))):
        name, colon, value = pair.partition(":")
        if not colon or not name.strip() or not value.strip():
            raise ValueError(f"`attributes` of {row['sku']} must be `key: value | key: value`, not {pair!r}.")
        product[name.strip()] = value.strip()
    return product


def _passages(product: Mapping[str, str], file: str) -> Iterator[Passage]:
    sku, name = product["sku"], product["name"]
    source = f"{file}#{sku}"

    def passage(part: str, text: str) -> Passage:
        return Passage(
            id=PassageId(f"product:{sku}#{part}" if part else f"product:{sku}"),
            kind=Kind.PRODUCT,
            title=name,
            text=text,
            source=source,
            locale=product.get("locale") or "en",
            url=product.get("url") or None,
            attributes=product,
        )

    price = fact(product, "price")
    described = product.get("description", "")
    overview = " ".join(part for part in (price, described) if part)
    yield passage("", overview or f"{name} ({product.get('category') or sku}).")
    for column in product:
        if column not in _UNTOLD and (sentence := fact(product, column)):
            yield passage(slug(column.removesuffix("_g")), sentence)


def fact(product: Mapping[str, str], column: str) -> str:
    """One column of a product as a sentence that stands alone; empty where there is nothing to say."""
    name, value = product["name"], product.get(column, "")
    if not value:
        return ""
    plural = _plural(name)
    listed = [part.strip() for part in value.split("|") if part.strip()]
    match column:
        case "price":
            return f"The {name} {'cost' if plural else 'costs'} {value} {product.get('currency') or ''}".strip() + "."
        case "colours":
            return f"The {name} {'come' if plural else 'comes'} in {_and(listed)}."
        case "sizes":
            size = "sizes" if len(listed) > 1 else "size"
            return f"The {name} {'come' if plural else 'comes'} in {size} {_and(listed)}."
        case "weight_g":
            return f"The {name} {'weigh' if plural else 'weighs'} {float(value):,.10g} g." if float(value) else ""
        case "stock":
            are = "are" if plural else "is"
            return f"The {name} {are} in stock ({value} left)." if float(value) else f"The {name} {are} out of stock."
        case "material":
            return f"The {name} {'are' if plural else 'is'} made of {_and([p.strip() for p in value.split(';')])}."
        case "care":
            return f"Care of the {name}: {value[:1].lower() + value[1:]}."
        case _:
            return _attribute(name, plural, column.replace("_", " "), _and(listed) if len(listed) > 1 else value)


def _attribute(name: str, plural: bool, key: str, value: str) -> str:
    are = "are" if plural else "is"
    if key in _VERBS:
        return f"The {name} {key.removesuffix('s') if plural else key} {value}."
    if key in _ADJECTIVES:
        match value.casefold():
            case "yes" | "true":
                return f"The {name} {are} {key}."
            case "no" | "false":
                return f"The {name} {are} not {key}."
            case _:
                return f"The {name} {are} {key} ({value})."
    if value.casefold() in {"yes", "no", "true", "false"} or key.rsplit(" ", 1)[-1] in _ADJECTIVES:
        return f"The {name}: {key}: {value}."
    if value.isdecimal() and _plural(key):
        return f"The {name} {'have' if plural else 'has'} {value} {key}."
    return f"The {key} of the {name} {'are' if _plural(key) else 'is'} {value}."


def _plural(name: str) -> bool:
    """Whether a name is spoken of in the plural: boots, trousers, poles; not compass."""
    last = re.sub(r"[\d.,]+\s*\w*$|\(.*\)$", "", name).strip().rsplit(" ", 1)[-1].lower()
    return last.endswith("s") and not last.endswith(("ss", "us", "is", "gas"))


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _key(name: object) -> str:
    return str(name).strip().lower() if name else ""
