"""Turns a task's instruction, which is told to "you", into sentences that a shopper would write. Pure."""

import ast
import re

from bot.evaluation.conversation_tasks import Retail, Task, Wish

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z'\"])|(?<=; )(?=Return #|For #|Cancel )")
_WHO = re.compile(
    r"^(?:Your? name is\b|You live\b|You(?: are|'re) (?:[A-Z]|\w+_\w+_\d+)).*?"
    r"(?:(?:,? and|,|\.)\s+(?=[Yy]ou (?:want|'d)\b)|$)"
)
_MOOD = re.compile(r"^You(?: are|'re) (?:an? )?[a-z]+(?:(?:, and |, | and )[a-z]+)*(?: person)?\.?$")
_STAGE = re.compile(
    r"\bagent\b|if asked|when asked|conversation|say things|reveal|first message|you regret|respond exactly"
    r"|everything sound",
    re.IGNORECASE,
)
"""Directions for how to talk, which nobody says aloud."""

_FIRST_PERSON = (
    (r"\byou are\b|\byou're\b", "I am"),
    (r"\byou've\b", "I have"),
    (r"\byou'd\b", "I'd"),
    (r"\byour\b", "my"),
    (r"\byourself\b", "myself"),
    (r"\b(for|to|with|by|give|tell|let) you\b", r"\1 me"),
    (r"\byou\b", "I"),
)

_SAYS = {
    "cancel": r"\bcancel|no longer need",
    "return": r"\breturn|\brefund|send\w* back",
    "exchange": r"\bexchang|\bswap|\breplace|new pair",
    "items": r"\bmodif|\bchang|\badjust|\bupgrad|\bswitch|\bexchang",
    "payment": r"\bpay",
    "address": r"\baddress|\bdeliver",
    "account": r"\baddress",
}
"""By what a sentence is known to be about a wish."""

PLAIN = {
    "cancel": "I want to cancel order {order}.",
    "return": "I want to return {items} from order {order}.",
    "exchange": "I want to exchange {items} from order {order}.",
    "items": "I want to change my order {order}: another variant of {items}.",
    "payment": "I want to change the payment method of my order {order}.",
    "address": "I want to change the delivery address of my order {order}.",
    "account": "I want to change the default address of my account.",
}
"""What a shopper says who has to say it again."""


def sentences(task: Task) -> list[str]:
    """What of the instruction a shopper may say, in the first person."""
    told = []
    for sentence in _SENTENCE.split(task.instruction.strip()):
        rest = _WHO.sub("", sentence.strip()).strip()
        if not rest or _MOOD.match(rest) or _STAGE.search(rest):
            continue
        told.append(first_person(_whole(_values(rest))))
    return told


_ASKED = re.compile(
    r"\b(?:how (?:much|many|long)|what(?:'s| is| are| was| were| the| other| options?| kinds?)|which (?:is|one|of|ones)"
    r"|(?:the|a) (?:total|tracking|price|exact|overall|full|final|number of|amount)|the (?:cheapest|cost))\b[^.;?!]*"
)
_ASKS = re.compile(
    r"\b(?:know|ask\w*|tell\w*|told|find out|figure out|check\w*|inquir\w*|wonder\w*|curious|learn|give)\b",
    re.IGNORECASE,
)
_SUPPOSES = re.compile(r"^(?:if|unless|when|in case)\b", re.IGNORECASE)

MOST_QUESTIONS = 3


def questions(task: Task) -> list[str]:
    """What the instruction has the shopper ask for, each as a sentence of its own; none where no fact is wanted."""
    if not task.outputs:
        return []
    asked = []
    for sentence in _SENTENCE.split(task.instruction.strip()):
        clause = _ASKED.search(sentence)
        if clause is None or _SUPPOSES.match(sentence.strip()):
            continue
        if clause[0].startswith(("how", "what")) or _ASKS.search(sentence[: clause.start()]):
            told = first_person(_values(clause[0].strip(" ,")))
            asked.append(f"I'd like to know {told[:1].lower()}{told[1:]}.")
    return list(dict.fromkeys(asked))[:MOST_QUESTIONS]


_NOTES = (
    (r"^Return (#\w+) via \S+: (.*?)[; ]*$", r"I want to return \2 from order \1."),
    (r"^Cancel order (#\w+) because (.*?)\.?$", r"I want to cancel order \1, it was \2."),
    (r"^For (#\w+), change payment to (\w+?)_\d+\.?$", r"I want to change the payment of order \1 to my \2."),
    (r"^For (#\w+), change address to (.*?)\.?$", r"I want to change the address of order \1 to \2."),
    (r"^For (#\w+), exchange (.*?)(?:; via \S+)?[; ]*$", r"I want to exchange this from order \1: \2."),
    (r"^For (#\w+), modify (.*?)(?:; via \S+)?[; ]*$", r"I want to change this in order \1: \2."),
)
"""The shorthand of tasks that a program wrote, and what a shopper would say."""


def _whole(note: str) -> str:
    for pattern, said in _NOTES:
        note = re.sub(pattern, said, note)
    return note.replace("_", " ")


def first_person(text: str) -> str:
    """A sentence as the one says it whom it was told to."""
    for pattern, said in _FIRST_PERSON:
        text = re.sub(pattern, said, text, flags=re.IGNORECASE)
    return text[:1].upper() + text[1:]


def opening(task: Task, wish: Wish, retail: Retail) -> str:
    """How a wish is stated first: the sentence of the instruction that is about it, or plain words."""
    about = re.compile(_SAYS[wish.kind], re.IGNORECASE)
    names = [name.casefold() for name in names_of(wish, retail)]

    def weight(sentence: str) -> int:
        lowered = sentence.casefold()
        named = sum(name in lowered or name.split()[-1] in lowered for name in names)
        return 2 * bool(about.search(sentence)) * (1 + named) + (bool(wish.order) and wish.order in sentence)

    found = max(sentences(task), key=weight, default="")
    return found if found and about.search(found) else plain(wish, retail)


def plain(wish: Wish, retail: Retail) -> str:
    """A wish in the plainest words."""
    items = " and ".join(f"the {name}" for name in names_of(wish, retail))
    return PLAIN[wish.kind].format(order=wish.order, items=items)


def names_of(wish: Wish, retail: Retail) -> list[str]:
    """The names of the items that it is about, each once."""
    found = (retail.variant(item).get("name") for item in wish.facts.get("item_ids", ()))
    return list(dict.fromkeys(name for name in found if name))


def address_line(facts: dict[str, str]) -> str:
    """An address as one writes it."""
    parts = (facts["address1"], facts["address2"], facts["city"], f"{facts['state']} {facts['zip']}", facts["country"])
    return ", ".join(part for part in parts if part.strip())


def _values(text: str) -> str:
    """``{'color': 'black', 'size': 'M'}`` as ``black, M``; nothing at all as ``the same again``."""

    def said(found: re.Match[str]) -> str:
        try:
            options = ast.literal_eval(found[0])
        except (ValueError, SyntaxError):
            return found[0].strip("{}")
        values = ", ".join(str(value) for name, value in options.items() if name != "order_id" and value)
        return values or "the same again"

    return re.sub(r"\{[^{}]*\}", said, text)
