"""Answers `kefu doctor`, which asks whether this server can read what Kefu says of signed-in shoppers."""

from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.shop.shop import Shop
from actions.tokens import compare_keys


class ActionCheckShopKey(Action):
    """Tells whether ``KEFU_SHOP_KEY`` is the same here and in Kefu; of the key itself it tells nothing."""

    def name(self) -> str:
        """What the doctor calls it; no domain has to list it."""
        return "action_check_shop_key"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Say ``same``, ``other``, ``missing`` or ``unasked`` (`actions.tokens.Match`)."""
        metadata = (tracker.latest_message or {}).get("metadata") or {}
        dispatcher.utter_message(json_message={"shop_key": compare_keys(metadata, str(tracker.sender_id))})
        return []


def actions(_: Shop) -> list[Action]:
    """What this module serves."""
    return [ActionCheckShopKey()]
