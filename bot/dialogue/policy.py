"""What to do next: one pure function from what is known to a decision.

Rules and stories say what follows; what is added to them is what a shopper in a chat expects: a person when one is
asked for, questions answered in the middle of anything, a way out of every form.

A shop names its intents as it likes, except those that are known here: those of `SOCIAL`, `AFFIRM`, `DENY` and
`MANIPULATION`. Each needs a rule with a response to have an effect. The responses that are said without a rule are
`OWN_RESPONSES` in `domain.py`; the action that a rule names to call a person is `HANDOFF`.
"""

from dataclasses import dataclass, replace

from bot.dialogue.domain import HANDOFF
from bot.dialogue.project import LISTEN, Domain
from bot.dialogue.trail import UNSURE, Next, given, goes_on_with, heard, interrupted, next_action
from bot.dialogue.turning import asks, asks_how, begins_anew, leaves, requests, wishes, wrong_slot
from bot.records import (
    Act,
    Answer,
    Ask,
    Choose,
    Decision,
    Escalate,
    Findings,
    Floor,
    Leave,
    Mood,
    Reopen,
    State,
    Understanding,
)

AFFIRM = "affirm"
"""The intent of a "yes": inside a form it goes on with the form."""

DENY = "deny"
"""The intent of a "no": inside a form that cannot take it for an answer, it leaves the form."""

MANIPULATION = "manipulation"
"""The intent of a message that gives the assistant orders: answered by its rule, whatever the knowledge has."""

SOCIAL = frozenset({"greet", "goodbye", "thanks", AFFIRM, DENY, "bot_challenge"})
"""Intents that no knowledge can answer better than the shop's own response."""

TWO_STAGE = "action_two_stage_fallback"
"""Rasa's loop that has the likeliest intent affirmed, then asks for other words, then affirms again, then gives up."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Calibrated probabilities from which a reading of a message is acted on."""

    intent: float = 0.5
    """A rule is followed from this confidence on."""
    personal: float = 0.7
    """An order is looked up, or a person called, from this confidence on: acting wrongly costs more than asking."""
    foreign: float = 0.25
    """Above, a wish that is read with `personal` confidence is one of the shop's, whatever goods it names: what lies
    outside of the intents is mostly a word that they never heard."""
    scope: float = 0.5
    """Below, a message is taken as outside of what the intents cover."""
    approved: float = 0.9
    """An FAQ answer goes out as it stands from this probability of being the question asked."""
    answerable: float = 0.5
    """Below, the knowledge is taken not to answer."""
    near: float = 0.15
    """Two intents whose confidence differs by less are equally likely: the shopper chooses."""
    likely: float = 0.25
    """An intent below this is none to choose."""
    attempts: int = 3
    """After asking this often for the same slot, a person is called."""


def intent_of(understanding: Understanding, thresholds: Thresholds) -> str:
    """What a message is taken to mean, for rules and stories."""
    best = understanding.intents[0] if understanding.intents else None
    return best.name if best and best.confidence >= thresholds.intent else UNSURE


def is_sure(understanding: Understanding, thresholds: Thresholds) -> bool:
    """Whether a message is taken to mean its likeliest intent."""
    best = understanding.intents[0].confidence if understanding.intents else 0.0
    return best >= thresholds.intent and understanding.in_scope >= thresholds.scope


def step(following: Next | None, state: State, domain: Domain, *, first: bool = False) -> Decision | None:
    """An action that comes next, as a decision; None for the shopper's turn.

    A form that is open is asked again, unless this is the ``first`` step after a message, which may have answered it.
    """
    name = following.action if following else LISTEN
    if name == LISTEN:
        return None
    if name == HANDOFF:
        return Escalate("the shopper asked for a person")
    if name.startswith("utter_"):
        return Answer(name)
    if name in domain.forms:
        return Ask(name, again=state.form == name and not first)
    return Act(name)


def was_refused(state: State) -> bool:
    """Whether the open form was given the last message, and found nothing for it there."""
    return bool(state.trail) and state.trail[-1].kind == "rejected"


def needs_knowledge(
    state: State, understanding: Understanding, domain: Domain, thresholds: Thresholds, *, named: bool = False
) -> bool:
    """Whether the knowledge has to be searched: not for a plain greeting or the like outside of any form, nor for an
    intent that a button ``named`` and that a rule or story goes on from."""
    if not understanding.intents:
        return True
    leads = step(next_action(state, domain), state, domain)
    if named:
        return leads is None
    return not (
        state.form is None
        and understanding.mood is not Mood.ANGRY
        and is_sure(understanding, thresholds)
        and understanding.intents[0].name in SOCIAL
        and isinstance(leads, Answer)
    )


@dataclass(frozen=True, slots=True)
class _Read:
    """A message, as decisions look at it."""

    text: str
    intent: str
    confidence: float
    sure: bool
    bare: bool
    """Whether it is nothing but a number, a name or the like, which says nothing of what is wished."""
    near: tuple[str, ...]
    """The two likeliest intents, where they are equally likely."""
    approved: bool
    """Whether it is a question that the shop has answered."""
    answerable: bool
    following: Next | None
    leads: Decision | None
    """What rules and stories have follow."""

    acts: bool
    """Whether what follows is more than words, and the reading sure enough for it."""
    resumes: bool
    """Whether it goes on with what the turn before has just done: "no, LF-204519", "and when will it come?"."""

    @property
    def wants(self) -> bool:
        """Whether it wants that done, and does not only ask about it."""
        return self.acts and (self.resumes or requests(self.text) or wishes(self.text))


def decide(
    state: State,
    understanding: Understanding,
    findings: Findings,
    floor: Floor,
    domain: Domain,
    thresholds: Thresholds,
) -> Decision:
    """Choose what this turn does first. ``state`` has heard this message, and has its slots filled in already."""
    read = _read(state, understanding, findings, domain, thresholds)
    if isinstance(read.leads, Escalate) and read.confidence >= thresholds.personal:
        return read.leads
    if understanding.mood is Mood.ANGRY and floor is Floor.ASSISTANT:
        return Escalate("the shopper is angry", "utter_sorry")
    if state.form == TWO_STAGE and (not read.sure or read.intent == DENY) and not read.approved:
        return _try_again(state)
    if state.form is not None and state.form in domain.forms:
        return _inside(state.form, state, read, domain, thresholds)
    return _outside(state, read, domain, thresholds)


def _read(
    state: State, understanding: Understanding, findings: Findings, domain: Domain, thresholds: Thresholds
) -> _Read:
    first, second = (*understanding.intents, None, None)[:2]
    confidence = first.confidence if first else 0.0
    sure = is_sure(understanding, thresholds)
    following = next_action(state, domain)
    leads = step(following, state, domain, first=not (interrupted(state) or was_refused(state)))
    near = (
        first is not None
        and second is not None
        and first.confidence - second.confidence < thresholds.near
        and second.confidence >= thresholds.likely
        and understanding.in_scope >= thresholds.scope
    )
    text = understanding.text
    resumes = sure and isinstance(leads, Ask) and goes_on_with(leads.form, state) and not asks_how(text)
    return _Read(
        text=text,
        intent=first.name if first else "",
        confidence=confidence,
        sure=sure,
        bare=_is_bare(understanding),
        near=(first.name, second.name) if near and first and second else (),
        approved=bool(findings.hits) and findings.hits[0].question >= thresholds.approved,
        answerable=findings.answerable >= thresholds.answerable,
        following=following,
        leads=leads,
        acts=resumes or _acts(state, understanding, leads, thresholds),
        resumes=resumes,
    )


def _acts(state: State, understanding: Understanding, leads: Decision | None, thresholds: Thresholds) -> bool:
    """Whether what follows is done without asking what was meant.

    A form only asks, and does nothing before a yes: where none is open, a wish need not be as sure to begin one.
    """
    if not isinstance(leads, Ask | Act) or not understanding.intents:
        return False
    confidence, text = understanding.intents[0].confidence, understanding.text
    if isinstance(leads, Act) or state.form is not None:
        return is_sure(understanding, thresholds) and confidence >= thresholds.personal
    wished = wishes(text) or (requests(text) and not asks_how(text))
    if confidence >= thresholds.personal:
        return understanding.in_scope >= (thresholds.foreign if wished else thresholds.scope)
    return wished and is_sure(understanding, thresholds)


def _is_bare(understanding: Understanding) -> bool:
    text = understanding.text
    for entity in sorted(understanding.entities, key=lambda entity: entity.start, reverse=True):
        text = text[: entity.start] + text[entity.end :]
    return text != understanding.text and not any(character.isalnum() for character in text)


def _outside(state: State, read: _Read, domain: Domain, thresholds: Thresholds) -> Decision:
    """No form is open."""
    if read.leads and read.following and read.following.goes_on and read.sure:
        return read.leads
    if isinstance(read.leads, Answer) and (
        (read.intent == MANIPULATION and read.confidence >= thresholds.intent) or (read.sure and read.intent in SOCIAL)
    ):
        return read.leads
    if begins_anew(read.text):
        return Leave("utter_restart", anew=True)
    answered = read.approved or (read.answerable and asks_how(read.text))
    if read.acts and (read.wants or not answered):
        assert read.leads is not None
        return read.leads
    if answered:
        return Answer()
    # Weak readings of a question whose answer is known are no reason to ask back.
    if read.near and not (read.answerable and asks(read.text)) and _are_tasks(read.near, state, domain):
        return Choose(read.near)
    if isinstance(read.leads, Answer) and read.confidence >= thresholds.intent and not read.answerable:
        return read.leads
    if not read.sure and not read.answerable:
        return step(next_action(heard_as(UNSURE, state), domain), state, domain) or Answer()
    return Answer()


def _inside(form: str, state: State, read: _Read, domain: Domain, thresholds: Thresholds) -> Decision:
    """A form is open: the message goes on with it, or is something else that leaves it open or ends it."""
    fills = given(state).keys() & {*domain.forms[form].required, state.requested}
    refused = was_refused(state)
    if begins_anew(read.text):
        return Leave("utter_restart", anew=True)
    if interrupted(state) and read.leads and read.sure and read.following and read.following.goes_on:
        return read.leads
    if leaves(read.text, state.requested) and not (read.sure and read.following and read.following.loop == form):
        return Leave("utter_left")
    filled = tuple(slot for slot in domain.forms[form].required if slot not in fills and slot in state.slots)
    wrong = None if takes_any_text(state.requested, domain) else wrong_slot(read.text, filled)
    if wrong and fills <= {state.requested}:
        return Reopen(wrong)
    if not refused:
        question = asks(read.text) and (read.approved or (read.answerable and read.sure))
        if state.requested in fills and not (question and takes_any_text(state.requested, domain)):
            return Ask(form)
        if isinstance(read.leads, Ask) and read.leads.form != form and read.wants:
            return read.leads
        if question:
            return Answer()
        if fills or _may_extract(form, domain):
            return Ask(form)
    if read.following and read.following.loop == form and read.leads and read.sure:
        return read.leads
    return _beside(form, state, read, thresholds)


def _beside(form: str, state: State, read: _Read, thresholds: Thresholds) -> Decision:
    """The open form got nothing out of the message."""
    if read.sure and read.intent == DENY:
        return Leave(read.leads.response or "utter_left" if isinstance(read.leads, Answer) else "utter_left")
    if read.acts and read.leads != Ask(form) and not read.bare:
        assert read.leads is not None
        return read.leads
    is_said = read.intent in SOCIAL or not read.answerable
    if isinstance(read.leads, Answer) and is_said and read.sure and read.intent != AFFIRM and not read.bare:
        return read.leads
    # "Only the boots" says something of the form, which it could not read; the knowledge has a page about boots, and
    # only who asks wants to read that.
    if asks(read.text) and not read.bare and (read.sure or read.approved or read.answerable):
        return Answer()
    if state.attempts >= thresholds.attempts:
        return Escalate(f"{state.requested} was asked for {state.attempts} times")
    return Ask(form, again=True)


def _try_again(state: State) -> Decision:
    """The next stage of Rasa's fallback: other words, then the likeliest intent once more, then nothing."""
    match state.attempts:
        case 1:
            return Act("action_default_ask_rephrase")
        case 2:
            return Act("action_default_ask_affirmation")
        case _:
            return Act("action_default_fallback")


def takes_any_text(slot: str | None, domain: Domain) -> bool:
    """Whether a slot would take any message for its value."""
    known = domain.slots.get(slot or "")
    return known is not None and any(mapping.type == "from_text" for mapping in known.mappings)


def _may_extract(form: str, domain: Domain) -> bool:
    """Whether the form's validator may find in a message what no mapping does: only asking it tells. Where the domain
    lists no slot, the validator alone knows what is needed."""
    required = domain.forms[form].required
    return f"validate_{form}" in domain.actions and (
        not required or any(all(m.type == "custom" for m in domain.slots[slot].mappings) for slot in required)
    )


def _are_tasks(intents: tuple[str, ...], state: State, domain: Domain) -> bool:
    """Whether something follows each of the intents, and more than words one of them."""
    steps = [step(next_action(heard_as(intent, state), domain), state, domain) for intent in intents]
    return all(steps) and any(isinstance(leads, Ask | Act) for leads in steps)


def heard_as(intent: str, state: State) -> State:
    """The state as if the last message had been of another intent."""
    for at in range(len(state.trail) - 1, -1, -1):
        if state.trail[at].kind == "user":
            trail = (*state.trail[:at], state.trail[at]._replace(name=intent), *state.trail[at + 1 :])
            return replace(state, trail=trail)
    return heard(state, Understanding("", state.language, (), 0.0), intent)


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
