"""Changes where a pending order goes, or a shopper's own address."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace

from rasa_sdk import Action

from actions import identity
from actions.first_message import wish
from actions.forms import actions_of, confirm_step
from actions.matching import Choice
from actions.postal import PARTS, read_address
from actions.scene import CONFIRMED, SHOPPER, Filled, Question, Reading, Scene, Step, Texts, Unclear
from actions.shop.records import PENDING, Address, Key, Receipt, Refusal
from actions.shop.rows import fold
from actions.shop.shop import Shop
from actions.steps.order import WORDS as ORDER
from actions.steps.order import order_step, with_status
from actions.submitting import Submit

FORM = "change_address_form"
SUBMIT = "action_change_address"
SLOTS = ("address_of", "order", "new_address")

WORDS: Texts = {
    "en": {
        "of": "Which address would you like to change?",
        "of order": "The delivery address of an order",
        "of account": "The address of my account",
        "none done": "sent elsewhere",
        "none why": "only an order that is still pending can",
        "ask": "What is the new address? Please write street and number, postcode, city and country.",
        "missing": "I could not read all of this address. What I miss: {parts}.",
        "address1": "street and number",
        "city": "the city",
        "zip": "the postcode",
        "country": "the country",
        "summary order": "I will send order {order} to: {address}.",
        "summary account": "I will change the address of your account to: {address}.",
        "done order": "Order {order} goes to {address} now.",
        "done account": "The address of your account is {address} now.",
    },
    "zh": {
        "of": "您想修改哪个地址？",
        "of order": "订单的收货地址",
        "of account": "我的账户地址",
        "none done": "修改收货地址",
        "none why": "只有待处理的订单才能修改",
        "ask": "请告诉我新地址：街道和门牌号、邮编、城市、国家。",
        "missing": "地址没有读全，还缺：{parts}。",
        "address1": "街道和门牌号",
        "city": "城市",
        "zip": "邮编",
        "country": "国家",
        "summary order": "订单 {order} 的收货地址将改为：{address}。",
        "summary account": "您的账户地址将改为：{address}。",
        "done order": "订单 {order} 的收货地址已改为 {address}。",
        "done account": "您的账户地址已改为 {address}。",
    },
}

_ACCOUNT = re.compile(r"\b(?:account|profile|default|my own address)\b|账户|默认", re.IGNORECASE)
_ORDER = re.compile(
    r"\b(?:orders?|delivery|shipping|parcel|package|(?:send|ship|deliver)(?:ed)?)\b|订单|收货"
    r"|#[a-z]*\d{5,}|(?<![^\W_])[a-z]{1,3}-?\d{6,}(?!\w)",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\S+@\S+")
_BEFORE = re.compile(r"\b(?:from|instead of|rather than)\b|从", re.IGNORECASE)
"""Two places, or an order's name, of which the address has to be told."""

_HOME = re.compile(r"\b(?:default|home|account|profile|usual|on file) ?(?:address)?\b|默认|账户地址", re.IGNORECASE)


def _ask_of(scene: Scene) -> Question:
    names = ("order", "account")
    return Question(scene.words(WORDS, "of"), [Choice(scene.words(WORDS, f"of {name}"), name) for name in names])


def _read_of(scene: Scene) -> Reading:
    text = _MAIL.sub(" ", scene.text)
    said = [name for name, words in (("account", _ACCOUNT), ("order", _ORDER)) if words.search(text)]
    return Filled(said[0]) if len(said) == 1 else None


def known_addresses(scene: Scene) -> list[Address]:
    """Addresses that the shopper has used here, without the one that is in place."""
    home = scene.user.address
    current = scene.order.address if scene.order else home
    used = dict.fromkeys([home, *(order.address for order in reversed(scene.orders))])
    return [address for address in used if address != current]


def _ask_address(scene: Scene) -> Question:
    return Question(
        scene.words(WORDS, "ask"), [Choice(known.line(), known.line()) for known in known_addresses(scene)[:5]]
    )


def _read_address(scene: Scene) -> Reading:
    known = known_addresses(scene)
    said = fold(scene.text)
    exact = [address for address in known if fold(address.line()) in said]
    if not exact and _HOME.search(scene.text) and scene.user.address in known:
        exact = [scene.user.address]
    if exact:
        return Filled(json.dumps(asdict(exact[0]), ensure_ascii=False))
    found = read_address(scene.text, scene.user.address.country)
    if isinstance(found, Address):
        return Filled(json.dumps(asdict(found), ensure_ascii=False))
    if len(found) == len(PARTS) or ("address1" in found and len(found) > 2):
        return None
    return Unclear(scene.words(WORDS, "missing", parts=", ".join(scene.words(WORDS, part) for part in found)))


def _correct_address(scene: Scene) -> Reading:
    """An address that stood in the words already, whole and in our order of things, is not asked for again."""
    found = read_address(scene.text)
    return Filled(json.dumps(asdict(found), ensure_ascii=False)) if isinstance(found, Address) else None


def _offer_address(scene: Scene) -> Reading:
    """Where the first message sends it, if a whole address and nothing else of the kind stands there; what was answered
    since may be who the shopper is, by the address that they had."""
    text = _MAIL.sub(" ", wish(scene))
    return None if _BEFORE.search(text) else _correct_address(replace(scene, text=text))


def address_step() -> Step:
    """Where to; kept as JSON."""
    return Step("new_address", _ask_address, _read_address, offer=_offer_address, correct=_correct_address)


def new_address(scene: Scene) -> Address:
    """The address that the slot keeps."""
    return Address(**json.loads(str(scene.slots["new_address"])))


def none(scene: Scene) -> str:
    """No order can be sent elsewhere."""
    return scene.words(ORDER, "none", done=scene.words(WORDS, "none done"), why=scene.words(WORDS, "none why"))


def steps(scene: Scene) -> Iterator[Step]:
    """Who, which address, of which order, what it becomes, and a yes."""
    yield identity.STEP
    yield Step("address_of", _ask_of, _read_of, offer=lambda now: _read_of(now) if now.is_brief else None)
    if scene.slots.get("address_of") != "account":
        yield order_step(with_status(PENDING), none)
    yield address_step()
    yield confirm_step(steps, summary)


def summary(scene: Scene) -> str:
    """What will be done."""
    name = "summary account" if scene.slots.get("address_of") == "account" else "summary order"
    return scene.words(WORDS, name, order=scene.slots.get("order"), address=new_address(scene).line())


def do(scene: Scene, key: Key) -> Receipt | Refusal:
    """Change it."""
    assert scene.shopper, "the form asks who it is first"
    if scene.slots.get("address_of") == "account":
        return scene.shop.change_default_address(key, scene.shopper, new_address(scene))
    return scene.shop.change_address(key, scene.shopper, str(scene.slots["order"]), new_address(scene))


def done(scene: Scene, receipt: Receipt) -> str:
    """What was done."""
    name = "done order" if receipt.order else "done account"
    return scene.words(WORDS, name, order=receipt.order, address=receipt.result["address"])


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [
        *actions_of(FORM, steps, (SHOPPER, *SLOTS, CONFIRMED), shop, SUBMIT),
        Submit(SUBMIT, steps, SLOTS, do, done, shop),
    ]
