"""Changes a pending order: its items, its address, or how it is paid."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from rasa_sdk import Action

from actions import addresses, change_items, change_payment, identity
from actions.first_message import names_one
from actions.forms import actions_of, confirm_step
from actions.matching import Choice
from actions.returns import returnable
from actions.scene import CONFIRMED, SHOPPER, WISH, Filled, Question, Reading, Scene, Step, Texts
from actions.shop.records import PENDING, Key, Receipt, Refusal
from actions.shop.shop import Shop
from actions.steps.order import WORDS as ORDER
from actions.steps.order import Instead, order_step, status_word, with_status
from actions.steps.variants import VARIANTS
from actions.submitting import Submit

FORM = "change_order_form"
SUBMIT = "action_change_order"
SLOTS = ("change", "order", "items", *VARIANTS, "method", "new_address")

WORDS: Texts = {
    "en": {
        "none done": "changed",
        "none why": "only an order that is still pending, and whose items were not changed before, can",
        "ask": "What would you like to change?",
        "items": "Its items (another size, colour …)",
        "address": "Its delivery address",
        "payment": "Its payment method",
    },
    "zh": {
        "none done": "修改",
        "none why": "只有待处理且未修改过商品的订单才能修改",
        "ask": "您想修改什么？",
        "items": "商品（尺码、颜色等）",
        "address": "收货地址",
        "payment": "支付方式",
    },
}

_SAID = {
    "address": re.compile(
        r"\b(?:address|moved|(?:deliver|ship|sen[dt])\w*\b[^.;\n]{0,40}?"
        r"\b(?:to(?! (?:me|you|us|my (?:pay\w*|card|(?:gift|credit) ?card))\b)|somewhere else|elsewhere))\b|地址",
        re.IGNORECASE,
    ),
    "payment": re.compile(r"\b(?:pay\w*|charged?|paypal|credit card|gift card)\b|支付|付款", re.IGNORECASE),
    "items": re.compile(
        r"\b(?:items?|sizes?|colou?rs?|variants?|materials?|styles?|model|swap|bigger|smaller)\b|商品|尺码|颜色|款式",
        re.IGNORECASE,
    ),
}

_SWAPS = re.compile(r"\b(?:exchang\w*|swap\w*|upgrad\w*|variants?)\b|换成|换货", re.IGNORECASE)
"""What is done to items alone, however it is paid."""

_MAIL = re.compile(r"e-?mail(?: address)?|\S+@\S+", re.IGNORECASE)
"""Who the shopper is; no word of it says what is to be changed."""


def _none(scene: Scene) -> str:
    return scene.words(ORDER, "none", done=scene.words(WORDS, "none done"), why=scene.words(WORDS, "none why"))


def _ask(scene: Scene) -> Question:
    names = ("items", "address", "payment")
    return Question(scene.words(WORDS, "ask"), [Choice(scene.words(WORDS, name), name) for name in names])


def _read(scene: Scene) -> Reading:
    text = _MAIL.sub(" ", scene.text)
    said = [name for name, pattern in _SAID.items() if pattern.search(text)]
    if "address" not in said and _SWAPS.search(text):
        return Filled("items")
    return Filled(said[0]) if len(said) == 1 else None


def _offer(scene: Scene) -> Reading:
    """From the first message alone: among what was answered since may be the name of a gift card that was bought."""
    wish = replace(scene, text=str(scene.slots.get(WISH) or ""))
    if not wish.is_brief:
        return None
    found = _read(wish)
    if found not in (None, Filled("payment")) or scene.order is None or not names_one(scene.order.items, wish.text):
        return found
    # "The lamp in black, on my credit card" may be about either.
    return None if found else Filled("items")


_INSTEAD = Instead(
    "exchange_form",
    returnable(),
    lambda scene, order: scene.words(
        ORDER, "instead exchange", number=order.id, status=status_word(scene, order.status)
    ),
)


def _is_about_items(scene: Scene) -> bool:
    """Whether it is not an address or a payment that is to be changed."""
    text = _MAIL.sub(" ", str(scene.slots.get(WISH) or ""))
    return bool(_SWAPS.search(text)) or not any(_SAID[name].search(text) for name in ("address", "payment"))


def steps(scene: Scene) -> Iterator[Step]:
    """Who, which order, what of it, then what that needs, and a yes."""
    yield identity.STEP
    yield order_step(with_status(PENDING), _none, _INSTEAD if _is_about_items(scene) else None)
    yield Step("change", _ask, _read, offer=_offer)
    match scene.slots.get("change"):
        case "items":
            yield from change_items.steps(scene)
        case "payment":
            yield from change_payment.steps(scene)
        case "address":
            yield addresses.address_step()
    yield confirm_step(steps, _summary, _amounts)


def _summary(scene: Scene) -> str:
    match scene.slots.get("change"):
        case "items":
            return change_items.summary(scene)
        case "payment":
            return change_payment.summary(scene)
    return addresses.summary(scene)


def _amounts(scene: Scene) -> Mapping[str, int]:
    match scene.slots.get("change"):
        case "items":
            return change_items.amounts(scene)
        case "payment":
            return change_payment.amounts(scene)
    return {}


def _do(scene: Scene, key: Key) -> Receipt | Refusal:
    match scene.slots.get("change"):
        case "items":
            return change_items.do(scene, key)
        case "payment":
            return change_payment.do(scene, key)
    return addresses.do(scene, key)


def _done(scene: Scene, receipt: Receipt) -> str:
    match receipt.action:
        case "change_items":
            return change_items.done(scene, receipt)
        case "change_payment":
            return change_payment.done(scene, receipt)
    return addresses.done(scene, receipt)


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, *SLOTS, CONFIRMED), shop, SUBMIT),
        Submit(SUBMIT, steps, SLOTS, _do, _done, shop),
    ]
