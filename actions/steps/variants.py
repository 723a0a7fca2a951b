"""The steps that ask what each chosen item becomes."""

from collections.abc import Iterator

from actions.matching import Ambiguous, Choice, find_by_price, find_variant, item_title, variant_title
from actions.said import said_variant
from actions.scene import Ended, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import Item, Product, Variant
from actions.steps.items import MOST, chosen_ids, chosen_item, chosen_items

VARIANTS = tuple(f"variant_{number}" for number in range(1, MOST + 1))

WORDS: Texts = {
    "en": {
        "variant": "What would you like instead of {item}?",
        "no variant": "There is no other variant of {item} in stock at the moment.",
        "sold out": "{variant} is sold out at the moment.",
        "unclear variant": "There are several that fit: {among}.",
        "no such variant": "There is no such variant of {item}.",
    },
    "zh": {
        "variant": "您想把 {item} 换成哪一款？",
        "no variant": "{item} 目前没有其他有货的款式。",
        "sold out": "{variant} 目前缺货。",
        "unclear variant": "有几款符合：{among}。",
        "no such variant": "{item} 没有这个款式。",
    },
}


def variant_steps(scene: Scene, *, same: bool = False) -> Iterator[Step]:
    """What each chosen item becomes, a question an item; ``same`` offers the same again, for one that is faulty.

    Who names it gets it in any case: among other items it means that this one stays. Which steps there are depends on
    the slots alone: a turn that is played again finds an order that holds the new items already, and meets the same.
    """
    for slot, name in zip(VARIANTS, chosen_ids(scene, "items"), strict=False):
        yield _variant_step(slot, name, same=same)


def chosen_variants(scene: Scene) -> list[str]:
    """The ids of the new items, in the order of the chosen ones."""
    return [str(scene.slots.get(slot)) for slot, _ in zip(VARIANTS, chosen_ids(scene, "items"), strict=False)]


def _variant_step(slot: str, name: str, *, same: bool) -> Step:
    def swapped(scene: Scene) -> tuple[Item, Product]:
        item = chosen_item(scene, name)
        product = scene.product(item.product) if item else None
        assert item, f"the shop does not know {name}"
        assert product, f"{name} has no product"
        return item, product

    def ask(scene: Scene) -> Question:
        item, product = swapped(scene)
        choices = [Choice(_variant_choice(scene, item, v), v.id) for v in _fitting(item, product, same=same)]
        return Question(scene.words(WORDS, "variant", item=item_title(item)), choices, {"item": item.id})

    def read(scene: Scene) -> Reading:
        item, product = swapped(scene)
        found = find_by_price(item, product.variants, scene.text) or find_variant(item, product.variants, scene.text)
        match found:
            case None:
                return None
            case Ambiguous(among):
                there = {variant_title(variant) for variant in _fitting(item, product, same=same)}
                fitting = [title for title in among if title in there]
                if not fitting:
                    return Unclear(scene.words(WORDS, "no such variant", item=item.name))
                return Unclear(scene.words(WORDS, "unclear variant", among=" / ".join(fitting)))
            case Variant():
                if found.available:
                    return Filled(str(found.id))
                return Unclear(scene.words(WORDS, "sold out", variant=variant_title(found)))

    def offer(scene: Scene) -> Reading:
        """What was wished for it already; and say at once where an item has nothing to be swapped for."""
        item, product = swapped(scene)
        if not _fitting(item, product, same=same):
            return Ended(scene.words(WORDS, "no variant", item=item.name))
        others = [other for other in chosen_items(scene) if other.id != item.id]
        found = said_variant(scene, item, product.variants, others)
        return Filled(str(found.id)) if found else None

    return Step(slot, ask, read, offer)


def _fitting(item: Item, product: Product, *, same: bool) -> list[Variant]:
    return [v for v in product.variants if v.available and (same or v.id != item.id)]


def _variant_choice(scene: Scene, item: Item, variant: Variant) -> str:
    """A variant as a choice, with its price where that differs."""
    title = variant_title(variant)
    return title if variant.price == item.price else f"{title} ({scene.money(variant.price)})"
