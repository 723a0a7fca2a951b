"""Carries decisions out, one step after the other, until it is the shopper's turn: responses, actions and forms.

Forms run as Rasa's do (RasaHQ/rasa 3.6, `rasa/core/actions/forms.py` and `loops.py`): what a message gave is validated
by `validate_<form>` where the action server has it, which may ask for other slots than the domain or end the form.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.dialogue.domain import questions
from bot.dialogue.fallback import affirmation, offered, title, which
from bot.dialogue.forms import as_question, asked, begun_anew, forgotten, left, missing, opened
from bot.dialogue.policy import TWO_STAGE, intent_of, is_sure, step, takes_any_text, was_refused
from bot.dialogue.project import REQUESTED
from bot.dialogue.scene import Scene
from bot.dialogue.slots import CONFIRMED, corrected, extract, spoken_of
from bot.dialogue.trail import (
    ANSWER,
    UNSURE,
    Next,
    done,
    given,
    heard,
    interrupted,
    known,
    looped,
    next_action,
    rejected,
)
from bot.records import (
    Act,
    ActionResult,
    Answer,
    Ask,
    Choose,
    Decision,
    Escalate,
    Findings,
    Leave,
    Reopen,
    State,
    Understanding,
    Utterance,
)

MOST_STEPS = 10
"""Of one turn, as in Rasa: rules that lead to each other in a circle must end."""

VALIDATE_ALL = "action_validate_slot_mappings"
"""The action that validates slots outside of any form, where an action server has it."""


@dataclass(slots=True)
class Play(Scene):
    """Carries out what was decided for a turn."""

    refused: bool = False
    """Whether the open form found nothing for it in the message, so that it means something else."""
    _closed: list[str] = field(default_factory=list)
    _replaced: dict[str, Any] = field(default_factory=dict)
    """What the slots were before that the message set."""
    _steps: int = 0

    # ── What comes in ─────────────────────────────────────────────────────────────────────────────

    async def begin(self) -> None:
        """Let the project begin a session, where its action server has an action for that."""
        if "action_session_start" in self.domain.actions:
            await self.act("action_session_start", {})
            if self.failed:  # Nobody asked for it; what was asked may need no action at all.
                self.failed, self.acted = False, None
                self.said.clear()

    async def hear(self, understanding: Understanding) -> None:
        """Take in what a message means, and fill slots from it.

        A slot that could not be validated is not filled.
        """
        self.understanding, self.refused = understanding, False
        before = self.state.slots
        intent = intent_of(understanding, self.thresholds)
        self.state = heard(replace(self.state, language=understanding.language), understanding, intent)
        sure = intent if is_sure(understanding, self.thresholds) else UNSURE
        found = extract(self.state, understanding, sure, self.domain)
        if corrected(found, self.state, self.domain) and before.get(CONFIRMED) is not None:
            found[CONFIRMED] = None
        self.state = known(self.state, found)
        for action in self._extractors():
            await self.act(action, {})
        if found and VALIDATE_ALL in self.domain.actions:
            await self.act(VALIDATE_ALL, found)
        self._replaced = {name: before.get(name) for name in found}
        if self.failed:
            self._put_back(found)

    def speak_of(self, found: Findings) -> None:
        """Remember the product that the message turned out to be about, for the rules and for the actions."""
        self.state = known(self.state, spoken_of(found, self.state, self.domain))

    def _put_back(self, slots: Iterable[str]) -> None:
        """Undo what the message set ``slots`` to."""
        self.state = known(self.state, {slot: self._replaced.get(slot) for slot in slots if slot in self._replaced})

    def _taken_as_text(self) -> list[str]:
        """The slot that would have any message for its value, which turned out to be something else."""
        slot = self.state.requested
        return [slot] if slot is not None and takes_any_text(slot, self.domain) else []

    def _extractors(self) -> list[str]:
        """Actions that custom mappings name to extract a slot."""
        mappings = [mapping for slot in self.domain.slots.values() for mapping in slot.mappings if mapping.action]
        fitting = (
            mapping.action
            for mapping in mappings
            if not mapping.conditions or any(condition.loop == self.state.form for condition in mapping.conditions)
        )
        return list(dict.fromkeys(action for action in fitting if action in self.domain.actions and action is not None))

    # ── What is done ──────────────────────────────────────────────────────────────────────────────

    async def carry_out(self, decision: Decision) -> None:
        """Do what was decided, then what rules and stories have follow, until the shopper's turn.

        Where the open form was to take the message and found nothing in it, `refused` is set instead, and whoever
        decides has to decide again.
        """
        beside = self.state.form if self._is_beside(decision) else None
        self.refused = False
        if isinstance(decision, Reopen) and self.state.requested is not None:
            self._put_back([self.state.requested])  # "No, another one" is no answer to what was asked.
        elif not isinstance(decision, Ask):
            self._put_back(self._taken_as_text())
        next_step: Decision | None = decision
        while next_step is not None and not (self.over or self.refused):
            self._steps += 1
            if self._steps > MOST_STEPS:
                self.notes.append(f"stopped after {MOST_STEPS} steps")
                break
            await self._do(next_step, counts=next_step is decision)
            next_step = self._next_step()
        if beside is not None and self.state.form == beside and not self.over:
            await self.ask_again()

    def _is_beside(self, decision: Decision) -> bool:
        """Whether something is done while a form is open that has nothing to do with it.

        What a rule or story says of the open form is followed to the letter: it asks again itself, if it wants to.
        """
        if self.state.form not in self.domain.forms or not isinstance(decision, Answer | Act | Choose):
            return False
        following = next_action(self.state, self.domain)
        return following is None or not (following.goes_on or following.loop == self.state.form)

    def _next_step(self) -> Decision | None:
        """What comes next: what the action named, else what rules and stories say."""
        if self.following is not None:
            named, self.following = Next(self.following, goes_on=False, loop=None), None
            return step(named, self.state, self.domain)
        return step(next_action(self.state, self.domain), self.state, self.domain)

    async def _do(self, decision: Decision, *, counts: bool) -> None:
        if self.state.form == TWO_STAGE and not (isinstance(decision, Act) and decision.action in _OWN):
            self.state = left(self.state)
        match decision:
            case Answer(str(response)):
                self.respond(self.named(response) or response)
                self.state = done(self.state, response)
            case Ask(form, again):
                await self._run_form(form, again=again, counts=counts)
            case Act(action) if action in _OWN and action not in self.domain.actions:
                self._do_own(action)
            case Act(action):
                self.acted = decision
                await self._run(action)
            case Escalate():
                self.handover = decision
            case Choose(intents):
                worded = self.worded("utter_which")
                self.said.append(which(worded, intents, self.understanding, self.domain, self.seed))
                self.state = done(self.state, ANSWER)
            case Leave(response, anew):
                ended = replace(left(self.state), pending=())
                self.state = begun_anew(self.state, self.domain) if anew else done(ended, response)
                self.respond(response)
            case Reopen(slot):
                emptied = [slot, *([CONFIRMED] if CONFIRMED in self.state.slots else [])]
                self.state = known(self.state, dict.fromkeys(emptied))
                assert self.state.form is not None, "only a form that is open has slots to take back"
                await self._run_form(self.state.form, again=True, counts=counts)
            case Answer(None):
                raise AssertionError("the knowledge answers elsewhere")

    async def ask_again(self) -> None:
        """Ask for what the open form asked for last, after something else was answered; that is no failed attempt."""
        form, slot = self.state.form, self.state.requested
        if form is None or form not in self.domain.forms or slot is None:
            return
        if any("ask" in (said.custom or {}) for said in self.said):
            return
        if interrupted(self.state):
            self.state = done(self.state, form)
        await self._ask(form, slot, counts=False)

    async def answered(self, utterances: tuple[Utterance, ...]) -> None:
        """Say what the knowledge has answered, and offer to do what was asked about, or ask again for what an open form
        asked for before."""
        self.refused = False
        self._put_back(self._taken_as_text())
        leads = step(next_action(self.state, self.domain), self.state, self.domain)
        if utterances and isinstance(leads, Ask) and is_sure(self.understanding, self.thresholds):
            utterances = (*utterances[:-1], offered(utterances[-1], self.understanding, self.state, self.domain))
        self.said += utterances
        self.state = done(self.state, ANSWER)
        await self.ask_again()

    def finished(self) -> State:
        """The state at the end of the turn."""
        return self.state if self.failed else forgotten(self.state, self._closed, self.domain, self.told)

    # ── Forms ─────────────────────────────────────────────────────────────────────────────────────

    async def _run_form(self, form: str, *, again: bool, counts: bool) -> None:
        """Validate what there is, then ask for what is missing or end the form."""
        opening = self.state.form != form
        requested = self.state.requested
        if opening:
            self.state, candidates = opened(self.state, form, self.domain)
        else:
            candidates = {} if again else self._candidates(form)
        result = await self._validated(form, candidates, opening=opening)
        if result is None:
            return
        found = candidates.keys() | result.slots.keys() - {REQUESTED}
        # A validator that spoke has taken the message for its own.
        if result.rejects or (requested and not (opening or again or found or result.utterances)):
            self.state, self.refused = rejected(self.state), True
            return
        if not opening:
            self.state = done(self.state, form)
        ended = result.loop == "" or (REQUESTED in result.slots and result.slots[REQUESTED] is None)
        slot = result.slots.get(REQUESTED) or missing(form, self.state, self.domain)
        if ended or slot is None:
            self.state = left(self.state)
            self._closed.append(form)
        else:
            await self._ask(form, str(slot), counts=counts)

    def _candidates(self, form: str) -> dict[str, Any]:
        """What the message gave of the form's slots; a validator may have asked for one that the domain does not."""
        wanted = {*self.domain.forms[form].required, self.state.requested}
        return {name: value for name, value in given(self.state).items() if name in wanted and value is not None}

    async def _validated(self, form: str, candidates: Mapping[str, Any], *, opening: bool) -> ActionResult | None:
        """What the form's validator makes of the candidates; None where it is away, and nothing passes for valid."""
        if f"validate_{form}" not in self.domain.actions:
            return ActionResult()
        if was_refused(self.state) and not opening:
            # It has looked at this very message already, and found nothing.
            return ActionResult(slots={REQUESTED: self.state.requested} if self.state.requested else {})
        result = await self.call(f"validate_{form}", candidates)
        if result is None:
            # What was told is asked for again, or validated when the form is opened again.
            self.state = left(self.state) if opening else known(self.state, dict.fromkeys(candidates))
            return None
        self.take(result, told=False)
        return result

    async def _ask(self, form: str, slot: str, *, counts: bool) -> None:
        """Ask for ``slot``; a person instead, after too many times."""
        if counts and self.state.requested == slot and self.state.attempts >= self.thresholds.attempts:
            self.handover = Escalate(f"{slot} was asked for {self.state.attempts} times")
            return
        self.state = asked(self.state, slot, counts=counts)
        before = len(self.said)
        question = questions(self.domain, form, slot)
        if question is not None and question in self.domain.actions:
            if (result := await self.call(question, {})) is None:
                return
            self.take(result)
        elif question is not None:
            self.respond(question)
        elif not self.said:
            words = {**self.state.slots, "asked": title(slot, self.domain, self.state.language, self.seed)}
            self.said.append(self.domain.respond("utter_ask_for", self.state.language, words, self.seed))
        if len(self.said) > before or (question is None and self.said):
            self.said = as_question(self.said, slot)

    # ── Actions ───────────────────────────────────────────────────────────────────────────────────

    async def _run(self, action: str) -> None:
        """An action that a rule or a story has."""
        await self.act(action, {})
        self.state = left(self.state) if self.failed else done(self.state, action)

    def _do_own(self, action: str) -> None:
        """An action that Rasa has of its own."""
        self.state = done(self.state, action)
        match action:
            case "action_restart":
                self.state = begun_anew(self.state, self.domain)
                self.respond("utter_restart")
            case "action_deactivate_loop" | "action_deactivate_form":
                self.state = left(self.state)
            case "action_default_fallback":
                self.state = done(left(self.state), ANSWER)
                self.respond("utter_default")
            case "action_default_ask_rephrase":
                self.state = replace(self.state, attempts=2)
                self.respond("utter_ask_rephrase")
            case "action_two_stage_fallback" | "action_default_ask_affirmation":
                self._ask_affirmation(3 if self.state.form == TWO_STAGE else 1)
            case _:
                self.notes.append(f"{action} does nothing here")

    def _ask_affirmation(self, stage: int) -> None:
        guess = next((intent.name for intent in self.understanding.intents if intent.name != UNSURE), "")
        self.state = replace(looped(self.state, TWO_STAGE), requested=guess or None, attempts=stage)
        self.said.append(affirmation(guess, self.domain, self.state.language, self.state.slots, self.seed))


_OWN = frozenset(
    {
        *("action_restart", "action_deactivate_loop", "action_deactivate_form", "action_default_fallback"),
        *("action_default_ask_rephrase", "action_default_ask_affirmation", TWO_STAGE, "action_session_start"),
        *("action_revert_fallback_events", "action_back", "action_extract_slots", "action_unlikely_intent"),
    }
)
