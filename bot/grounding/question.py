"""What the shopper's question makes known: it narrows the sources down, and supports nothing."""

from bot.grounding.claims import QUANTITIES
from bot.grounding.clauses import read_sentence
from bot.grounding.library import Library
from bot.grounding.products import find_mentions


class Question:
    """What the shopper's words make known: they narrow a source down, and support nothing."""

    def __init__(self, text: str, library: Library) -> None:
        read = read_sentence(text, library.titles)
        self.stems = read.stems
        self.countries = frozenset(str(c.value) for c in read.claims if c.kind == "country")
        self.days = frozenset(d for c in read.claims if isinstance(c.value, frozenset) for d in c.value)
        self.products = tuple(frozenset(str(m.value).split()) for m in find_mentions(text, library.titles))
        self.hard = tuple(c for c in read.claims if c.kind in {"country", "product", "code", "name"} | QUANTITIES)
        self.content = tuple(word for clause in read.clauses for word in clause.content)
