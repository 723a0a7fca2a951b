"""The tracker of a call: the conversation as rasa-sdk's ``Tracker.from_dict`` reads it. Pure.

What was said and done is told of the last few turns, as far as the state remembers them.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.dialogue.project import LISTEN, REQUESTED, Domain
from bot.dialogue.trail import ANSWER
from bot.dialogue.vouching import VOUCHED
from bot.records import Conversation, Entity, Event, Exchange, State, Understanding

IDENTITY = "identity"
"""Where a client puts the token by which the shop's site says who writes."""


def tracker(
    action: str,
    conversation: Conversation,
    understanding: Understanding,
    domain: Domain,
    candidates: Mapping[str, Any],
    ordinal: int,
    vouched: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The tracker that ``action`` is called with; ``candidates`` stand at its end as rasa-sdk's forms look for them.

    ``vouched`` is what the message's metadata says of whom the channel vouches for.
    """
    state = conversation.state
    message = _message(action, conversation, understanding, ordinal, vouched)
    actions = [event.name for event in state.trail if event.kind == "action" and event.name != ANSWER]
    at = conversation.mail[-1].received_at.timestamp()
    events = list(_events(state, message, conversation.mail[-1].channel, at))
    if candidates:
        events.append({"event": "action", "timestamp": at, "name": state.form, "policy": None, "confidence": 1.0})
        events += [{"event": "slot", "timestamp": at, "name": n, "value": v} for n, v in candidates.items()]
    elif events and events[-1]["event"] == "slot":
        events.append({"event": "action", "timestamp": at, "name": state.form or LISTEN, "policy": None})
    return {
        "sender_id": conversation.id,
        "slots": {
            **dict.fromkeys(domain.slots),
            **state.slots,
            "language": state.language,
            REQUESTED: state.requested,
        },
        "latest_message": message,
        "latest_event_time": at,
        "followup_action": None,
        "paused": False,
        "events": events,
        "latest_input_channel": conversation.mail[-1].channel,
        "active_loop": {"name": state.form} if state.form else {},
        "latest_action_name": actions[-1] if actions else LISTEN,
    }


def _message(
    action: str,
    conversation: Conversation,
    understanding: Understanding,
    ordinal: int,
    vouched: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The message in words that Rasa has for it, with the keys by which an action happens once."""
    ranking = [{"name": intent.name, "confidence": intent.confidence} for intent in understanding.intents]
    metadata: dict[str, Any] = {}
    for mail in conversation.mail:
        metadata |= mail.metadata
    # A proof is for the message that it came with: another one of the burst may be somebody else's.
    if any(mail.metadata.get(IDENTITY) != metadata.get(IDENTITY) for mail in conversation.mail):
        metadata.pop(IDENTITY, None)
    metadata.pop(VOUCHED, None)
    if vouched is not None:
        metadata[VOUCHED] = dict(vouched)
    key = f"{conversation.turn}:{action}:{ordinal}"
    return {
        "text": understanding.text,
        "intent": ranking[0] if ranking else {"name": None, "confidence": 0.0},
        "intent_ranking": ranking,
        "entities": [_entity(entity) for entity in understanding.entities],
        "message_id": conversation.mail[-1].id,
        "metadata": {**metadata, "turn": conversation.turn, "key": key},
    }


def _entity(entity: Entity) -> dict[str, Any]:
    told = {"entity": entity.name, "value": entity.value, "start": entity.start, "end": entity.end}
    more = {"role": entity.role, "group": entity.group}
    return {**told, "extractor": entity.extractor, **{name: value for name, value in more.items() if value}}


def _events(state: State, message: Mapping[str, Any], channel: str, at: float) -> Iterator[dict[str, Any]]:
    """Past turns, then this one. Words and deeds are remembered apart, and paired from the last turn on."""
    turns = _turns(state.trail)
    past, current = turns[:-1], turns[-1]
    words: Sequence[Exchange | None] = [None] * max(0, len(past) - len(state.history)) + list(
        state.history[max(0, len(state.history) - len(past)) :]
    )
    for exchange, deeds in zip(words, past, strict=True):
        yield from _turn(deeds, exchange.shopper if exchange else None, channel, at)
        if exchange and exchange.assistant:
            yield {"event": "bot", "timestamp": at, "text": exchange.assistant, "data": {}, "metadata": {}}
        yield {"event": "action", "timestamp": at, "name": LISTEN, "policy": None, "confidence": 1.0}
    yield from _turn(current, None, channel, at, message)


def _turns(trail: Sequence[Event]) -> list[list[Event]]:
    turns: list[list[Event]] = [[]]
    for event in trail:
        if event == Event("action", LISTEN):
            turns.append([])
        else:
            turns[-1].append(event)
    return turns


def _turn(
    deeds: Sequence[Event], text: str | None, channel: str, at: float, message: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    for kind, name, value in deeds:
        match kind:
            case "user":
                parsed = message or {
                    "text": text or "",
                    "intent": {"name": name, "confidence": 1.0},
                    "entities": [{"entity": entity, "value": found} for entity, found in (value or {}).items()],
                }
                yield {
                    "event": "user",
                    "timestamp": at,
                    "text": parsed["text"],
                    "parse_data": dict(parsed),
                    "input_channel": channel,
                    "metadata": parsed.get("metadata", {}),
                }
            case "action":
                yield {"event": "action", "timestamp": at, "name": name, "policy": None, "confidence": 1.0}
            case "slot":
                yield {"event": "slot", "timestamp": at, "name": name, "value": value}
            case "loop":
                yield {"event": "active_loop", "timestamp": at, "name": name or None}
            case _:
                yield {"event": "action_execution_rejected", "timestamp": at, "name": name}
