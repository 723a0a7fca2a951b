"""A conversation with the real action server over its `/webhook`, as Rasa's form loop and Kefu's lead it.

The loop here is Rasa's own contract and no more: the form's validation action for every message, the question of the
slot that it requests, the rule's action when it requests none.
"""

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml

DOMAIN = yaml.safe_load((Path(__file__).parents[1] / "knowledge" / "domain.yml").read_text("utf-8"))

SUBMITS = {
    "cancel_order_form": "action_cancel_order",
    "change_address_form": "action_change_address",
    "change_order_form": "action_change_order",
    "return_form": "action_return_items",
    "exchange_form": "action_exchange_items",
    "order_status_form": "action_order_status",
    "list_orders_form": "action_list_orders",
    "identify_form": "action_identify",
}

_NAMES = itertools.count(1)


@dataclass
class Heard:
    """What one message led to."""

    texts: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    receipt: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(self.texts)


class Talk:
    """One shopper's conversation."""

    def __init__(self, session: aiohttp.ClientSession, url: str, form: str = "", language: str = "en") -> None:
        self.session = session
        self.url = url
        self.form = form
        self.slots: dict[str, Any] = dict.fromkeys(DOMAIN["slots"]) | {"language": language, "requested_slot": None}
        self.name = f"test:{next(_NAMES)}"
        self.turn = 0
        self.metadata: dict[str, Any] = {}
        self.submitting = True
        self.entities: list[dict[str, str]] = []

    def tracker(self, text: str, intent: str = "") -> dict[str, Any]:
        return {
            "sender_id": self.name,
            "slots": dict(self.slots),
            "latest_message": {
                "text": text,
                "intent": {"name": intent, "confidence": 1.0},
                "entities": self.entities,
                "metadata": {"turn": f"{self.turn}-0", **self.metadata},
            },
            "latest_event_time": 0.0,
            "followup_action": None,
            "paused": False,
            "events": [{"event": "user", "text": text}],
            "latest_input_channel": "rest",
            "active_loop": {"name": self.form} if self.form else {},
            "latest_action_name": None,
        }

    async def call(self, action: str, text: str, intent: str = "") -> dict[str, Any]:
        body = {
            "next_action": action,
            "sender_id": self.name,
            "tracker": self.tracker(text, intent),
            "domain": DOMAIN,
            "version": "3.21.0",
        }
        async with self.session.post(self.url, json=body) as response:
            answer = dict(await response.json())
            assert response.status == 200, answer["error"]
            return answer

    def take(self, answer: dict[str, Any], heard: Heard) -> None:
        for event in answer["events"]:
            heard.events.append(event)
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
        for said in answer["responses"]:
            custom = said.get("custom") or {}
            heard.texts += [said["text"]] if said.get("text") else []
            heard.options = custom.get("options", heard.options)
            if "receipt" in custom:
                heard.receipt = custom["receipt"]["id"]

    async def say(self, text: str, intent: str = "") -> Heard:
        """One message of the shopper, through the form."""
        self.turn += 1
        heard = Heard()
        self.take(await self.call(f"validate_{self.form}", text, intent), heard)
        if any(event["event"] == "followup" for event in heard.events):
            return heard
        if requested := self.slots["requested_slot"]:
            self.take(await self.call(f"action_ask_{self.form}_{requested}", text, intent), heard)
        elif self.submitting:
            self.take(await self.call(SUBMITS[self.form], text, intent), heard)
        return heard
