"""What the support classifier reads: a statement, and the few lines of its passage that speak of the same. Pure."""

from bot.grounding.clauses import split_sentences
from bot.grounding.library import spell
from bot.grounding.words import concepts, is_content, tokens

WORDS = 64
"""Most words of a window, about 90 tokens: what stands nearer than that decides, and the rest costs time."""

LEAST = 0.2
"""Share of a sentence's words that a line must have to stand beside the line that has most of them."""


def read_as(title: str, text: str, statement: str, leaning: str = "") -> tuple[str, str]:
    """Source and statement as one pair, the same way in training and in the check, in the spelling of the rules.

    The source is the title and then lines of the passage in their order. The line that shares most words with the
    statement always stands in it, and so does ``leaning``, what the rules found it to lean on, wherever that came from.
    """
    lines = split_sentences(spell(text))
    wanted = _concepts(statement)
    shares = [len(wanted & _concepts(line)) / max(1, len(wanted)) + 2 * (line in leaning) for line in lines]
    kept: set[int] = set()
    words = len(leaning.split())
    for at in sorted(range(len(lines)), key=lambda at: (-shares[at], at)):
        if not kept or _joins(lines[at], words, shares[at]):
            kept.add(at)
            words += 0 if lines[at] in leaning else len(lines[at].split())
    found = " ".join(lines[at] for at in sorted(kept))
    outside = "" if all(part in found for part in split_sentences(leaning)) else leaning
    source = " ".join(part for part in (f"{spell(title)}:" if title else "", outside, found) if part)
    return _bare(source), _bare(statement)


def _joins(line: str, words: int, share: float) -> bool:
    """Whether a line joins a window of ``words``: the rules lean on it, or it speaks of the same and there is room."""
    return share >= 2 or (share >= LEAST and words + len(line.split()) <= WORDS)


def _bare(text: str) -> str:
    """Without the mark at its end, which tells where a text was cut and not whether it is true."""
    return text.rstrip(" .!;:")


def _concepts(text: str) -> frozenset[str]:
    found = [token for token in tokens(text) if is_content(token) or token.text[0].isdigit()]
    return frozenset(concept for token in found for concept in concepts(token.low))
