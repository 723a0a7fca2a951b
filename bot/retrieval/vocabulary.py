"""The words in which shoppers wish for products, in English and Chinese; a shop adds its own as Rasa synonyms."""

import re

from bot.records import Filter
from bot.retrieval.measures import NUMBER, UNIT

_FEWER = (
    r"under|below|less than|cheaper than|lighter than|smaller than|at most|max(?:imum)?(?: of)?|no more than|up to"
    r"|within|<=?|不到|低于|少于|小于|最多|不超过|轻于"
)
_MORE = (
    r"over|above|more than|at least|min(?:imum)?(?: of)?|heavier than|larger than|bigger than|from|starting at|>=?"
    r"|超过|高于|大于|多于|至少"
)
_AROUND = r"around|about|roughly|approximately|some|大约|左右|大概"
_FEWER_AFTER = r"以下|以内|之内|内|or less|or lighter|or cheaper|or below|max(?:imum)?"
_MORE_AFTER = r"以上|or more|or above|\+"

RANGE = re.compile(
    rf"(?:between|from)?\s*(?:€|eur(?:os?)?)?\s*(?P<low>{NUMBER})\s*(?P<unit1>{UNIT})?\s*(?:and|to|-|–|到|至)\s*"
    rf"(?:€|eur(?:os?)?)?\s*(?P<high>\d+(?:\.\d+)?)\s*(?P<unit2>{UNIT})?(?![a-z\d])"
)
BOUND = re.compile(
    rf"(?:(?P<fewer>{_FEWER})|(?P<more>{_MORE})|(?P<around>{_AROUND}))?\s*(?P<money>€|eur(?:os?)?\b)?\s*"
    rf"(?<![a-z\d.-])(?P<number>{NUMBER})[\s-]*(?P<unit>{UNIT})?(?![a-z\d])\s*"
    rf"(?:(?P<fewer_after>{_FEWER_AFTER})|(?P<more_after>{_MORE_AFTER}))?"
)
FOR_PEOPLE = re.compile(r"\bfor (?P<count>\d+)(?=\s*(?:$|[?.!,]|that|which|who|with|under|below|in|and|but|of us))")

ENGLISH_KINDS = {
    "rucksack": "backpack", "pack": "backpack", "pants": "trousers", "coat": "jacket", "sneakers": "shoes",
    "headtorch": "headlamp", "torch": "headlamp", "pad": "mat", "pullover": "fleece", "cooker": "stove", "cap": "hat",
}  # fmt: skip
CHINESE_KINDS = {
    "帐篷": "tent", "天幕": "tarp", "背包": "backpack", "双肩包": "backpack", "睡袋": "sleeping bag",
    "防潮垫": "sleeping mat", "睡垫": "sleeping mat",
    "冲锋衣": "rain jacket", "羽绒服": "down jacket", "夹克": "jacket",
    "外套": "jacket", "雨衣": "rain jacket",
    "裤": "trousers", "登山靴": "boots", "靴": "boots", "徒步鞋": "boots", "越野跑鞋": "trail shoes", "跑鞋": "shoes",
    "鞋": "shoes",
    "炉": "stove", "手套": "gloves", "袜": "socks", "头灯": "headlamp", "帽": "hat", "登山杖": "poles",
    "保温杯": "thermo bottle", "滤水器": "water filter", "抓绒": "fleece",
    "指南针": "compass", "急救包": "first aid kit",
    "锅": "pot", "水壶": "bottle",
}  # fmt: skip
CHINESE_COLOURS = {
    "红": "red", "橙": "orange", "黄": "yellow", "绿": "green", "蓝": "blue", "紫": "purple", "粉": "pink",
    "黑": "black", "白": "white", "灰": "grey", "棕": "brown", "褐": "brown", "银": "silver", "金": "gold",
    "米": "beige",
}  # fmt: skip
COLOURS = frozenset(
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
IN = frozenset({"in", "colour", "color", "or"})
AFTER_COLOUR = frozenset(
    ["one", "ones", "or", "and", "in", "for", "please", "version", "too", "under", "below", "with", "that", "is", "are"]
)
SPELLINGS = {"gray": "grey", "violet": "purple"}

ORDERS = (
    (re.compile(r"\b(?:cheapest|least expensive|lowest price|most affordable)\b|最便宜|最低价"), ("price", False)),
    (re.compile(r"\b(?:most expensive|priciest|dearest)\b|最贵"), ("price", True)),
    (re.compile(r"\blightest\b|最轻"), ("weight_g", False)),
    (re.compile(r"\bheaviest\b|最重"), ("weight_g", True)),
    (re.compile(r"\bwarmest\b|最(?:保)?暖"), ("comfort temperature", False)),
    (re.compile(r"\b(?:brightest)\b|最亮"), ("lumens", True)),
    (re.compile(r"\b(?:biggest|largest|roomiest)\b|最大"), ("", True)),
    (re.compile(r"\bsmallest\b|最小"), ("", False)),
)
PLAIN = (
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
DENIED = re.compile(r"(?:\bnot|n't|\bnon|\bwithout|\bno|不)[\s-]*(?:an? |any )?$")
"""What stands before a word that is not wished for."""
ANYTHING = re.compile(
    r"\b(?:something|anything|everything|products?|items?|gear|gifts?|presents?)\b|东西|产品|商品|礼物|什么",
    re.IGNORECASE,
)
SEARCHING = re.compile(
    r"\b(?:do (?:you|u) (?:have|sell|carry|stock)|have you got|got any|show me|looking for|search(?:ing)? for|i need"
    r"|i want|i'd like|which|list|recommend|is there|are there|find me|suggest"
    r"|what \w+(?: \w+)? (?:do you have|have you|can you))\b"
    r"|有没有|有.*[吗嘛?？]|推荐|想买|想要|我要|哪款|哪些|哪种|卖",
    re.IGNORECASE,
)
ELSEWHERE = re.compile(
    r"\b(?:ship(?:ping|ped)?|postage|deliver(?:y|ed|ies)?|basket|cart|code|voucher|refund|points?|invoice|order(?:ed|s)?|bought"
    r"|warranty|repair(?:ed)?|return(?:ed)?|send|pay|hire|rent)\b|运费|包邮|邮费|优惠码|退|订单|积分|保修|租",
    re.IGNORECASE,
)
LEAD = 2
"""So many words may stand before the kind: an article and an adjective."""
MENTION = re.compile(r"my|the|is|are|can|do|how|what|your|our|this|that|it|in|for|on|with|to|of")
SIZE = re.compile(
    r"\bsize[sd]?:?\s+(?P<named>[a-z0-9]{1,4}|\d+(?:\.\d+)?|small|medium|large|regular|long|wide)\b|(?P<shoe>\d{2}(?:\.5)?)\s*码|(?P<letters>x{0,2}[sml]|x{1,2}l)\s*码"
)
BARE_SIZE = re.compile(r"(?<![\w'’&.-])(XXS|XS|S|M|L|XL|XXL|XXXL)(?![\w'’&])")
FITS = frozenset({"men", "women", "man", "woman"})
"""Said of a kind, but a wish of its own."""
NEEDS_NAME = frozenset({"cm", "min", "h"})
"""Units of so many attributes that the attribute has to be named."""
SIZE_WORDS = {"small": "s", "medium": "m", "large": "l"}
