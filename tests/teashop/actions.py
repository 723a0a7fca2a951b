"""The actions of the tea house, as anybody would write them for Rasa: nothing here knows of Kefu."""

from datetime import UTC, datetime
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import AllSlotsReset, FollowupAction, ReminderScheduled, SlotSet
from rasa_sdk.executor import CollectingDispatcher

Domain = dict[str, Any]
BOOKED: dict[str, str] = {}
"""Every booking that was made, by its key: a call that comes again books nothing."""


class ValidateBookingForm(FormValidationAction):
    def name(self) -> str:
        return "validate_booking_form"

    async def required_slots(
        self, domain_slots: list[str], dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> list[str]:
        """A birthday needs a cake, which the domain does not know of."""
        if not tracker.get_slot("birthday"):
            return domain_slots
        return [*domain_slots[:-1], "cake", domain_slots[-1]]

    def validate_guests(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> dict[str, Any]:
        if float(value) == 13:
            return {"guests": None, "requested_slot": None}
        if float(value) > 12:
            dispatcher.utter_message(text="We have twelve chairs.")
            return {"guests": None}
        return {"guests": float(value)}

    def validate_wishes(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain
    ) -> dict[str, Any]:
        return {"wishes": value, "birthday": "birthday" in value}


class ActionAskTea(Action):
    def name(self) -> str:
        return "action_ask_tea"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Any]:
        teas = [{"title": tea.title(), "payload": f'/inform{{"tea": "{tea}"}}'} for tea in ("green", "black")]
        dispatcher.utter_message(text="Which tea shall we prepare?", buttons=teas)
        return []


class ActionBook(Action):
    def name(self) -> str:
        return "action_book"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Any]:
        key = tracker.latest_message["metadata"]["key"]
        receipt = BOOKED.setdefault(key, f"B{len(BOOKED) + 1}")
        said = [event["text"] for event in tracker.events if event["event"] == "user"]
        dispatcher.utter_message(text=f"Booked after {len(said)} messages.", json_message={"receipt": {"id": receipt}})
        return [SlotSet("ordered", [tracker.get_slot("tea")]), ReminderScheduled("chitchat", datetime.now(UTC))]


class ActionForget(Action):
    def name(self) -> str:
        return "action_forget"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Any]:
        return [AllSlotsReset(), SlotSet("vip", True), FollowupAction("utter_goodbye")]


class ActionExtractVip(Action):
    def name(self) -> str:
        return "action_extract_vip"

    def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Domain) -> list[Any]:
        return [SlotSet("vip", True)] if "vip" in (tracker.latest_message.get("text") or "").lower() else []
