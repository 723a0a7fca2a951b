"""What lies in the mail of a turn: words, buttons pressed, files, a call for a person. Pure.

A button's payload may be Rasa's, ``/intent{"entity": "value"}``: then no recognizer has to guess what was meant
(https://rasa.com/docs/rasa/responses#buttons).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.dialogue.forms import begun_anew
from bot.dialogue.project import Domain
from bot.records import Conversation, Entity, Intent, Message, State, Understanding

_PAYLOAD = re.compile(r"/(?P<intent>[^\s/{}@]{1,100})(?:@[\d.]{1,10})?\s*(?P<values>\{.{0,2000}\})?", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:[-_]\w{2,10}){0,3}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Payload:
    """An intent that a button named, with the values it brought."""

    intent: str
    values: Mapping[str, str]
    shown: str
    """What the shopper pressed, in words."""

    def understood(self, state: State, domain: Domain) -> Understanding:
        """What it means, for certain; each value is called by its entity, as in Rasa, or by the slot it is for."""
        entities = (Entity(_entity(name, domain), value, 0, 0, "payload") for name, value in self.values.items())
        return Understanding(self.shown, state.language, (Intent(self.intent, 1.0),), 1.0, tuple(entities))


def _entity(name: str, domain: Domain) -> str:
    """The entity that fills the slot ``name``; the name itself where no slot, or an entity, is called so."""
    if name in domain.entities or name not in domain.slots:
        return name
    return next((m.entity for m in domain.slots[name].mappings if m.entity is not None), name)


@dataclass(frozen=True, slots=True)
class Mail:
    """A burst of messages, as one turn reads it."""

    text: str
    """What was written; of a button, its words."""
    payload: Payload | None
    """What was pressed last, where nothing was written beside it."""
    has_files: bool
    wants_human: bool


def read_mail(messages: Sequence[Message], domain: Domain) -> Mail:
    """Read a burst. The line of a "talk to a person" button is a call, and no question."""
    asking = [message for message in messages if message.text.strip() and not message.wants_human]
    payloads = [read_payload(message, domain) for message in asking]
    words = (payload.shown if payload else message.text for message, payload in zip(asking, payloads, strict=True))
    return Mail(
        text=one_blank("\n".join(words)),
        payload=payloads[-1] if payloads and all(payloads) else None,
        has_files=any(message.files for message in messages),
        wants_human=any(message.wants_human for message in messages),
    )


def one_blank(text: str) -> str:
    """The text with one blank, or one line's end, in place of several: nothing that reads it need fear thousands."""
    return _BLANKS.sub(lambda blanks: "\n" if "\n" in blanks[0] else " ", text).strip()


def read_payload(message: Message, domain: Domain) -> Payload | None:
    """The intent that a message names as a button does; None for words, and for what this domain does not know."""
    found = _PAYLOAD.fullmatch(message.text.strip())
    if found is None or found["intent"] not in domain.intents:
        return None
    try:
        values = json.loads(found["values"] or "{}")
    except (ValueError, RecursionError):
        return None
    plain = {name: str(value) for name, value in values.items() if isinstance(value, str | int | float)}
    return Payload(found["intent"], plain, (message.shown or "").strip() or found["intent"].replace("_", " "))


def opened(conversation: Conversation) -> State:
    """The state that a turn begins with; a new conversation is in the language that its channel names, if it does."""
    if conversation.version > 0:
        return conversation.state
    named = (_LANGUAGE.fullmatch(str(message.metadata.get("language", ""))) for message in conversation.mail)
    language = next((found[1].lower() for found in named if found), conversation.state.language)
    return (
        conversation.state
        if language == conversation.state.language
        else replace(conversation.state, language=language)
    )


def session(state: State, conversation: Conversation, domain: Domain) -> tuple[State, bool]:
    """The state with what a session begins with, where one begins with this mail, and whether one does: the first mail
    ever, or after a longer silence than the project's sessions last."""
    at = conversation.mail[-1].received_at.timestamp()
    if conversation.version == 0 and not state.trail:
        return replace(state, slots={**domain.initial, **state.slots}, at=at), True
    over = domain.session and state.at and at - state.at > domain.session.total_seconds()
    if over:
        state = begun_anew(state, domain, keeps_slots=domain.carries_over)
    return replace(state, at=at), bool(over)
