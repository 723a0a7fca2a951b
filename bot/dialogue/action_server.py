"""The client of a Rasa action server: its `/webhook`, as rasa-sdk and Rasa's docs define it.

Protocol: https://rasa.com/docs/rasa/pages/action-server-api
"""

from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.dialogue.domain import Domain
from bot.errors import ActionUnavailable
from bot.records import ActionResult, Button, Conversation, Receipt, Understanding, Utterance

PROTOCOL = "3.21.0"
"""The rasa-sdk whose protocol this speaks; action servers only warn of another one."""


class ActionServer:
    """Calls actions over HTTP; implements `ports.Actions`."""

    def __init__(self, session: aiohttp.ClientSession, url: str, domain: Domain, timeout: float) -> None:
        self._session = session
        self._url = url
        self._domain = domain
        self._timeout = aiohttp.ClientTimeout(total=timeout)

    async def run(self, action: str, conversation: Conversation, understanding: Understanding) -> ActionResult:
        """Run ``action`` with the slots of the conversation's state.

        The turn's id goes along as ``metadata.turn``: the key by which an action happens once.

        Raises:
            ActionUnavailable: no answer in time, an error, or an answer outside the protocol.
        """
        call = {
            "next_action": action,
            "sender_id": conversation.id,
            "tracker": _tracker(conversation, understanding),
            "domain": dict(self._domain.source),
            "version": PROTOCOL,
        }
        try:
            async with self._session.post(self._url, json=call, timeout=self._timeout) as response:
                if response.status != 200:
                    raise ActionUnavailable(f"{action}: the action server answered {response.status}.")
                body = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            raise ActionUnavailable(f"{action}: the action server at {self._url} does not answer ({exc}).") from exc
        return self._read(action, body, conversation, understanding)

    def _read(self, action: str, body: Any, conversation: Conversation, understanding: Understanding) -> ActionResult:
        try:
            slots = {e["name"]: _text(e.get("value")) for e in body["events"] if e.get("event") == "slot"}
            known = {k: v for k, v in {**conversation.state.slots, **slots}.items() if v is not None}
            said = tuple(
                self._utterance(row, known, understanding.language, conversation.turn) for row in body["responses"]
            )
        except (AttributeError, KeyError, TypeError) as exc:
            raise ActionUnavailable(f"{action}: the action server's answer is outside its protocol ({exc!r}).") from exc
        receipt = next((u.custom["receipt"] for u in said if u.custom and "receipt" in u.custom), None)
        return ActionResult(
            utterances=tuple(u for u in said if u.text or u.image or u.buttons),
            slots=slots,
            receipt=Receipt(str(receipt["id"]), action, str(receipt.get("summary", ""))) if receipt else None,
        )

    def _utterance(self, row: Mapping[str, Any], slots: Mapping[str, str], language: str, seed: str) -> Utterance:
        named = row.get("response") or row.get("template")
        if named:
            return self._domain.respond(named, language, {**slots, **_words(row)}, seed)
        buttons = tuple(Button(str(b["title"]), str(b["payload"])) for b in row.get("buttons") or ())
        return Utterance(str(row.get("text") or ""), buttons, row.get("image"), row.get("custom") or None)


def _words(row: Mapping[str, Any]) -> dict[str, str]:
    """Keyword arguments of a `utter_message(response=…, name=value)`, which stand beside the known fields."""
    return {name: str(value) for name, value in row.items() if isinstance(value, str | int | float)}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _tracker(conversation: Conversation, understanding: Understanding) -> dict[str, Any]:
    """The tracker as rasa-sdk's ``Tracker.from_dict`` reads it."""
    state = conversation.state
    ranking = [{"name": intent.name, "confidence": intent.confidence} for intent in understanding.intents]
    return {
        "sender_id": conversation.id,
        "slots": {**state.slots, "language": state.language, "requested_slot": state.requested},
        "latest_message": {
            "text": understanding.text,
            "intent": ranking[0] if ranking else {"name": None, "confidence": 0.0},
            "intent_ranking": ranking,
            "entities": [
                {"entity": e.name, "value": e.value, "start": e.start, "end": e.end, "extractor": e.extractor}
                for e in understanding.entities
            ],
            "metadata": {"turn": conversation.turn},
        },
        "latest_event_time": conversation.mail[-1].received_at.timestamp(),
        "followup_action": None,
        "paused": False,
        "events": [],
        "latest_input_channel": conversation.mail[-1].channel,
        "active_loop": {"name": state.form} if state.form else {},
        "latest_action_name": None,
    }
