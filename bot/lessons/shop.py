"""Lessons from the shop's own knowledge: its questions and facts asked in several ways, beside passages that only look
alike, and questions that none of them answers. Pure."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence

from bot.generation.sentences import split_sentences
from bot.lessons.rows import Lesson, Source
from bot.records import Kind, Passage
from bot.retrieval.products import fact

_ASKED: Mapping[str, Sequence[str]] = {
    "price": ("How much is the {}?", "what does the {} cost", "price of the {}?"),
    "weight_g": ("How heavy is the {}?", "weight of the {}", "what does the {} weigh?"),
    "colours": ("Which colours does the {} come in?", "{} colours?", "is there a choice of colours for the {}"),
    "sizes": ("Which sizes does the {} come in?", "{} sizes?", "what sizes do you have of the {}"),
    "stock": ("Is the {} in stock?", "can i order the {} now", "do you have the {} at the moment?"),
    "material": ("What is the {} made of?", "{} material?", "which material is the {}"),
    "care": ("How do I clean the {}?", "can i wash the {}", "how to take care of the {}"),
}
"""How shoppers ask for a column of the catalogue."""

_ANY = ("What is the {key} of the {}?", "{} {key}?", "can you tell me the {key} of the {}")
"""How they ask for any other attribute."""

_UNTOLD = frozenset({"sku", "name", "category", "currency", "url", "image", "description", "locale"})
_FACTS = 4
"""Facts of one product that are taught: all of them would be one sentence said fifteen times."""
_LONGEST = 2
"""Sentences of an FAQ answer that is taught whole."""
_WORD = re.compile(r"[^\W_]{3,}")
_SEED = 11


def shop_lessons(passages: Sequence[Passage]) -> tuple[Lesson, ...]:
    """The lessons that English ``passages`` hold; the same for the same passages."""
    draw = random.Random(_SEED)  # noqa: S311 - an order, not a secret
    known = [passage for passage in passages if passage.locale == "en"]
    faq = [passage for passage in known if passage.kind is Kind.FAQ]
    products = list({passage.title: passage for passage in known if passage.kind is Kind.PRODUCT}.values())
    return (*_from_faq(faq, draw), *_from_products(products, draw))


def _from_faq(entries: Sequence[Passage], draw: random.Random) -> Iterator[Lesson]:
    for entry in entries:
        near = [other for other in entries if other is not entry and other.source[:12] == entry.source[:12]]
        beside = draw.sample(near, min(2, len(near)))
        for question in entry.questions:
            if reply := _reply(question, entry.text):
                yield _lesson([entry, *beside], question, reply)
        if beside:
            yield _lesson(beside, entry.questions[-1], None)


def _reply(question: str, answer: str) -> str | None:
    """What of ``answer`` the question asks for: all of a short one, else its sentence with most words of it."""
    sentences = split_sentences(answer)
    if len(sentences) <= _LONGEST:
        return " ".join(sentences)
    asked = _words(question)
    best = max(sentences, key=lambda sentence: len(asked & _words(sentence)))
    return best if len(asked & _words(best)) >= 2 else None


def _from_products(products: Sequence[Passage], draw: random.Random) -> Iterator[Lesson]:
    columns = {column for product in products for column in product.attributes} - _UNTOLD
    for product in products:
        facts = {column: fact(product.attributes, column) for column in sorted(columns)}
        told = [column for column, sentence in facts.items() if sentence]
        for column in draw.sample(told, min(_FACTS, len(told))):
            beside = [
                _stated(product, facts[other]) for other in draw.sample(told, min(3, len(told))) if other != column
            ]
            if alike := [other for other in products if other is not product and other.attributes.get(column)]:
                rival = draw.choice(alike)
                beside.append(_stated(rival, fact(rival.attributes, column)))
            question = draw.choice(_ways(column)).format(product.title, key=column.replace("_", " "))
            yield _lesson([_stated(product, facts[column]), *beside], question, _said(column, product, facts[column]))
        untold = [column for column, sentence in facts.items() if not sentence]
        for column in draw.sample(untold, min(1, len(untold))):
            question = draw.choice(_ways(column)).format(product.title, key=column.replace("_", " "))
            yield _lesson([_stated(product, facts[other]) for other in told[:4]], question, None)


def _ways(column: str) -> Sequence[str]:
    return _ASKED.get(column, _ANY)


def _said(column: str, product: Passage, sentence: str) -> str:
    if column != "stock":
        return sentence
    return f"{'Yes' if float(product.attributes['stock']) else 'No'}, {sentence[:1].lower()}{sentence[1:]}"


def _stated(product: Passage, sentence: str) -> Source:
    return Source(sentence, product.title, Kind.PRODUCT)


def _lesson(passages: Sequence[Passage | Source], question: str, reply: str | None) -> Lesson:
    sources = tuple(one if isinstance(one, Source) else Source(one.text, one.title, one.kind) for one in passages)
    return Lesson(sources, question, reply, origin="shop")


def _words(text: str) -> set[str]:
    return {word.casefold()[:5] for word in _WORD.findall(text)}
