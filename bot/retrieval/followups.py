"""Whether a message only makes sense after the turn before, and what it takes from it."""

import re
from enum import Enum

from bot.records import State
from bot.retrieval.wishes import Wishes

_POINTING = re.compile(
    r"\b(?:it|its|it's|they|them|their|these|those|this one|that one|this|that)\b"
    r"|\bthe (?:first|second|last|other|same) one\b"
    r"|它|这[个款件双顶条]|那[个款件双顶条]",
    re.IGNORECASE,
)
_NOT_POINTING = re.compile(
    r"\b(?:is it|it is|was it|it's) (?:possible|true|ok|okay|safe to|allowed|normal|free to|rain\w*|too late)\b"
    r"|\bthis (?:shop|store|site|website|chat|conversation|week|month|year|afternoon|morning|evening)\b",
    re.IGNORECASE,
)
_GOING_ON = re.compile(
    r"^\W*(?:and|also|but|or|what about|how about|what if|then|ok(?:ay)?,? (?:and|what about))\b"
    r"|^(?:那|还有|另外|如果)|呢[？?。]?$",
    re.IGNORECASE,
)
_ANOTHER = re.compile(r"\bones?\b|[款个]的?[吗呢？?]?$", re.IGNORECASE)
_IDLE = frozenset(
    [
        "and",
        "also",
        "but",
        "or",
        "what",
        "about",
        "how",
        "if",
        "then",
        "ok",
        "okay",
        "the",
        "a",
        "an",
        "in",
        "to",
        "for",
        "of",
        "with",
        "from",
        "at",
        "on",
        "is",
        "are",
        "do",
        "does",
        "it's",
        "please",
        "pls",
        "you",
        "have",
        "can",
        "i",
        "get",
        "come",
        "there",
        "one",
        "ones",
        "any",
        "me",
        "that",
        "same",
    ]
)
_COURTESY = re.compile(
    r"\b(?:thanks?|thank you|thx|hello|hi|hey|bye|yes|no|nope|yep|sure|great|human|agent|person|someone|stop)\b"
    r"|谢|你好|再见|人工",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_CJK = re.compile(r"[\u3400-\u9fff]")
_FRAGMENT = 3
"""Words that say something: a message with fewer is the rest of a sentence that was said before."""
_VERBS = re.compile(
    r"\b(?:do|does|did|is|are|was|were|can|could|will|would|should|may|have|has|how|what|where|when|which|who|why|want|need"
    r"|show|tell|give|help|buy|order|return|cancel)\b",
    re.IGNORECASE,
)


class Follow(Enum):
    """What a follow-up adds to."""

    NOTHING = "nothing"
    PRODUCT = "product"
    """The products in focus: how heavy is it?"""
    FILTERS = "filters"
    """The last product search: and in red?"""
    TOPIC = "topic"
    """The last question: and to Germany?"""


def follow(text: str, wishes: Wishes, state: State) -> Follow:
    """What ``text``, which names no product, takes from the turn before."""
    if not (state.filters or state.focus or state.topic):
        return Follow.NOTHING
    going_on = bool(_GOING_ON.search(text))
    fragment = _fragment(text)
    pointing = bool(_POINTING.search(text)) and not _NOT_POINTING.search(text)
    searched = bool(state.filters)
    if wishes.filters and not wishes.kind and (going_on or fragment or (searched and _ANOTHER.search(text))):
        # With one product in focus and no search before it, "and in red?" asks about that product's colours, while
        # "the 3 person one" asks for another.
        if searched or (_ANOTHER.search(text) and state.focus):
            return Follow.FILTERS
        return Follow.PRODUCT if state.focus else Follow.NOTHING
    if wishes.order and not wishes.kind and searched:
        return Follow.FILTERS
    if wishes.kind and (wishes.for_products or not pointing):
        return Follow.NOTHING
    if pointing and state.focus:
        return Follow.PRODUCT
    if _COURTESY.search(text):
        return Follow.NOTHING
    if state.topic and (
        (going_on and _short(text)) or (fragment and not _VERBS.search(text)) or (pointing and _short(text))
    ):
        return Follow.TOPIC
    return Follow.NOTHING


def _telling(text: str) -> int:
    """Words that say something; two Chinese characters count as one."""
    words = [word for word in _WORD.findall(_CJK.sub(" ", text)) if word.lower() not in _IDLE]
    return len(words) + len(_CJK.findall(text)) // 2


def _fragment(text: str) -> bool:
    return _telling(text) <= _FRAGMENT - 1


def _short(text: str) -> bool:
    return _telling(text) <= _FRAGMENT
