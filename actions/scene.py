"""What an action has before it: the shopper's words, the slots as they fill, and the shop."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet

from actions.matching import Choice
from actions.shop.records import Key, Order, Product, Receipt, User, UserId
from actions.shop.shop import Shop
from actions.tokens import Proof, prove

SHOPPER = "shopper"
"""The slot that says who the shopper is; only `identity` sets it, after a match."""

VOUCHED = "vouched"
"""The slot that says whom the proof named which the shopper's messages came with when `SHOPPER` was set."""

HINT = "identity_hint"
"""The slot with half of an answer to who the shopper is: a name that still wants its postcode."""

TRIES = "identify_tries"
FAILED = "identify_failed"

CONFIRMED = "confirmed"
WISH = "wish"
"""The slot that keeps the message a form began with: what it says is not asked for again."""

CARRIED = "carried"
"""The slot with the name of the form that goes on in another's place, on a line of its own, and the words that began
that other one; no third form takes them."""

OFFER = "offer"
"""The slot that keeps what the last summary said, amounts too, so that a yes counts for that and nothing else."""

_OF_FORMS = re.compile(
    r"order|order_number|email|reason|items|variant_\d+|method|address_of|new_address|change"
    rf"|{CONFIRMED}|{WISH}|{CARRIED}|{OFFER}|{HINT}|{TRIES}|{FAILED}"
)
"""The slots with what one shopper said, which nobody else on their device takes over."""

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NAMED_IN_ENGLISH = frozenset({"product", "category", "colour", "size"})
"""Entities whose values are words of the shop's database."""

_SEAM = re.compile(r"(?<=[A-Za-z0-9])(?=[\u3400-\u9fff])|(?<=[\u3400-\u9fff])(?=[A-Za-z0-9])")
_METHODS = {"gift card": "礼品卡", "Card ending": "银行卡 ending", " ending ": " 尾号 ", "credit card": "信用卡"}
_SEXES = {"男": "men", "女": "women"}

_BEFORE = 6
"""Texts: what was said three turns ago is still spoken of as "it"."""

_STORY = 30
"""Words."""

_PLAIN = ":@-_."
"""Signs that an id keeps in a key; a slash in it would make two conversations' keys look alike."""

Texts = Mapping[str, Mapping[str, str]]
"""Wording by language, then by name."""


@dataclass(slots=True)
class Scene:
    """One call of an action. ``slots`` changes as the words are understood."""

    shop: Shop
    text: str
    intent: str
    language: str
    requested: str | None
    metadata: Mapping[str, Any]
    conversation: str
    moment: str
    """What tells this turn from another where the assistant sends no id of it."""
    slots: dict[str, Any]
    proven: User | None = None
    """Who the shopper is by a proof that came with the message."""
    said: list[str] = field(default_factory=list)
    """What the action has to tell, beside its next question."""
    before: tuple[str, ...] = ()
    """What was said in the last turns by either side, the newest first."""
    _orders: list[Order] | None = None
    _products: dict[str, Product | None] = field(default_factory=dict)

    @property
    def shopper(self) -> UserId | None:
        """Who the shopper is, once that is known."""
        return UserId(str(self.slots[SHOPPER])) if self.slots.get(SHOPPER) else None

    @property
    def user(self) -> User:
        """The shopper, as the shop knows them; only to be asked for once they are known."""
        user = self.shop.user(self.shopper or "")
        if user is None:
            raise LookupError("the shopper is not known")
        return user

    @property
    def orders(self) -> list[Order]:
        """The shopper's own orders, the oldest first; nobody else's are ever looked at."""
        if self.shopper is None:
            return []
        if self._orders is None:
            self._orders = self.shop.orders(self.shopper)
        return self._orders

    @property
    def order(self) -> Order | None:
        """The order that the form is about, if it is the shopper's."""
        return next((order for order in self.orders if order.id == self.slots.get("order")), None)

    def product(self, name: str) -> Product | None:
        """The product of this id, the same for all of a call: what is told and what is kept of it has one price."""
        if name not in self._products:
            self._products[name] = self.shop.product(name)
        return self._products[name]

    @property
    def is_brief(self) -> bool:
        """Whether the words can be about one thing only; of a longer message, a story, a word proves little."""
        return len(self.text.split()) <= _STORY and len(self.text) <= 10 * _STORY

    def key(self, action: str) -> Key:
        """What this turn's ``action`` is done once by."""
        turn = quote(str(self.metadata.get("turn") or self.moment), _PLAIN)
        return Key(f"{self.keys_begin}{turn}/{action}"[-300:])

    @property
    def keys_begin(self) -> str:
        """What the keys of this conversation begin with, and no other's."""
        return f"{quote(self.conversation, _PLAIN)}/"

    def done(self, action: str) -> Receipt | None:
        """What this very turn has done already with ``action``, when it is played again; never somebody else's.

        It is told to who proves nothing any more, too: their token may have ended since.
        """
        receipt = self.shop.receipt(self.key(action))
        nobody_known = self.shopper is None and not self.slots.get(VOUCHED)
        return receipt if receipt and (nobody_known or self.shopper == receipt.user) else None

    def after(self, receipt: Receipt) -> "Scene":
        """The scene that a receipt is told in: its shopper's, with its order as it is by now."""
        slots = self.slots | {SHOPPER: receipt.user, "order": receipt.order}
        return replace(self, slots=slots, _orders=None)

    def words(self, texts: Texts, name: str, /, **facts: object) -> str:
        """A wording in the shopper's language, English where there is none."""
        wording = texts.get(self.language, texts["en"]).get(name) or texts["en"][name]
        return wording.format(**facts)

    def named(self, method: str) -> str:
        """The title of a payment method in the shopper's language."""
        for english, chinese in _METHODS.items() if self.language == "zh" else ():
            method = method.replace(english, chinese)
        return method

    def money(self, cents: int) -> str:
        """An amount with the shop's currency: ``289.95 EUR``."""
        return f"{cents / 100:,.2f} {self.shop.policy.currency}"


@dataclass(frozen=True, slots=True)
class Filled:
    """The words give the slot this value."""

    value: str | bool
    slots: Mapping[str, Any] = field(default_factory=dict)
    """Further slots that they fill with it."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The words say something of it, but not enough; ``why`` is told before it is asked again."""

    why: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    """What of it is kept, for the words that follow."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The form cannot go on; ``why`` is told."""

    why: str
    slots: Mapping[str, Any] = field(default_factory=dict)
    followup: str | None = None
    """The action that goes on instead."""


Reading = Filled | Unclear | Ended | None
"""None: the words say nothing of it."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a slot is asked with."""

    text: str
    choices: Sequence[Choice] = ()
    about: Mapping[str, Any] = field(default_factory=dict)
    """What else a program may want to know of the question."""


@dataclass(frozen=True, slots=True)
class Step:
    """A slot that a form needs, and how it comes by it."""

    slot: str
    ask: Callable[[Scene], Question]
    read: Callable[[Scene], Reading]
    """Reads the answer to the question."""
    offer: Callable[[Scene], Reading] = lambda _: None
    """Finds the value before it was asked for: in words already said, or because there is only one."""
    correct: Callable[[Scene], Reading] = lambda _: None
    """Finds another value in words that answer a later question."""
    amounts: Callable[[Scene], Mapping[str, int]] = lambda _: {}
    """The amounts, in cents by name, that the question tells; none where the shop would refuse what it asks for."""


Steps = Callable[[Scene], Iterator[Step]]
"""The steps of a form, in order; which ones depends on what is filled."""


def read_scene(shop: Shop, tracker: Tracker) -> Scene:
    """The scene of one call, from a tracker as Rasa and Kefu send it; a proof in it says who writes."""
    message = tracker.latest_message or {}
    metadata = message.get("metadata") or {}
    slots = dict(tracker.slots)
    language = slots.get("language")
    requested = slots.get("requested_slot")
    proof = prove(shop, metadata, str(tracker.sender_id))
    if settle(slots, proof, message.get("entities") or ()):
        requested = None
    return Scene(
        proven=proof.user if proof else None,
        shop=shop,
        text=_in_shop_words(str(message.get("text") or "")[:2000], message.get("entities") or ()),
        intent=str((message.get("intent") or {}).get("name") or ""),
        language=language if isinstance(language, str) else "en",
        requested=requested,
        metadata=metadata,
        conversation=str(tracker.sender_id),
        moment=str(message.get("message_id") or _heard_at(tracker)),
        slots=slots,
        before=_said_before(tracker),
    )


def _in_shop_words(text: str, entities: Sequence[Mapping[str, Any]]) -> str:
    """Chinese words with the values of their entities behind them, as the database calls "袜子" socks, and with spaces
    about what is no Chinese: "44码" is the size 44."""
    if not _CHINESE.search(text):
        return text
    values = (str(e.get("value") or "") for e in entities if e.get("entity") in _NAMED_IN_ENGLISH)
    named = [value for value in dict.fromkeys(values) if value and value.casefold() not in text.casefold()]
    return " ".join((_SEAM.sub(" ", text), *named, *(word for sign, word in _SEXES.items() if sign in text)))


def settle(slots: dict[str, Any], proof: Proof | None, entities: Sequence[Mapping[str, Any]] = ()) -> bool:
    """Have ``slots`` say who writes by the ``proof`` of this message; whether that is another than before.

    Whoever was known by a proof is known as long as proofs of them come: the next message without one, or with
    another's, may be somebody else's on the same device. Nothing goes on then that the one before had begun; what this
    very message says, by its ``entities``, stays. Who was known by their words alone stays known until somebody else is
    vouched for.
    """
    if proof is not None and proof.about is None:
        return False
    about, user = (proof.about, proof.user) if proof else (None, None)
    known = slots.get(SHOPPER)
    goes_on = known in (None, user.id) if user is not None else known is None or slots.get(VOUCHED) == about
    if not goes_on:
        said = {str(entity.get("value")) for entity in entities}
        slots |= {name: None for name in slots if _OF_FORMS.fullmatch(name) and not _says(name, slots, said)}
        slots[SHOPPER] = None
    if user is not None:
        slots |= {SHOPPER: user.id, HINT: None, TRIES: None, FAILED: None}
    if slots.get(SHOPPER) is None or user is not None:
        slots[VOUCHED] = about
    return not goes_on


def _says(name: str, slots: Mapping[str, Any], said: Collection[str]) -> bool:
    """Whether an entity of this message has filled the slot."""
    return name in ("order_number", "email") and str(slots[name]) in said


def changed(scene: Scene, tracker: Tracker) -> list[dict[str, Any]]:
    """The slots that are not as the tracker has them."""
    return [SlotSet(name, value) for name, value in scene.slots.items() if value != tracker.slots.get(name)]


def _said_before(tracker: Tracker) -> tuple[str, ...]:
    """The texts of the turns before this one."""
    texts = [str(event.get("text") or "") for event in tracker.events if event.get("event") in ("user", "bot")]
    return tuple(reversed(texts[:-1]))[:_BEFORE]


def _heard_at(tracker: Tracker) -> Any:
    """When the latest message came, as Rasa's tracker keeps it."""
    return next((event.get("timestamp") for event in reversed(tracker.events) if event.get("event") == "user"), None)
