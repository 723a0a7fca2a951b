"""Wishes about products in a text, English or Chinese: price, size, colour, weight, capacity and the like. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.records import Entity, Filter
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.measures import NUMBER, UNIT, measured, plain_numbers
from bot.retrieval.words import stem, words_of

_FEWER = r"under|below|less than|cheaper than|lighter than|smaller than|at most|max(?:imum)?(?: of)?|no more than|up to|within|<=?|不到|低于|少于|小于|最多|不超过|轻于"
_MORE = r"over|above|more than|at least|min(?:imum)?(?: of)?|heavier than|larger than|bigger than|from|starting at|>=?|超过|高于|大于|多于|至少"
_AROUND = r"around|about|roughly|approximately|some|大约|左右|大概"
_FEWER_AFTER = r"以下|以内|之内|内|or less|or lighter|or cheaper|or below|max(?:imum)?"
_MORE_AFTER = r"以上|or more|or above|\+"

_RANGE = re.compile(
    rf"(?:between|from)?\s*(?:€|eur(?:os?)?)?\s*(?P<low>{NUMBER})\s*(?P<unit1>{UNIT})?\s*(?:and|to|-|–|到|至)\s*"
    rf"(?:€|eur(?:os?)?)?\s*(?P<high>\d+(?:\.\d+)?)\s*(?P<unit2>{UNIT})?(?![a-z\d])"
)
_BOUND = re.compile(
    rf"(?:(?P<fewer>{_FEWER})|(?P<more>{_MORE})|(?P<around>{_AROUND}))?\s*(?P<money>€|eur(?:os?)?\b)?\s*"
    rf"(?<![a-z\d.-])(?P<number>{NUMBER})[\s-]*(?P<unit>{UNIT})?(?![a-z\d])\s*(?:(?P<fewer_after>{_FEWER_AFTER})|(?P<more_after>{_MORE_AFTER}))?"
)
_FOR_PEOPLE = re.compile(r"\bfor (?P<count>\d+)(?=\s*(?:$|[?.!,]|that|which|who|with|under|below|in|and|but|of us))")

_ENGLISH_KINDS = {
    "rucksack": "backpack", "pack": "backpack", "pants": "trousers", "coat": "jacket", "sneakers": "shoes",
    "headtorch": "headlamp", "torch": "headlamp", "pad": "mat", "pullover": "fleece", "cooker": "stove", "cap": "hat",
}  # fmt: skip
_CHINESE_KINDS = {
    "帐篷": "tent", "天幕": "tarp", "背包": "backpack", "双肩包": "backpack", "睡袋": "sleeping bag", "防潮垫": "sleeping mat",
    "睡垫": "sleeping mat", "冲锋衣": "rain jacket", "羽绒服": "down jacket", "夹克": "jacket", "外套": "jacket", "雨衣": "rain jacket",
    "裤": "trousers", "登山靴": "boots", "靴": "boots", "徒步鞋": "boots", "越野跑鞋": "trail shoes", "跑鞋": "shoes", "鞋": "shoes",
    "炉": "stove", "手套": "gloves", "袜": "socks", "头灯": "headlamp", "帽": "hat", "登山杖": "poles", "水壶": "bottle",
    "保温杯": "thermo bottle", "滤水器": "water filter", "抓绒": "fleece", "指南针": "compass", "急救包": "first aid kit", "锅": "pot",
}  # fmt: skip
_CHINESE_COLOURS = {
    "红": "red", "橙": "orange", "黄": "yellow", "绿": "green", "蓝": "blue", "紫": "purple", "粉": "pink", "黑": "black",
    "白": "white", "灰": "grey", "棕": "brown", "褐": "brown", "银": "silver", "金": "gold", "米": "beige",
}  # fmt: skip
_COLOURS = frozenset(
    [
        "red",
        "orange",
        "yellow",
        "green",
        "blue",
        "purple",
        "violet",
        "pink",
        "black",
        "white",
        "grey",
        "gray",
        "brown",
        "beige",
        "silver",
        "gold",
        "navy",
        "turquoise",
        "khaki",
        "burgundy",
        "maroon",
        "cream",
        "teal",
        "olive",
    ]
)
_IN = frozenset({"in", "colour", "color", "or"})
_AFTER_COLOUR = frozenset(
    ["one", "ones", "or", "and", "in", "for", "please", "version", "too", "under", "below", "with", "that", "is", "are"]
)
_SPELLINGS = {"gray": "grey", "violet": "purple"}

_ORDERS = (
    (re.compile(r"\b(?:cheapest|least expensive|lowest price|most affordable)\b|最便宜|最低价"), ("price", False)),
    (re.compile(r"\b(?:most expensive|priciest|dearest)\b|最贵"), ("price", True)),
    (re.compile(r"\blightest\b|最轻"), ("weight_g", False)),
    (re.compile(r"\bheaviest\b|最重"), ("weight_g", True)),
    (re.compile(r"\bwarmest\b|最(?:保)?暖"), ("comfort temperature", False)),
    (re.compile(r"\b(?:brightest)\b|最亮"), ("lumens", True)),
    (re.compile(r"\b(?:biggest|largest|roomiest)\b|最大"), ("", True)),
    (re.compile(r"\bsmallest\b|最小"), ("", False)),
)
_PLAIN = (
    (
        re.compile(r"\b(?:in stock|available (?:now|right now|today)|on stock)\b|有(?:现)?货|现货"),
        Filter("stock", ">=", "1"),
    ),
    (
        re.compile(r"\b(?:on sale|in (?:the|your) sale|sale items?|on offer|discounted)\b|打折|特价|促销"),
        Filter("sale", "=", "yes"),
    ),
    (re.compile(r"\b(?:women|woman|ladies|female|womens)(?:['’]?s)?\b|女[款士式性生]"), Filter("fit", "=", "women")),
    (
        re.compile(r"\b(?:men|man|male|mens|gents|gentlemen)(?:['’]?s)?\b(?!\s+tent)|男[款士式性生]"),
        Filter("fit", "=", "men"),
    ),
    (re.compile(r"\b(?:four|4)[- ]season\b|4\s*季"), Filter("season", "=", "4-season")),
    (re.compile(r"\b(?:three|3)[- ]season\b|3\s*季"), Filter("season", "=", "3-season")),
    (re.compile(r"\bvegan\b|纯素"), Filter("diet", "=", "vegan")),
    (re.compile(r"\bwaterproof\b|防水"), Filter("waterproof", "=", "yes")),
    (re.compile(r"\bfreestanding\b"), Filter("freestanding", "=", "yes")),
)
_ANYTHING = re.compile(
    r"\b(?:something|anything|everything|products?|items?|gear|gifts?|presents?)\b|东西|产品|商品|礼物|什么",
    re.IGNORECASE,
)
_SEARCHING = re.compile(
    r"\b(?:do (?:you|u) (?:have|sell|carry|stock)|have you got|got any|show me|looking for|search(?:ing)? for|i need|i want"
    r"|i'd like|which|list|recommend|is there|are there|find me|suggest|what \w+(?: \w+)? (?:do you have|have you|can you))\b"
    r"|有没有|有.*[吗嘛?？]|推荐|想买|想要|我要|哪款|哪些|哪种|卖",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"\b(?:ship(?:ping|ped)?|postage|deliver(?:y|ed|ies)?|basket|cart|code|voucher|refund|points?|invoice|order(?:ed|s)?|bought"
    r"|warranty|repair(?:ed)?|return(?:ed)?|send|pay|hire|rent)\b|运费|包邮|邮费|优惠码|退|订单|积分|保修|租",
    re.IGNORECASE,
)
_LEAD = 2
"""So many words may stand before the kind: an article and an adjective."""
_MENTION = re.compile(r"my|the|is|are|can|do|how|what|your|our|this|that|it|in|for|on|with|to|of")
_SIZE = re.compile(
    r"\bsize[sd]?:?\s+(?P<named>[a-z0-9]{1,4}|\d+(?:\.\d+)?|small|medium|large|regular|long|wide)\b|(?P<shoe>\d{2}(?:\.5)?)\s*码|(?P<letters>x{0,2}[sml]|x{1,2}l)\s*码"
)
_BARE_SIZE = re.compile(r"(?<![\w'’&.-])(XXS|XS|S|M|L|XL|XXL|XXXL)(?![\w'’&])")
_FITS = frozenset({"men", "women", "man", "woman"})
"""Said of a kind, but a wish of its own."""
_NEEDS_NAME = frozenset({"cm", "min", "h"})
"""Units of so many attributes that the attribute has to be named."""
_SIZE_WORDS = {"small": "s", "medium": "m", "large": "l"}


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
    order = next((order for pattern, order in _ORDERS if pattern.search(plain)), None)
    if order and not order[0]:
        order = (_extent(kind, catalogue), order[1])
    asked = bool(kind or _ANYTHING.search(plain) or any(f.attribute in {"sale", "diet"} for f in filters))
    search = bool(_SEARCHING.search(plain) or order or _leads(plain, kind))
    for_products = asked and bool(filters or kind) and not _ELSEWHERE.search(plain) and (search or bool(filters))
    kinds = (Filter("category", "=", kind),) if kind else ()
    return Wishes(kinds + filters, kind, order, for_products)


def _leads(plain: str, kind: str) -> bool:
    """A text that begins with the kind: "rain jackets?", "boots that take crampons"."""
    words = words_of(plain)
    own = words_of(kind)
    begins = next((at for at in range(len(words)) if own and words[at : at + len(own)] == own), None)
    return begins is not None and begins <= _LEAD and not any(_MENTION.fullmatch(word) for word in words[:begins])


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
            if catalogue.is_kind(name) and not any(part.isdigit() or part in _FITS for part in words[begin:at]):
                best = max(best, name, key=lambda found: len(found.split()))
                break
    if best:
        return best
    meant = [entity.value for entity in entities if entity.name == "category"]
    meant += [kind for word, kind in _ENGLISH_KINDS.items() if stem(word) in words]
    meant += [kind for word, kind in _CHINESE_KINDS.items() if word in plain]
    return next((kind for kind in meant if catalogue.is_kind(kind)), "")


def _bounds(plain: str, catalogue: Catalogue) -> list[Filter]:
    filters: list[Filter] = []
    for found in _RANGE.finditer(plain):
        unit = found["unit2"] or found["unit1"]
        attribute = _attribute(plain, found.start(), unit, catalogue)
        worded = found.group().lstrip().startswith(("between", "from")) or unit
        if attribute and worded and float(found["low"]) < float(found["high"]):
            low, high = (measured(found[end], unit).value for end in ("low", "high"))
            filters += [Filter(attribute, ">=", f"{low:g}"), Filter(attribute, "<=", f"{high:g}")]
    if filters:
        return filters
    for found in _BOUND.finditer(plain):
        filters += _bound(plain, found, catalogue)
    for found in _FOR_PEOPLE.finditer(plain):
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
        return "" if kind in _NEEDS_NAME else catalogue.units.get(kind, "")
    return "price" if "price" in catalogue.measured else ""


def _sizes(text: str, plain: str, catalogue: Catalogue) -> list[Filter]:
    found = _SIZE.search(plain)
    bare = _BARE_SIZE.search(text)
    said = next(filter(None, found.groups()), "") if found else bare[1].lower() if bare else ""
    if not said:
        # "in 42" and "in medium" are sizes where the shop has such sizes.
        word = re.search(r"\bin (?:an? )?(\d{2}(?:\.5)?|small|medium|large)\b(?!\s*(?:days?|hours?|minutes?|%))", plain)
        said = word[1] if word else ""
    said = _SIZE_WORDS.get(said, said)
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
        asked = at > 0 and words[at - 1] in _IN
        # A "red light" is not a red headlamp; "sand" and "clear" are words before they are colours.
        of_kind = not after or after in _AFTER_COLOUR or stem(after) in words_of(kind)
        if (word in _COLOURS and (asked or of_kind)) or (word in catalogue.colours and asked):
            return [Filter("colours", "has", _SPELLINGS.get(word, word))]
    for character, colour in _CHINESE_COLOURS.items():
        if re.search(rf"{character}色|{character}的", plain):
            return [Filter("colours", "has", colour)]
    said = [entity.value for entity in entities if entity.name in {"colour", "color"}]
    return [Filter("colours", "has", said[0])] if said else []


def _plainly(plain: str, catalogue: Catalogue) -> list[Filter]:
    """Wishes that one word says, about attributes that this shop's products have."""
    return [
        filter_ for pattern, filter_ in _PLAIN if filter_.attribute in catalogue.attributes and pattern.search(plain)
    ]


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
