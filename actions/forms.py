"""Runs a form of the shop inside Rasa's protocol: fills its slots from the shopper's words, and asks for the next.

A form is a list of steps (`scene.Step`); rasa-sdk's `FormValidationAction` is what Kefu and Rasa call it as. Its slots
are all its own: their values come from here, never from an entity or a text that fills a slot by itself.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.forms import REQUESTED_SLOT, FormValidationAction

from actions.agreeing import yes_or_no
from actions.matching import Choice
from actions.scene import (
    CARRIED,
    CONFIRMED,
    OFFER,
    SHOPPER,
    WISH,
    Ended,
    Filled,
    Question,
    Reading,
    Scene,
    Step,
    Steps,
    Texts,
    Unclear,
    changed,
    read_scene,
)
from actions.shop.shop import Shop

WORDS: Texts = {
    "en": {
        "sure": "Shall I do this?",
        "yes": "Yes",
        "no": "No",
        "unheard": "I did not understand that, and have done nothing yet. Is this still right?",
    },
    "zh": {
        "sure": "确认这样操作吗？",
        "yes": "是的",
        "no": "不",
        "unheard": "抱歉，我没有明白您的意思，目前还没有做任何更改。下面的内容仍然正确吗？",
    },
}

_DEPENDENT = re.compile(r"reason|items|variant_\d+|method|address_of|new_address")
"""Slots whose step may be none at the moment, since it depends on a value that was taken back."""

_BUTTONS = 12
"""More than these fill a screen; all choices still go out as ``options``."""


class Form(FormValidationAction):
    """The validation action of one form; it decides what is asked next, so every call ends with ``requested_slot``.

    ``submit`` is the action that does what the form is for, where it does something.
    """

    def __init__(self, name: str, steps: Steps, shop: Shop, submit: str = "") -> None:
        self._name = name
        self._steps = steps
        self._shop = shop
        self._submit = submit

    def name(self) -> str:
        """What the domain calls this action."""
        return f"validate_{self._name}"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Understand the message, tell what was unclear, and say which slot is next."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        before = dict(tracker.slots)
        if before.get(REQUESTED_SLOT) == CONFIRMED and await asyncio.to_thread(scene.done, self._submit):
            # This turn is played again: its yes counted, whatever has changed since, and the action tells what it did.
            scene.slots[CONFIRMED] = True
            return [*changed(scene, tracker), SlotSet(REQUESTED_SLOT, None)]
        proposed = frozenset(tracker.slots_to_validate())
        # The database is waited for outside the event loop, so that another shopper's call goes on.
        following = await asyncio.to_thread(fill, self._name, self._steps, scene, proposed)
        for text in scene.said:
            dispatcher.utter_message(text=text)
        names = [name for name in scene.slots if scene.slots[name] != before.get(name) or name in proposed]
        events = [SlotSet(name, scene.slots[name]) for name in names if name != REQUESTED_SLOT]
        following_slot = following.slot if isinstance(following, Step) else None
        events.append(SlotSet(REQUESTED_SLOT, following_slot))
        if isinstance(following, Ended) and following.followup:
            events.append(FollowupAction(following.followup))
        return events


class Ask(Action):
    """Asks for one slot of one form, with what the database has to choose from."""

    def __init__(self, form: str, slot: str, steps: Steps, shop: Shop) -> None:
        self._name = f"action_ask_{form}_{slot}"
        self._slot = slot
        self._steps = steps
        self._shop = shop

    def name(self) -> str:
        """What the domain calls this action."""
        return self._name

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Say the question; of a summary, keep what it was about."""
        scene = await asyncio.to_thread(read_scene, self._shop, tracker)
        question = await asyncio.to_thread(self._question, scene)
        if question is None:
            return changed(scene, tracker)
        text = question.text
        last = tracker.slots.get(OFFER)
        if last and last == scene.slots.get(OFFER) and _is_unheard(tracker):
            text = f"{scene.words(WORDS, 'unheard')}\n{text}"
        buttons = [{"title": choice.title, "payload": choice.title} for choice in question.choices[:_BUTTONS]]
        options = [choice.title for choice in question.choices]
        dispatcher.utter_message(text=text, buttons=buttons, json_message={"options": options, **question.about})
        return changed(scene, tracker)

    def _question(self, scene: Scene) -> Question | None:
        step = next((step for step in self._steps(scene) if step.slot == self._slot), None)
        if step is not None and self._slot == CONFIRMED:
            scene.slots[OFFER] = json.dumps(_offered(self._steps, scene))
        return step.ask(scene) if step is not None else None


def _is_unheard(tracker: Tracker) -> bool:
    """Whether the form found nothing in this message, and nobody else has answered it."""
    refused = False
    for event in reversed(tracker.events):
        match event["event"]:
            case "user":
                break
            case "action_execution_rejected":
                refused = True
            case "action" if event.get("name") != (tracker.active_loop or {}).get("name"):
                return False
    return refused


def fill(form: str, steps: Steps, scene: Scene, proposed: frozenset[str] = frozenset()) -> Step | Ended | None:
    """Fill what the words of ``scene`` fill; the step to ask for next, None when nothing is missing.

    ``proposed`` are slots that the assistant filled on its own for this message; a value of ours among them is dropped
    and read again here.
    """
    own = {step.slot for step in steps(scene)}
    for name in proposed & own:
        scene.slots[name] = None
    at = next((step for step in steps(scene) if step.slot == scene.requested), None)
    if at is None:
        # It begins; what an earlier one left unfinished is not carried over.
        began = _carried(scene, form) or scene.text
        scene.slots |= {WISH: began, CARRIED: None, OFFER: None, **dict.fromkeys(own - {SHOPPER})}
    first = next((step for step in steps(scene) if scene.slots.get(step.slot) is None), None)
    # Where the assistant took an earlier value back, the words were about that.
    if at is not None and first is not None and first.slot == at.slot:
        before = dict(scene.slots)
        corrected = _correct(steps, scene, at)
        if isinstance(corrected, Ended):
            return corrected
        # "No, also the lamp" says no to the summary, and what there is to be in it; it ends nothing.
        put_right = at.slot == CONFIRMED and scene.slots != before
        is_open = scene.slots.get(at.slot) is None and not put_right and not isinstance(corrected, Unclear)
        if is_open and (ended := _take(scene, at, at.read(scene), steps)):
            return ended
    # Each value may change which steps there are; a form has a dozen at most.
    heard = replace(scene, text="\n".join(dict.fromkeys((str(scene.slots.get(WISH) or ""), scene.text))))
    taken_back = first.slot if at is not None and first is not None and _comes_before(first, at, steps, scene) else None
    while step := next((step for step in steps(scene) if scene.slots.get(step.slot) is None), None):
        # What was taken back stood in words said before; only new ones can say it now.
        reading: Reading = None
        if step.slot == taken_back:
            reading = step.read(scene)
        elif step.slot != scene.requested:
            reading = step.offer(heard)
        if ended := _take(scene, step, reading, steps):
            return ended
        if scene.slots.get(step.slot) is None:
            return step
    return None


def _carried(scene: Scene, form: str) -> str | None:
    """The words that another form has left to this one; none that were for a form that never began."""
    whose, _, words = str(scene.slots.get(CARRIED) or "").partition("\n")
    return words if whose == form else None


def _comes_before(one: Step, other: Step, steps: Steps, scene: Scene) -> bool:
    names = [step.slot for step in steps(scene)]
    return one.slot in names and (other.slot not in names or names.index(one.slot) < names.index(other.slot))


def _correct(steps: Steps, scene: Scene, at: Step) -> Reading:
    """Take another value for a step before ``at``, if the words give one; what depends on it is asked for anew.

    What was to be put right and cannot be is told, and then the words are no answer to ``at``.
    """
    for step in steps(scene):
        if step.slot == at.slot:
            return None
        reading = step.correct(scene)
        if isinstance(reading, Unclear) or (
            isinstance(reading, Filled) and reading.value != scene.slots.get(step.slot)
        ):
            _take(scene, step, reading, steps)
            return reading
    return None


def _take(scene: Scene, step: Step, reading: Reading, steps: Steps) -> Ended | None:
    """Keep what was read."""
    match reading:
        case Filled(value, slots):
            later = _after(step, steps, scene)
            scene.slots[step.slot] = value
            for name in later:
                scene.slots[name] = None
            scene.slots |= slots
        case Unclear(why, slots):
            scene.said.append(why)
            scene.slots |= slots
        case Ended(why, slots):
            if why:
                scene.said.append(why)
            scene.slots |= slots
            return reading
        case None:
            pass
    return None


def _after(step: Step, steps: Steps, scene: Scene) -> list[str]:
    """Slots that are filled on top of what ``step`` has, and those whose step is gone with a value taken back."""
    if step.slot == CONFIRMED:
        return []  # A yes is about what the last summary said.
    names = [other.slot for other in steps(scene)]
    at = names.index(step.slot) + 1
    gone = [name for name in scene.slots if _DEPENDENT.fullmatch(name) and name not in names]
    # What one item becomes says nothing of another.
    beside = step.slot.startswith("variant_")
    later = [name for name in (*names[at:], *gone) if not (beside and name.startswith("variant_"))]
    return [*later, OFFER]


def _offered(steps: Steps, scene: Scene) -> dict[str, Any]:
    """What a summary is about: the values that the form has filled, and the amounts that it tells."""
    values = {step.slot: scene.slots.get(step.slot) for step in steps(scene) if step.slot != CONFIRMED}
    return values | {name: amount for step in steps(scene) for name, amount in step.amounts(scene).items()}


def last_offer(scene: Scene) -> Mapping[str, Any]:
    """What the last summary said."""
    offer: Mapping[str, Any] = json.loads(str(scene.slots.get(OFFER) or "{}"))
    return offer


def is_offered(steps: Steps, scene: Scene) -> bool:
    """Whether all of it is as the last summary said. What cannot be done any more has no amounts; the shop says why."""
    return _offered(steps, scene).items() <= last_offer(scene).items()


def confirm_step(
    steps: Steps, summary: Callable[[Scene], str], amounts: Callable[[Scene], Mapping[str, int]] = lambda _: {}
) -> Step:
    """The last step of a form that changes something: a summary, and a yes or no to exactly that, ``amounts`` too."""

    def ask(scene: Scene) -> Question:
        choices = [Choice(scene.words(WORDS, name), name) for name in ("yes", "no")]
        return Question(f"{summary(scene)}\n{scene.words(WORDS, 'sure')}", choices)

    def read(scene: Scene) -> Reading:
        answer = yes_or_no(scene.text, scene.intent)
        if answer and not is_offered(steps, scene):
            return None  # It was not a yes to this; say the summary again.
        return None if answer is None else Filled(answer)

    return Step(CONFIRMED, ask, read, amounts=amounts)


def actions_of(form: str, steps: Steps, slots: Sequence[str], shop: Shop, submit: str = "") -> list[Action]:
    """The validation action of a form, which ``submit`` comes after, and the ones that ask for its slots."""
    return [Form(form, steps, shop, submit), *(Ask(form, slot, steps, shop) for slot in slots)]
