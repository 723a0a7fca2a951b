"""What a question asks for: products, wishes about them, and what the turn before adds to it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.records import Entity, Filter, State, Understanding
from bot.retrieval.catalogue import Catalogue
from bot.retrieval.followups import Follow, follow
from bot.retrieval.wishes import Wishes, read_wishes


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is searched."""

    text: str
    """With what the turn before adds to it."""
    language: str
    products: tuple[str, ...] = ()
    """SKUs it names or points back to."""
    pointing: bool = False
    """The products come from the turn before, and the text does not say their names."""
    filters: tuple[Filter, ...] = ()
    """What it asks of products, when it asks for products at all."""
    order: tuple[str, bool] | None = None
    """An attribute to order products by, and whether descending: the cheapest, the largest."""
    rewritten: bool = False
    """The text is no longer what was understood, so its encoding cannot be used."""

    @property
    def searches_products(self) -> bool:
        """Whether it asks which products there are, instead of something about one."""
        return bool(self.filters) and not self.products


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says by itself, whatever was said before."""

    named: tuple[str, ...]
    """SKUs."""
    wishes: Wishes


def read_text(text: str, entities: Sequence[Entity], catalogue: Catalogue) -> Reading:
    """Read the products and the wishes in a text."""
    return Reading(_named(text, entities, catalogue), read_wishes(text, entities, catalogue))


def read_question(
    understanding: Understanding, state: State, catalogue: Catalogue, reading: Reading | None = None
) -> Question:
    """Read what is asked; ``reading`` saves reading the text where that was done before.

    A product that is named wins; then what the turn before was about ("how heavy is it?", "and in red?"); then wishes
    ("a tent under 300 euro").
    """
    text = understanding.text.strip()
    question = Question(text, understanding.language)
    reading = reading or read_text(text, understanding.entities, catalogue)
    wishes = reading.wishes
    if reading.named:
        return _about(question, reading.named, wishes, catalogue)
    # A product may have left the catalogue since it was spoken of.
    if not all(sku in catalogue.products for sku in state.focus):
        state = replace(state, focus=tuple(sku for sku in state.focus if sku in catalogue.products))
    match follow(text, wishes, state):
        case Follow.PRODUCT:
            return _pointing(question, state.focus, catalogue)
        case Follow.FILTERS:
            filters = merge(_before(state, catalogue), wishes.filters)
            return replace(question, filters=filters, order=wishes.order)
        case Follow.TOPIC:
            return replace(question, text=f"{state.topic} {text}", rewritten=True)
        case _:
            asked = wishes.filters if wishes.for_products else ()
            return replace(question, filters=asked, order=wishes.order) if asked else question


def _pointing(question: Question, focus: tuple[str, ...], catalogue: Catalogue) -> Question:
    """A question about "it": where only one product can be meant, its name takes part in the search."""
    if len(focus) > 1:
        return replace(question, products=focus, pointing=True)
    text = f"{question.text} ({catalogue.products[focus[0]].name})"
    return replace(question, text=text, products=focus, rewritten=True)


def merge(before: Sequence[Filter], now: Sequence[Filter]) -> tuple[Filter, ...]:
    """The filters of a follow-up: what is said now takes the place of what was said of the same attribute."""
    said = {filter_.attribute for filter_ in now}
    return tuple(filter_ for filter_ in before if filter_.attribute not in said) + tuple(now)


def _about(question: Question, named: tuple[str, ...], wishes: Wishes, catalogue: Catalogue) -> Question:
    """Of several products that a name fits, those that the wishes fit too: "the women's Beck"."""
    for wish in wishes.telling:
        fitting = tuple(sku for sku in named if catalogue.satisfies(catalogue.products[sku], wish))
        named = fitting or named
    return replace(question, products=named)


def _named(text: str, entities: Sequence[Entity], catalogue: Catalogue) -> tuple[str, ...]:
    named = catalogue.about(text)
    if named:
        return named
    # The shop's own synonyms know names that no rule could: 塔恩 2 号帐篷 is the Tarn 2 Tent.
    meant = (catalogue.about(entity.value) for entity in entities if entity.name == "product")
    return tuple(dict.fromkeys(sku for skus in meant for sku in skus[:1]))


def _before(state: State, catalogue: Catalogue) -> tuple[Filter, ...]:
    """The filters that a follow-up adds to: the last search's, or the kind of the product last spoken of."""
    if state.filters or not state.focus:
        return state.filters
    product = catalogue.products.get(state.focus[0])
    return (Filter("category", "=", product.category),) if product and product.category else ()
