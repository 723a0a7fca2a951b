"""Words for what was not understood for sure: intents to choose from, and one to affirm. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bot.dialogue.policy import TWO_STAGE
from bot.dialogue.project import Domain
from bot.dialogue.turning import says_yes_or_no
from bot.records import Button, Intent, State, Understanding, Utterance

_YES_NO = {"zh": ("是", "不是")}


def title(name: str, domain: Domain, language: str, seed: str) -> str:
    """An intent's or a slot's name in words: those of a response ``utter_title_<name>``, or the name itself."""
    worded = f"utter_title_{name}"
    if worded in domain.responses:
        return domain.respond(worded, language, {}, seed).text
    words = name.replace("/", ": ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def which(
    question: Utterance, intents: Sequence[str], understanding: Understanding, domain: Domain, seed: str
) -> Utterance:
    """Have the shopper choose: a button for each intent, which sends it as Rasa's buttons do, with what its rules need
    to know of the message."""
    known = {entity.name: entity.value for entity in understanding.entities}
    buttons = []
    for name in intents:
        needed = {entity for path in domain.paths for m in path.moments if m.name == name for entity, _ in m.entities}
        values = {entity: known[entity] for entity in sorted(needed & known.keys())}
        payload = f"/{name}{json.dumps(values, ensure_ascii=False) if values else ''}"
        buttons.append(Button(title(name, domain, understanding.language, seed), payload))
    return replace(question, buttons=(*buttons, *question.buttons))


def offered(answer: Utterance, understanding: Understanding, state: State, domain: Domain) -> Utterance:
    """An answer with a button that has done what was asked about, where it can be named in the shopper's language."""
    intent = understanding.intents[0].name
    if state.form is not None or (state.language != "en" and f"utter_title_{intent}" not in domain.responses):
        return answer
    return replace(answer, buttons=(*answer.buttons, Button(title(intent, domain, state.language, ""), f"/{intent}")))


def affirmation(guess: str, domain: Domain, language: str, slots: Mapping[str, Any], seed: str) -> Utterance:
    """Ask whether ``guess`` is what was meant; where there is no guess, for other words."""
    if not guess:
        return domain.respond("utter_ask_rephrase", language, slots, seed)
    words = {**slots, "asked": title(guess, domain, language, seed)}
    yes, no = _YES_NO.get(language, ("Yes", "No"))
    question = domain.respond("utter_ask_affirmation", language, words, seed)
    return replace(question, buttons=(Button(yes, f"/{guess}"), Button(no, no), *question.buttons))


def affirmed(understanding: Understanding, state: State) -> Understanding:
    """What a message means: the intent that was to be affirmed, where it says yes to that."""
    if state.form != TWO_STAGE or state.requested is None or says_yes_or_no(understanding.text) != "affirm":
        return understanding
    return replace(understanding, intents=(Intent(state.requested, 1.0),), in_scope=1.0)
