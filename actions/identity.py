"""Finds out who the shopper is: by what proves it without a question, by e-mail address, or by name and postcode."""

import asyncio
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction
from rasa_sdk.executor import CollectingDispatcher

from actions.forms import actions_of
from actions.scene import (
    FAILED,
    HINT,
    SHOPPER,
    TRIES,
    WISH,
    Ended,
    Filled,
    Question,
    Reading,
    Scene,
    Step,
    Texts,
    Unclear,
    changed,
    read_scene,
)
from actions.shop.records import User
from actions.shop.rows import fold
from actions.shop.shop import Shop

ATTEMPTS = 3
"""Wrong answers after which a person is called: who guesses gets no more."""

_EMAIL = re.compile(r"[^\s<>,;:，；：@]{1,64}@[^\s<>,;:，；：@]{1,255}\.[^\W_]+")
_WORD = re.compile(r"[^\W_]+")
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_POSTCODE = re.compile(
    r"[a-z]{0,2}\d{3,8}[a-z]{0,2}|[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}|[a-z]\d[a-z]\d[a-z]\d|[a-z]\d[\dw][a-z\d]{4}",
    re.IGNORECASE,
)
"""Digits with a letter or two about them; British, Canadian and Irish codes mix them."""

_ORDER = re.compile(r"#\w+|(?<![^\W_])[a-z]{1,3}-?\d{6,}(?!\w)", re.IGNORECASE)
"""An order's number, which is no postcode: to name one is no guess at who somebody is."""

_SAYS_NAME = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|yes|sure|well|so|sorry)\b[\s,.!]*)*"
    r"(?:(?:my |the |full |name |on |order )*name(?: is|'s|:)?|i am|i'?m|it is|it'?s|this is|that is|that'?s|"
    r"call(?:ed)? me|(?:here is|here'?s))?[\s:]*",
    re.IGNORECASE,
)
_NAME = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.-])*")
_CHINESE_NAME = re.compile(
    r"(?:你好|您好)?[，,。\s]*(?:我的?(?:姓名|名字)?(?:叫|是)|(?:姓名|名字)(?:是|[：:]))?\s*"
    r"(?P<name>[\u3400-\u9fff· ]{2,6})[。\s]*"
)
_NO_CHINESE_NAME = re.compile(
    r"谢谢|可以|订单|名字|[不没是的了吗呢吧么我你您他她这那哪谁好行对要想请退换取消查改帮忙邮箱知道怎什]"
)
_NO_NAME = re.compile(
    r"""ja|nee|nein|bedankt|graag|danke|nicht|kein|ik|ich|du|guten|hallo|customer|support|service|broken
    |a|about|account|address|again|agent|all|already|am|and|another|any|anyone|anything|are|as|ask|at|back|bad
    |be|because|before|bot|but|buy|by|bye|call|can|cancel|cancelled|change|chat|check|cheaper|code|come|could
    |data|delivery|did|didn|does|doesn|don|done|dont|e|else|email|error|exchange|expensive|find|for|forget
    |forgot|from|fuck|fucking|get|getting|give|go|going|gonna|good|got|guess|guys|had|has|have|haven|hello|help
    |her|here|hey|hi|him|his|hold|how|human|i|id|idea|if|in|instead|is|isn|it|item|items|its|just|keep|know|late
    |later|leave|let|like|live|log|login|look|looking|lost|mail|make|matter|maybe|me|mean|mind|mine|minute
    |mistake|money|more|moment|moved|much|my|name|need|never|new|next|no|none|nope|not|nothing|now|number|of|off
    |ok|okay|on|one|only|or|order|ordered|orders|other|our|out|parcel|person|phone|please|postcode|private
    |problem|product|question|quickly|real|really|refund|remember|return|right|said|same|say|see|send|ship
    |shipping|shit|should|show|skip|some|someone|something|soon|sorry|start|status|still|stop|stupid|sure|take
    |talk|tell|than|thank|thanks|that|the|their|them|then|there|these|they|thing|things|think|this|those|to|today
    |too|track|tracking|trying|two|understand|until|up|us|use|very|wait|wanna|want|was|way|we|weeks|well|went
    |were|what|whatever|when|where|which|who|why|wish|with|without|won|wont|works|would|wrong|yeah|yep|yes
    |yesterday|yet|you|your|zip""",
    re.VERBOSE,
)
"""Words of questions, answers and sentences; of two words or more that are none of these, a name is likely."""

WORDS: Texts = {
    "en": {
        "ask": "So that only you can see your orders: what is your e-mail address, or your full name and postcode?",
        "again": "What is your e-mail address, or your full name and postcode?",
        "more": "Thank you. And the postcode of your address?",
        "name": "Thank you. And your full name, as on the order?",
        "unknown": "I find nobody with these details. Please check the spelling, or try the other way.",
        "failed": "I could not find you with these details, so I had better let a person help you.",
        "found": "Thank you, {name}, I have found you. What can I do for you?",
        "orders": "Show me my orders",
    },
    "zh": {
        "ask": "为确保只有您能看到自己的订单，请告诉我您的邮箱，或者姓名和邮政编码。",
        "again": "请告诉我您的邮箱，或者姓名和邮政编码。",
        "more": "谢谢。请再告诉我您地址的邮政编码。",
        "name": "谢谢。请再告诉我您的全名。",
        "unknown": "没有找到与这些信息相符的顾客，请核对后再试，或者换另一种信息。",
        "failed": "用这些信息没有找到您，还是请人工客服来帮您吧。",
        "found": "谢谢您，{name}，已找到您的账户。请问有什么可以帮您？",
        "orders": "查看我的订单",
    },
}


def _ask(scene: Scene) -> Question:
    half = str(scene.slots.get(HINT) or "")
    if half:
        return Question(scene.words(WORDS, "name" if _postcodes(half) else "more"))
    return Question(scene.words(WORDS, "again" if scene.slots.get(TRIES) else "ask"))


def _read(scene: Scene) -> Reading:
    """Who the answer names; half an answer is kept, three wrong ones end it. Other words are no answer: they may ask or
    refuse."""
    if found := _found(scene):
        return found
    said = _said(scene)[:300]
    if _guesses(scene.text, said):
        return missed(scene) or Unclear(scene.words(WORDS, "unknown"))
    if _postcodes(scene.text) or _looks_like_a_name(scene.text):
        scene.slots[HINT] = said  # The question is for the other half now.
    return None


def _offer(scene: Scene) -> Reading:
    """Who the words name before it was asked; a guess counts here too."""
    if found := _found(scene):
        return found
    return missed(scene) if _guesses(scene.text, _said(scene)) else None


def _found(scene: Scene) -> Filled | Ended | None:
    """Who the message's proof names, or its words, unless too many wrong ones went before."""
    if scene.proven:
        return Filled(scene.proven.id)
    if scene.slots.get(FAILED):
        return _failed(scene)
    if user := identify(scene.shop, _said(scene)):
        scene.slots |= {HINT: None, TRIES: None}
        return Filled(user.id)
    return None


def _said(scene: Scene) -> str:
    return f"{scene.slots.get(HINT) or ''} {scene.text}".strip()[:600]


def _looks_like_a_name(text: str) -> bool:
    """Whether words may be somebody's first and last name, and say nothing else."""
    if chinese := _CHINESE_NAME.fullmatch(text.strip()):
        return not _NO_CHINESE_NAME.search(chinese["name"])
    words = _SAYS_NAME.sub("", text.strip().rstrip(".! "), count=1).replace(",", " ").split()
    return 1 < len(words) < 7 and all(
        _NAME.fullmatch(word) and not any(map(_NO_NAME.fullmatch, re.split(r"['’.-]", word.casefold())))
        for word in words
    )


def _guesses(text: str, said: str) -> bool:
    """Whether words that named nobody were a whole answer."""
    return bool(_EMAIL.search(text) or (_postcodes(said) and re.search(r"[^\W\d_]{2,}", said)))


def missed(scene: Scene) -> Ended | None:
    """Count a wrong answer; the last one that is allowed ends it, for good unless a proof tells who it is."""
    tries = ATTEMPTS if scene.slots.get(FAILED) else int(scene.slots.get(TRIES) or 0) + 1
    scene.slots |= {TRIES: tries, HINT: None}
    return _failed(scene) if tries >= ATTEMPTS else None


def _failed(scene: Scene) -> Ended:
    return Ended(scene.words(WORDS, "failed"), {FAILED: True, TRIES: None}, "action_handoff")


STEP = Step(SHOPPER, _ask, _read, offer=_offer)
"""The first step of every form that is about the shopper's own things."""


def who_steps(_: Scene) -> Iterator[Step]:
    """All that a form needs which only wants to know who it is."""
    yield STEP


def _claim(scene: Scene) -> Reading:
    """As an answer to the question: who says who they are, and is wrong, wants to hear that."""
    return _read(scene) if _guesses(scene.text, scene.text) else _offer(scene)


def claim_steps(_: Scene) -> Iterator[Step]:
    """The same where the shopper began with it."""
    yield Step(SHOPPER, _ask, _read, offer=_claim)


def identify(shop: Shop, text: str) -> User | None:
    """The one user whose e-mail address, or whose name and postcode, stands in ``text``."""
    addresses = {address.rstrip(".!?。").casefold() for address in _EMAIL.findall(text)}
    if addresses:
        # Two addresses in one message are a guess.
        return shop.user_by_email(addresses.pop()) if len(addresses) == 1 else None
    fitting = [user for user in shop.users_at(_postcodes(text)) if _names(user, text)]
    return fitting[0] if len(fitting) == 1 else None


def _known_or_read(scene: Scene) -> Reading:
    """Who is known already, unless this message names somebody: then it is read, and a wrong guess counts."""
    asked_before = scene.slots.get(WISH) not in (None, scene.text)  # The message answered the form's question.
    if scene.shopper and (asked_before or not _guesses(scene.text, scene.text)):
        return Filled(scene.shopper)
    return _read(scene)


def _postcodes(text: str) -> Sequence[str]:
    """What may be a postcode: a word with a digit, alone or with a neighbour (``3511 AV``, ``S10 2TN``)."""
    plain = _WORD.findall(_ORDER.sub(" ", text))
    pairs = [*plain, *(a + b for a, b in pairwise(plain))]
    # Who writes more than a few is trying them out.
    return [word for word in pairs if _POSTCODE.fullmatch(word) and 3 < len(word) < 10][:8]


def _names(user: User, text: str) -> bool:
    """Whether first and last name stand in the text, as words or, as in Chinese, as one; a name that is empty, or of
    signs alone, stands in none."""
    first, last = fold(user.first_name), fold(user.last_name)
    if not first or not last:
        return False
    whole = fold(text)
    if _CHINESE.search(first + last) and (first + last in whole or last + first in whole):
        return True
    said = [fold(word) for word in _WORD.findall(text)]
    parts = [[fold(part) for part in _WORD.findall(name)] for name in (user.first_name, user.last_name)]
    return all(any(said[at : at + len(part)] == part for at in range(len(said))) for part in parts if part)


class ActionIdentify(Action):
    """Greets the shopper whom a form has just found; else finds them in the latest message or what proves it."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return "action_identify"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Set the shopper, or say what is missing; after three wrong answers hand over."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        reading = await asyncio.to_thread(_known_or_read, scene)
        match reading:
            case Filled(value):
                scene.slots[SHOPPER] = value
                user = await asyncio.to_thread(lambda: scene.user)
                orders = scene.words(WORDS, "orders")
                dispatcher.utter_message(
                    text=scene.words(WORDS, "found", name=user.first_name),
                    buttons=[{"title": orders, "payload": orders}],
                )
            case Unclear(why):
                dispatcher.utter_message(text=f"{why} {_ask(scene).text}")
            case Ended(why, slots):
                dispatcher.utter_message(text=why)
                scene.slots |= slots
            case None:
                dispatcher.utter_message(text=_ask(scene).text)
        if WISH in scene.slots:
            scene.slots[WISH] = None
        events = changed(scene, tracker)
        if isinstance(reading, Ended) and reading.followup:
            events.append(FollowupAction(reading.followup))
        return events


def actions(shop: Shop) -> list[Action]:
    """What this module serves."""
    return [ActionIdentify(shop), *actions_of("identify_form", claim_steps, (SHOPPER,), shop)]
