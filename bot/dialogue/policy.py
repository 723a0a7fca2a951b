"""What to do next: one pure function from what is known to a decision.

A shop names its intents as it likes, except those that are known here: those of `SOCIAL`, `AFFIRM`, and `MANIPULATION`.
Each needs a rule with a response to have an effect. The responses that are said without a rule are `OWN_RESPONSES` in
`domain.py`; the action that a rule names to call a person is `HANDOFF`.
"""

from dataclasses import dataclass

from bot.dialogue.domain import Domain, Rule
from bot.dialogue.forms import missing
from bot.records import Act, Answer, Ask, Decision, Escalate, Findings, Floor, Mood, State, Understanding

HANDOFF = "action_handoff"
"""The action that a rule names to hand over; it is ours, no action server has it."""

AFFIRM = "affirm"
"""The intent of a "yes": inside a form it goes on with the form."""

MANIPULATION = "manipulation"
"""The intent of a message that gives the assistant orders: answered by its rule, whatever the knowledge has."""

SOCIAL = frozenset({"greet", "goodbye", "thanks", AFFIRM, "deny", "bot_challenge"})
"""Intents that no knowledge can answer better than the shop's own response."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated probabilities from which a reading of a message is acted on."""

    intent: float = 0.5
    """A rule is followed from this confidence on."""
    personal: float = 0.7
    """An order is looked up, or a person called, from this confidence on: acting wrongly costs more than asking."""
    scope: float = 0.5
    """Below, a message is taken as outside of what the intents cover."""
    approved: float = 0.9
    """An FAQ answer goes out as it stands from this probability of being the question asked."""
    answerable: float = 0.5
    """Below, the knowledge is taken not to answer."""
    attempts: int = 3
    """After asking this often for the same slot, a person is offered."""


def needs_knowledge(
    state: State, understanding: Understanding, domain: Domain, thresholds: Thresholds, *, named: bool = False
) -> bool:
    """Whether the knowledge has to be searched: not for a plain greeting or the like outside of any form, nor for an
    intent that a button ``named`` and that has a rule."""
    if not understanding.intents:
        return True
    rule = domain.rules.get(understanding.intents[0].name, Rule())
    if named:
        return rule == Rule()
    return not (
        state.form is None
        and understanding.mood is not Mood.ANGRY
        and _sure(understanding, thresholds)
        and understanding.intents[0].name in SOCIAL
        and rule.response is not None
    )


def _sure(understanding: Understanding, thresholds: Thresholds) -> bool:
    best = understanding.intents[0].confidence if understanding.intents else 0.0
    return best >= thresholds.intent and understanding.in_scope >= thresholds.scope


def decide(
    state: State,
    understanding: Understanding,
    findings: Findings,
    floor: Floor,
    domain: Domain,
    thresholds: Thresholds,
) -> Decision:
    """Choose what this turn does. ``state`` has the slots of this message filled in already."""
    intent = understanding.intents[0].name if understanding.intents else ""
    confidence = understanding.intents[0].confidence if understanding.intents else 0.0
    rule = domain.rules.get(intent, Rule())
    sure = _sure(understanding, thresholds)
    approved = findings.hits[0].question if findings.hits else 0.0

    if rule.action == HANDOFF and confidence >= thresholds.personal:
        return Escalate("the shopper asked for a person")
    if understanding.mood is Mood.ANGRY and floor is Floor.ASSISTANT:
        return Escalate("the shopper is angry", "utter_sorry")
    if state.form and _keeps_form(state, understanding, sure, approved, domain, thresholds):
        return _go_on(state.form, state, domain, thresholds)
    if intent == MANIPULATION and confidence >= thresholds.intent:
        return Answer(rule.response)
    if sure and intent in SOCIAL and rule.response:
        return Answer(rule.response)
    if approved >= thresholds.approved:
        return Answer()
    if rule.form and sure and confidence >= thresholds.personal:
        return _go_on(rule.form, state, domain, thresholds)
    if rule.action and rule.action != HANDOFF and sure and confidence >= thresholds.personal:
        return Act(rule.action)
    if rule.response and confidence >= thresholds.intent and findings.answerable < thresholds.answerable:
        return Answer(rule.response)
    return Answer()


def _keeps_form(
    state: State,
    understanding: Understanding,
    sure: bool,
    approved: float,
    domain: Domain,
    thresholds: Thresholds,
) -> bool:
    """Whether a message goes on with the open form; a clear question or a "no" leaves it."""
    if any(entity.name == domain.slots.get(state.requested or "") for entity in understanding.entities):
        return True
    if approved >= thresholds.approved:
        return False
    intent = understanding.intents[0].name if understanding.intents else ""
    return not sure or intent == AFFIRM or domain.rules.get(intent, Rule()).form == state.form


def _go_on(form: str, state: State, domain: Domain, thresholds: Thresholds) -> Decision:
    slot = missing(form, state, domain)
    if slot is None:
        return Act(domain.submits[form], form)
    if (form, slot) == (state.form, state.requested) and state.attempts >= thresholds.attempts:
        return Escalate(f"{slot} was asked for {state.attempts} times")
    return Ask(form, slot, f"utter_ask_{slot}")


def unanswered(state: State, understanding: Understanding, near: bool, thresholds: Thresholds) -> str:
    """The response when the knowledge has no sure answer: never a guess, always a way on.

    ``near`` says that questions the shop has answered can be offered to choose from.
    """
    if state.unanswered > 0:
        return "utter_repeat"
    if understanding.in_scope < thresholds.scope:
        return "utter_out_of_scope"
    if near:
        return "utter_suggest"
    if len(understanding.text.split()) < 3 and understanding.language != "zh":
        return "utter_clarify"
    return "utter_no_source"
