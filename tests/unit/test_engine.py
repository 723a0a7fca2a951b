"""What Rasa's HTTP API may change of a conversation without the shopper."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from bot.assistant import Assistant
from bot.channels.engine import AssistantDialogue
from bot.dialogue.domain import read_domain
from bot.records import Entity, Intent, State, Understanding

DOMAIN = read_domain(Path(__file__).parents[2] / "knowledge")


def test_that_no_client_says_the_shoppers_yes() -> None:
    engine = AssistantDialogue(cast(Assistant, SimpleNamespace(domain=DOMAIN)))
    asked: Any = State(form="cancel_order_form", requested="confirmed")
    number = Entity("order_number", "LF-204518", 0, 9, "client")
    reading = Understanding("yes LF-204518", "en", (Intent("affirm", 1.0),), 1.0, (number,))
    slots = engine.fill(asked, reading).slots
    assert "confirmed" not in slots
    plain = Understanding("yes", "en", (Intent("affirm", 1.0),), 1.0)
    assert "confirmed" not in engine.fill(asked, plain).slots
