"""Which lines of an order a shopper's words mean, and how many of each, by rules alone.

What was named and is not in the order is said back: a return is done once, and must not leave a thing out in silence.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from actions.matching import Ambiguous, Choice, holds, item_title, words
from actions.shop.records import Item

_CUT = re.compile(
    r"\s*(?:[,;\n、，；。！!?？]|\.(?=\s|$)|\band\b|\bplus\b|&|\+|和|以及|还有|(?<=[\u3400-\u9fff])\s+(?=[A-Za-z]))\s*",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"\b(?:is (?:that|this|it)|(?:that|this|it)(?:['’]?s| is| was| will be| would be))"
    r" (?:all|everything)\b(?! (?:of|the|my|items)\b)|\bthat['’]?s it\b",
    re.IGNORECASE,
)
"""That there is nothing more, which is no wish for all."""

_ALL = re.compile(
    r"(?<!\bat )(?<!\bafter )\ball\b(?! (?:right|good|fine|set|done|ready|day|i)\b)|\beverything\b|\bboth\b"
    r"|\b(?:whole|entire|complete) (?:order|lot|thing|package|parcel)\b|\b(?:each|every) (?:one|item|thing|of)\b"
    r"|全部|所有|都(?![不没])|整单",
    re.IGNORECASE,
)
_EXCEPT = re.compile(
    r"\b(?:except|excluding|apart from|other than|but not|but|without|not|keep)\b|除了?|不要|保留", re.I
)
_UNWANTED = re.compile(
    r"\b(?:instead of|rather than|in place of|except|excluding|apart from|other than|without|keep(?:ing)?|leave out"
    r"|remove|not(?! (?:need|want|like|fit|work|sure|any)))\b|不要|不是|除了|保留|而不是",
    re.IGNORECASE,
)
_KEPT = re.compile(r"\bkeep(?:ing)?\b|保留", re.IGNORECASE)
_CLAUSE = re.compile(r"\s*(?:[,;!?\n，；。！？]+|\.(?=\s|$)|\bbut\b|而是|，?是(?=[^\s]))\s*", re.IGNORECASE)
_NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "一": 1, "两": 2, "二": 2, "三": 3, "四": 4, "五": 5}

_KIN = {
    "pant": ("trouser",),
    "trouser": ("pant",),
    "shoe": ("boot", "sneaker"),
    "boot": ("shoe",),
    "trainer": ("shoe",),
    "sneaker": ("shoe",),
    "tee": ("shirt",),
    "cap": ("hat", "beanie"),
    "hat": ("beanie",),
    "rucksack": ("backpack",),
}
"""Other words that shoppers have for a thing, where nothing is called by the one that was said."""

_WISHING = re.compile(
    r"^(?:(?:no|yes|ok|okay|hi|hello|well|so|oh|wait|sorry|actually|just|only|please)\b\W*)*"
    r"(?:(?:i|we)(?:['’]d| would| will|['’]ll)? (?:want|like|need|wish|have) (?:to )?"
    r"|(?:can|could|may) i |let me |i meant? )?"
    r"(?:(?:return|exchange|swap|change|send back|send|give back|refund|replace) )?",
    re.IGNORECASE,
)
_FILLER = frozenset(
    words(
        "the a an my our your his her its these those this that them it one once two three four five pair"
        " piece item thing both all everything please pls thank thanks thx you also too again back only just"
        " first then so and or plus as well ok okay yes no hi hello hey mean meant sorry actually wait size"
        " colour order number new old other more same instead rest maybe would like of from each every right"
        " correct sure exactly some any something stuff product not"
    )
)
_TELLS = frozenset(
    words(
        "i we he she they is are was were be am do does did have has had can could will should to for with on"
        " via because since if when who what which how why me in at by paypal card visa mastercard email mail"
        " name zip postcode money refund"
    )
)
"""Words of a clause that tells something, and lists nothing."""

_LISTED = re.compile(r"^(?:the|my|both|those|these|a|an|one|two|three|also|\d{1,2}(?: ?[x×])?)\s", re.IGNORECASE)
_MOST_WORDS = 3
"""Of what is listed; longer parts are clauses."""


def find_items(lines: Sequence[Item], text: str, *, told: bool = False) -> tuple[str, ...] | Ambiguous | None:
    """Which lines of an order are meant, by item id, as often as they are; None when the words name none.

    ``told`` are words that no question was asked before: what in them is no line may be about something else.
    """
    text = _DONE.sub(" ", text)
    counts = Counter(str(line.id) for line in lines)
    titled = text
    for choice in _exact(lines, text):
        titled = re.sub(re.escape(choice.title), " ", titled, flags=re.IGNORECASE)
    if not _EXCEPT.search(titled) and not _UNWANTED.search(titled):
        # A title of a line may say "without" too.
        return _named(lines, text, counts, told=told) or (
            tuple(counts.elements()) if _means_all(text, counts) else None
        )
    except_at = _EXCEPT.search(text)
    if except_at and _ALL.search(text[: except_at.start()]):
        kept = find_items(lines, text[except_at.end() :])
        if not isinstance(kept, tuple):
            return kept if kept and kept.unknown else Ambiguous()
        return tuple((counts - Counter(kept)).elements())
    wanted, unwanted = parted(text)
    left_out = _named(lines, unwanted, counts, told=True)
    found = _named(lines, wanted, counts, told=told)
    if not left_out or isinstance(found, Ambiguous):
        return found or (tuple(counts.elements()) if _means_all(wanted, counts) else None)
    if isinstance(left_out, Ambiguous):
        return Ambiguous()
    if found:
        return tuple(name for name in found if name not in left_out) or Ambiguous()
    # Of two things, who keeps the one means the other.
    rest = tuple(name for name in counts.elements() if name not in left_out)
    return rest if _KEPT.search(text) and len(set(rest)) == 1 else Ambiguous()


def _means_all(text: str, counts: Counter[str]) -> bool:
    said = _ALL.search(text)
    return said is not None and (said[0].casefold() != "both" or counts.total() == 2)


def parted(text: str) -> tuple[str, str]:
    """The words about what is wanted, and those about what is not: of "the hat instead of the tent" the two."""
    wanted, unwanted = [], []
    for clause in _CLAUSE.split(text):
        found = _UNWANTED.search(clause)
        wanted.append(clause[: found.start()] if found else clause)
        if found:
            unwanted.append(clause[found.end() :])
    return ", ".join(filter(None, wanted)), ", ".join(filter(None, unwanted))


def _named(lines: Sequence[Item], text: str, counts: Counter[str], *, told: bool) -> tuple[str, ...] | Ambiguous | None:
    """The lines that the words name, part by part."""
    named: Counter[str] = Counter()
    rest = text
    for choice in _exact(lines, text):
        quantity = _quantity_before(text, choice.title)
        if counts[choice.value] > 1 and quantity is None:
            return Ambiguous((choice.title,))
        named[choice.value] += quantity or 1
        rest = re.sub(re.escape(choice.title), " ", rest, count=1, flags=re.IGNORECASE)
    unknown: list[str] = []
    for part in filter(None, _CUT.split(rest)):
        found = _line(lines, part, counts, only=len(counts) == 1)
        if isinstance(found, Ambiguous):
            return found
        if found:
            named[found[0]] = max(named[found[0]], found[1])
        elif _is_listed(part, lines, told=told):
            unknown.append(re.sub(r"\W*\bplease\W*$", "", _WISHING.sub("", part).strip()))
    if not named:
        return None
    if unknown:
        return Ambiguous(unknown=tuple(unknown))
    return tuple(named.elements()) if named <= counts else Ambiguous()


def _is_listed(part: str, lines: Sequence[Item], *, told: bool) -> bool:
    """Whether a part that names no line names something all the same: a thing that the order has not."""
    listed = _WISHING.sub("", part)
    said = words(re.sub(r"['’]\w+", "", listed))
    if _TELLS & set(said) or _ALL.search(part) or (told and not _LISTED.match(listed)):
        return False
    options = {word for line in lines for value in line.options.values() for word in words(value)}
    things = [word for word in said if word not in _FILLER and word not in options]
    if any(not word.isascii() for word in things):
        return False  # What stands without spaces may be a whole sentence.
    return 0 < len(things) <= _MOST_WORDS and all(word.isalpha() and len(word) > 2 for word in things)


def _exact(lines: Sequence[Item], text: str) -> list[Choice]:
    """Lines whose whole title was written, as a button's is."""
    titles = _titles(lines)
    lowered = text.casefold()
    return [Choice(title, item) for item, title in titles.items() if title.casefold() in lowered and "(" in title]


def _titles(lines: Sequence[Item]) -> dict[str, str]:
    return {str(line.id): item_title(line) for line in lines}


def _quantity_before(text: str, title: str) -> int | None:
    before = text[: text.casefold().find(title.casefold())].rstrip(" ×x*")
    number = re.search(r"(\d+|\w+)$", before)
    return _number(number[1]) if number else None


def _number(word: str) -> int | None:
    return int(word) if word.isdecimal() and len(word) < 3 else _NUMBERS.get(word.casefold())


def _line(lines: Sequence[Item], part: str, counts: Counter[str], *, only: bool) -> tuple[str, int] | Ambiguous | None:
    """The one line that a part of a sentence names, and how many of it."""
    said = words(part)
    scores = next(filter(None, (_scores(lines, each) for each in _spellings(lines, said))), {})
    quantity = next((number for word in said if (number := _number(word)) is not None), None)
    if only and quantity is not None and not scores:
        scores[lines[0].id] = (0, 1, 0)
    if not scores and re.search(r"\b(?:ones?|pair)\b|那", part, re.IGNORECASE):
        # "The brown one", where one thing alone is brown.
        fitting = {line.id for line in lines if any(_is_in(words(v), said) for v in line.options.values())}
        scores = dict.fromkeys(fitting, (0, 1, 0))
    if not scores:
        return None
    best = max(scores.values())
    top = [item for item, score in scores.items() if score == best]
    if len(top) > 1:
        return Ambiguous(tuple(dict.fromkeys(item_title(line) for line in lines if line.id in top)))
    if counts[top[0]] > 1:
        if _means_all(part, Counter({top[0]: counts[top[0]]})):
            return top[0], counts[top[0]]
        return (top[0], quantity) if quantity else Ambiguous((_titles(lines)[top[0]],))
    return top[0], 1


def _is_in(value: Sequence[str], said: Sequence[str]) -> bool:
    return holds(said, value) or any(len(word) > 3 and word in said for word in value)


def _scores(lines: Sequence[Item], said: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """How well each line that the words name is named."""
    scores: dict[str, tuple[int, int, int]] = {}
    for line in lines:
        name = words(line.name)
        shared = sum(1 for word in name if word in said and not word.isdecimal() and len(word) > 1)
        fits = sum(holds(said, words(value)) for value in line.options.values())
        if shared:
            scores[line.id] = (int(holds(said, name)), shared, fits)
    return scores


def _spellings(lines: Sequence[Item], said: Sequence[str]) -> Iterator[list[str]]:
    """The words as they were said, then as they may have been meant: without slips, then by other names."""
    yield list(said)
    known = {word for line in lines for word in words(line.name) if word.isalpha()}
    yield [_unslipped(word, known) for word in said]
    yield [next((other for other in _KIN.get(word, ()) if other in known), word) for word in said]


def _unslipped(word: str, known: Collection[str]) -> str:
    """The one known word that differs by a letter too many, too few or in another place, for a word long enough; in
    longer ones by a wrong letter too."""
    if len(word) < 5 or word in known or word in _FILLER:
        return word
    near = [other for other in known if len(other) > 4 and _differ_by_a_slip(word, other)]
    return near[0] if len(near) == 1 else word


def _differ_by_a_slip(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) == 1:
        short, long = sorted((one, other), key=len)
        return any(long[:at] + long[at + 1 :] == short for at in range(len(long)))
    if len(one) != len(other):
        return False
    differ = [at for at, letter in enumerate(one) if letter != other[at]]
    if len(differ) == 1:
        return len(one) > 6
    return len(differ) == 2 and one[differ[0]] == other[differ[1]] and one[differ[1]] == other[differ[0]]
