"""The client of a Rasa action server: its `/webhook`, as rasa-sdk and Rasa's docs define it.

Protocol: https://rasa.com/docs/rasa/pages/action-server-api
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import msgspec

from bot.dialogue.project import Domain
from bot.dialogue.tracker import tracker
from bot.dialogue.vouching import told
from bot.errors import ActionUnavailable, KnowledgeError
from bot.ports import NONE
from bot.records import ActionResult, Button, Conversation, Receipt, Understanding, Utterance

PROTOCOL = "3.21.0"
"""The rasa-sdk whose protocol this speaks; action servers only warn of another one."""

_A_LOOK = aiohttp.ClientTimeout(total=1)

_Word = str | int | float


class _Event(msgspec.Struct):
    """An event of the tracker (https://rasa.com/docs/rasa/action-server/sdk-events)."""

    event: str
    name: str | None = None
    value: Any = None


class _Button(msgspec.Struct):
    title: _Word
    payload: _Word | None = None


class _Said(msgspec.Struct):
    """One `utter_message`, as rasa-sdk writes it: everything that was not given is null or empty."""

    text: _Word | None = None
    buttons: list[_Button] | None = None
    image: str | None = None
    attachment: Any = None
    custom: Any = None
    response: str | None = None
    template: str | None = None


class _Answer(msgspec.Struct):
    events: list[_Event]
    responses: list[_Said]


class _Receipt(msgspec.Struct):
    """What an action puts under ``receipt`` of a custom message, as proof that something happened."""

    id: str | int
    summary: str = ""


class ActionServer:
    """Calls actions over HTTP; implements `ports.Actions`."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, domain: Domain, timeout: float, shop_key: str | None = None
    ) -> None:
        """A call takes ``timeout`` seconds at most; ``shop_key`` proves to the server whom a channel vouches for."""
        self._session = session
        self._shop_key = shop_key
        self._url = url
        self._domain = domain
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def run(
        self,
        action: str,
        conversation: Conversation,
        understanding: Understanding,
        *,
        candidates: Mapping[str, Any] = NONE,
        ordinal: int = 0,
    ) -> ActionResult:
        """Run ``action`` with the slots of the conversation's state.

        The turn's id goes along as ``latest_message.metadata.turn``; and, made of it, the action's name and the
        ``ordinal``, as ``metadata.key``, the key by which this call happens once. ``metadata.vouched`` tells whom the
        channel vouches for.

        Raises:
            ActionUnavailable: no answer in time, an error, or an answer outside the protocol.
        """
        words = {mail.vouched for mail in conversation.mail}
        word = words.pop() if len(words) == 1 else None  # Nobody is vouched for whose words are not all their own.
        vouched = told(word, conversation.id, self._shop_key) if word else None
        call = {
            "next_action": action,
            "sender_id": conversation.id,
            "tracker": tracker(action, conversation, understanding, self._domain, candidates, ordinal, vouched),
            "domain": dict(self._domain.source),
            "version": PROTOCOL,
        }
        try:
            async with self._session.post(self._url, json=call, timeout=self._timeout) as response:
                if response.status != 200:
                    raise ActionUnavailable(f"{action}: the action server answered {response.status}.")
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise ActionUnavailable(f"{action}: the action server at {self._url} does not answer ({exc}).") from exc
        try:
            return self._read(action, body, conversation, understanding)
        # A nesting too deep to read is a RecursionError.
        except (ValueError, RecursionError, KnowledgeError) as exc:
            raise ActionUnavailable(f"{action}: the action server's answer is outside its protocol: {exc}") from exc

    async def answers(self) -> bool:
        """Whether the server answers now; a look at its health, no action."""
        try:
            health = self._url.removesuffix("/webhook") + "/health"
            async with self._session.get(health, timeout=_A_LOOK) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _read(self, action: str, body: bytes, conversation: Conversation, understanding: Understanding) -> ActionResult:
        rows = msgspec.json.decode(body)
        answer = msgspec.convert(rows, _Answer)
        done = _happened(answer.events)
        known = {k: v for k, v in {**conversation.state.slots, **done.slots}.items() if v is not None}
        utterances, receipts = [], []
        for said, row in zip(answer.responses, rows["responses"], strict=True):
            custom = _custom(said.custom)
            if "receipt" in custom:
                receipts.append(msgspec.convert(custom.pop("receipt"), _Receipt))
            words = {**known, **_words(row)}
            utterances.append(self._utterance(said, words, custom, conversation))
        receipt = Receipt(str(receipts[0].id), action, receipts[0].summary) if receipts else None
        return replace(done, utterances=tuple(u for u in utterances if u != Utterance()), receipt=receipt)

    def _utterance(
        self, said: _Said, words: Mapping[str, Any], custom: Mapping[str, Any], conversation: Conversation
    ) -> Utterance:
        """As in Rasa, what stands beside a named response goes out with it."""
        named = said.response or said.template
        language, channel = conversation.state.language, conversation.mail[-1].channel
        response = self._domain.respond(named, language, words, conversation.turn, channel) if named else Utterance()
        pairs = ((b.title, b.title if b.payload is None else b.payload) for b in said.buttons or ())
        buttons = tuple(Button(str(title), str(payload)) for title, payload in pairs)
        return Utterance(
            text=response.text if said.text in (None, "") else str(said.text),
            buttons=response.buttons + buttons,
            image=said.image or response.image,
            custom=custom or response.custom,
            attachment=said.attachment or response.attachment,
        )


def _happened(events: Sequence[_Event]) -> ActionResult:
    """What the events of an answer change, in their order: what comes later holds."""
    done = ActionResult()
    for event in events:
        match event.event:
            case "slot":
                done = replace(done, slots={**done.slots, _name(event): event.value})
            case "reset_slots":
                done = replace(done, forgets=True, slots={})
            case "active_loop" | "form":
                done = replace(done, loop=event.name or "")
            case "followup":
                done = replace(done, followup=_name(event))
            case "action_execution_rejected":
                done = replace(done, rejects=True)
            case "restart":
                done = replace(done, restarts=True)
            case "pause":
                done = replace(done, pauses=True)
            case "session_started" | "resume" | "user" | "bot" | "action":
                pass
            case other:
                done = replace(done, notes=(*done.notes, f"the event {other!r} of the action server has no effect"))
    return done


def _custom(value: Any) -> dict[str, Any]:
    """A custom message as the object that a log entry holds, empty when there is none."""
    if isinstance(value, dict):
        return dict(value)
    return {"custom": value} if value else {}


def _name(event: _Event) -> str:
    if event.name is None:
        raise ValueError(f"an event {event.event!r} has no name")
    return event.name


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """Keyword arguments of a `utter_message(response=…, name=value)`, which stand beside the known fields."""
    return {name: str(value) for name, value in row.items() if isinstance(value, str | int | float)}
