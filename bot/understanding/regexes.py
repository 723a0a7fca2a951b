"""Judges regular expressions from training data: what cannot run in bounded time is refused when it is read."""

import re
import warnings
from re import _constants as sre  # type: ignore[attr-defined]  # Only its own parser knows what `re` will run.
from re import _parser  # type: ignore[attr-defined]  # As above.
from typing import Any

WINDOW = 256
"""Characters that a shop's own expression sees at once. What the check lets pass needs at most polynomial time in
this length, so a hostile message cannot stall the server."""

_MANY = 16
"""Rounds above which a repetition of something that varies counts as endless: 2 ** 16 ways are still a millisecond."""

_LOOPS = 6
"""Open repetitions allowed in one expression: each may add a factor of the window's length to the worst time."""

_CATEGORIES = {
    sre.CATEGORY_DIGIT: r"\d",
    sre.CATEGORY_NOT_DIGIT: r"\D",
    sre.CATEGORY_SPACE: r"\s",
    sre.CATEGORY_NOT_SPACE: r"\S",
    sre.CATEGORY_WORD: r"\w",
    sre.CATEGORY_NOT_WORD: r"\W",
}
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT)


def hazard(pattern: str) -> str | None:
    """Say why ``pattern`` is refused, as the end of a sentence, or None when it may run.

    Refused are the shapes on which Python's backtracking takes exponential time: open repetitions of something
    that itself varies in length or has alternatives that start alike (``(a+)+``, ``(a|a)*``), unless each round
    starts with a character that occurs nowhere else in it (``(\\.[a-z]+)+``); and back-references.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
            tree = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as exc:
        return f"is not a regular expression: {exc}. Python's `re` syntax is allowed."
    nodes = list(_nodes(tree, repeated=False))
    if any(node is sre.GROUPREF or node is sre.GROUPREF_EXISTS for node, _, _ in nodes):
        return "refers back to a group, which is not allowed."
    if any(repeated and _ambiguous(node, argument) for node, argument, repeated in nodes):
        return (
            "repeats something that varies in length or starts in two ways, which can take forever on a hostile "
            "message. Repeat something of fixed length, or start each round with a character of its own."
        )
    if sum(node in _REPEATS and argument[1] - argument[0] > _MANY for node, argument, _ in nodes) > _LOOPS:
        return f"has more than {_LOOPS} open repetitions, which is slow on a hostile message. Use fewer."
    return None


def _nodes(tree: Any, *, repeated: bool) -> Any:
    """Every (operation, argument, whether it lies in an open repetition with rounds that can be told apart in
    no other way) of a parsed expression."""
    for operation, argument in tree:
        yield operation, argument, repeated
        match operation:
            case sre.MAX_REPEAT | sre.MIN_REPEAT | sre.POSSESSIVE_REPEAT:
                body = argument[2]
                inside = repeated or (argument[1] > _MANY and not _delimited(body))
                yield from _nodes(body, repeated=inside)
            case sre.BRANCH:
                for branch in argument[1]:
                    yield from _nodes(branch, repeated=repeated)
            case sre.SUBPATTERN:
                yield from _nodes(argument[-1], repeated=repeated)
            case sre.ASSERT | sre.ASSERT_NOT:
                yield from _nodes(argument[1], repeated=repeated)
            case sre.ATOMIC_GROUP:
                yield from _nodes(argument, repeated=repeated)


def _ambiguous(operation: Any, argument: Any) -> bool:
    if operation in _REPEATS:
        return bool(argument[0] != argument[1])
    return operation is sre.BRANCH and not _start_apart(argument[1])


def _start_apart(branches: Any) -> bool:
    """Whether every alternative starts with a different literal character, so that only one can match."""
    firsts = [branch[0] for branch in branches if len(branch) and branch[0][0] is sre.LITERAL]
    return len(firsts) == len({first[1] for first in firsts}) == len(branches)


def _delimited(body: Any) -> bool:
    """Whether each round starts with one literal character that nothing else in the round can match."""
    while len(body) == 1 and body[0][0] is sre.SUBPATTERN:
        body = body[0][1][-1]
    if not len(body) or body[0][0] is not sre.LITERAL:
        return False
    first = chr(body[0][1])
    return not any(_matches(node, argument, first) for node, argument, _ in _nodes(body[1:], repeated=False))


def _matches(operation: Any, argument: Any, character: str) -> bool:
    if operation is sre.LITERAL:
        return bool(chr(argument).casefold() == character.casefold())
    if operation is sre.NOT_LITERAL:
        return bool(chr(argument) != character)
    if operation is sre.ANY:
        return True
    if operation is sre.IN:
        negated = bool(argument) and argument[0][0] is sre.NEGATE
        return any(_member(kind, value, character) for kind, value in argument) is not negated
    return False


def _member(kind: Any, value: Any, character: str) -> bool:
    if kind is sre.LITERAL:
        return bool(chr(value).casefold() == character.casefold())
    if kind is sre.RANGE:
        return any(value[0] <= ord(variant) <= value[1] for variant in (character.lower(), character.upper()))
    if kind is sre.CATEGORY:
        return value not in _CATEGORIES or re.match(_CATEGORIES[value], character) is not None
    return False
