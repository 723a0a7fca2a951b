"""Rasa's HTTP API: trackers, parsing, and what programs put into a conversation. Off unless somebody may use it.

Protocol: https://rasa.com/docs/rasa/pages/http-api; what is different here stands in docs/rasa-clients.md.
"""

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import yaml
from aiohttp import web

from bot.channels.edge import Edge
from bot.channels.engine import Dialogue
from bot.channels.rasa_access import Access, Caller, ErrorResponse, bad_request, explained
from bot.channels.rasa_events import FLOORS, Event, applied, read_events, read_parse_data, utterance_of, with_slots
from bot.channels.rasa_requests import read_flag, read_json, read_object, read_values, read_verbosity
from bot.channels.rasa_retries import Retries
from bot.channels.rasa_trackers import KEY, Trackers
from bot.channels.sessions import vouched_in
from bot.channels.tracker import action_executed, bot_uttered, parse_data
from bot.conversations import Conversations
from bot.conversations.edits import Edit
from bot.errors import KefuError
from bot.grounding.shown import presentable
from bot.records import (
    Conversation,
    ConversationId,
    Floor,
    LogId,
    Message,
    MessageId,
    State,
    Utterance,
    Vouched,
)
from bot.settings import Settings

_log = logging.getLogger(__name__)

Answer = Callable[[Message], Awaitable[list[dict[str, Any]]]]
"""Accept a message and give the replies of the turn it opens."""

Handler = Callable[[web.Request, Caller], Awaitable[web.Response]]


class RasaApi:
    """The routes, behind `Access`."""

    def __init__(
        self, conversations: Conversations, edge: Edge, settings: Settings, dialogue: Dialogue, answer: Answer
    ) -> None:
        """Prepare.

        Raises:
            SettingError: the token or the secret is too short.
        """
        self._conversations = conversations
        self._edge = edge
        self._dialogue = dialogue
        self._answer = answer
        self._longest = settings.max_characters
        self._access = Access.read(settings)
        self._trackers = Trackers(conversations, dialogue)
        self._retries = Retries()

    def routes(self) -> list[web.RouteDef]:
        """Where programs ask; nowhere where nobody may."""
        if self._access is None:
            return []
        talk = "/conversations/{conversation:.+}"
        return [
            web.get("/status", self._open(self._status)),
            web.get("/domain", self._open(self._domain)),
            web.post("/model/parse", self._open(self._parse)),
            web.get(f"{talk}/tracker", self._open(self._show, users=True)),
            web.post(f"{talk}/tracker/events", self._open(self._append)),
            web.post(f"{talk}/messages", self._open(self._note, users=True)),
            web.post(f"{talk}/execute", self._open(self._execute)),
            web.post(f"{talk}/trigger_intent", self._open(self._trigger, users=True)),
        ]

    def _open(self, handler: Handler, *, users: bool = False) -> Callable[[web.Request], Awaitable[web.Response]]:
        """``handler`` behind the token; with ``users``, also for the shopper whose conversation it is about.

        What appends events or runs actions is no shopper's: a slot may say who they are.
        """

        async def handle(request: web.Request) -> web.Response:
            try:
                assert self._access is not None, "without it there are no routes"
                caller = self._access.admit(request, request.match_info.get("conversation"), users=users)
                return await handler(request, caller)
            except ErrorResponse as exc:
                return exc.response()
            except web.HTTPRequestEntityTooLarge as exc:
                return ErrorResponse(413, "TooLarge", exc.text or exc.reason).response()
            except KefuError as exc:
                told = explained(exc)
                if told.status == 500:
                    _log.error("%s %a failed.", request.method, request.path, exc_info=exc)
                return told

        return handle

    # ── The assistant ─────────────────────────────────────────────────────────────────────────────

    async def _status(self, request: web.Request, caller: Caller) -> web.Response:
        """Say which model answers: here, what the dialogue was written as."""
        return web.json_response(
            {
                "model_file": "domain.yml",
                "model_id": self._trackers.fingerprint,
                "num_active_training_jobs": 0,
            }
        )

    async def _domain(self, request: web.Request, caller: Caller) -> web.Response:
        accept = request.headers.get("Accept", "application/json")
        if accept.endswith(("json", "*/*")):
            return web.json_response(dict(self._dialogue.domain))
        if accept.endswith(("yml", "yaml")):
            text = yaml.safe_dump(dict(self._dialogue.domain), allow_unicode=True, sort_keys=False)
            return web.Response(text=text, content_type="application/x-yaml")
        raise ErrorResponse(
            406, "NotAcceptable", "Accept has to be application/json or application/x-yaml for the domain."
        )

    async def _parse(self, request: web.Request, caller: Caller) -> web.Response:
        body = await read_object(request, 'Add the text message to the body, as {"text": …}.')
        if "emulation_mode" in request.query:
            raise bad_request("emulation_mode: no other service is emulated here.", "emulation_mode", "query")
        text = self._text(body)
        understood = await self._dialogue.understand(text, State())
        return web.json_response(parse_data(text, understood))

    # ── Conversations ─────────────────────────────────────────────────────────────────────────────

    async def _show(self, request: web.Request, caller: Caller) -> web.Response:
        if "until" in request.query:
            raise bad_request("until: a tracker can be had as it is now only.", "until", "query")
        conversation = await self._trackers.find(request.match_info["conversation"])
        return await self._tracker(request, conversation)

    async def _append(self, request: web.Request, caller: Caller) -> web.Response:
        read_verbosity(request)  # A wrong one shows before anything is done.
        events = read_events(await read_json(request, "Give the events to append in the body."))
        said = [e for e in events if e["event"] == "bot"] if read_flag(request, "execute_side_effects") else []
        utterances = [presentable(utterance_of(event)) for event in said]
        kept = [event for event in events if event not in said and event["event"] not in FLOORS]
        domain = self._dialogue.domain

        def change(conversation: Conversation) -> Edit:
            if utterances and conversation.floor is Floor.AGENT:
                raise _taken()
            state = applied(conversation.state, events, domain.get("slots") or {}, domain.get("forms") or {})
            return Edit(state, kept, utterances=utterances)

        conversation = await self._trackers.find(request.match_info["conversation"])
        await self._trackers.edit(conversation, change)
        floors = [event["event"] for event in events if event["event"] in FLOORS]
        if floors:
            await self._conversations.take_floor(
                conversation, Floor.AGENT if floors[-1] == "pause" else Floor.ASSISTANT
            )
        return await self._tracker(request, conversation)

    async def _note(self, request: web.Request, caller: Caller) -> web.Response:
        """Keep a shopper's message in the tracker and fill slots with it; as in Rasa, nobody answers it.

        What it means a program may say, and no shopper: these can do here what they can by typing, and no more.
        """
        read_verbosity(request)  # A wrong one shows before anything is done.
        body = await read_object(request, 'Add the message to the body, as {"text": …, "sender": "user"}.')
        if body.get("sender") != "user":
            told = f"Only messages of the user can be passed here, not of {body.get('sender')!r:.60}."
            raise bad_request(told, "sender")
        text = self._text(body)
        given = body.get("parse_data")
        if given is not None and caller.user is not None:
            told = "parse_data: what a shopper's words mean is read here; a token of the role user cannot say it."
            raise ErrorResponse(403, "NotAuthorized", told, {"parameter": "parse_data", "in": "body"})
        conversation = await self._trackers.find(request.match_info["conversation"])
        if caller.user is not None:
            await self._edge.limits.admit(conversation, self._edge.guard.address(request))
        understood = await self._dialogue.understand(text, State()) if given is None else read_parse_data(text, given)
        event = {
            "event": "user",
            "text": text,
            "parse_data": parse_data(text, understood) if given is None else given,
            "input_channel": conversation.partition(":")[0],
            "message_id": uuid.uuid4().hex,
            "metadata": {},
        }

        def change(before: Conversation) -> Edit:
            return Edit(self._dialogue.fill(before.state, replace(understood, language=before.state.language)), [event])

        await self._trackers.edit(conversation, change)
        return await self._tracker(request, conversation)

    async def _execute(self, request: web.Request, caller: Caller) -> web.Response:
        """Run an action, once for a request and all that repeat it without an answer."""
        read_verbosity(request)  # A wrong one shows before anything is done.
        body = await read_object(request, "Name of the action not provided in request body.")
        action = body.get("name")
        if not isinstance(action, str) or not action:
            raise bad_request("Name of the action not provided in request body.", "name")
        if action not in self._dialogue.actions:
            raise ErrorResponse(404, "NotFound", f"The action {action!r:.60} does not exist in the domain.")
        found = await self._trackers.load(await self._trackers.find(request.match_info["conversation"]))
        if found is None:
            raise ErrorResponse(404, "Not found", "Conversation ID not found.")
        speaks = request.query.get("output_channel") in ("latest", found.id.partition(":")[0])
        with self._retries.named(request, found.id, found.version, body) as key:
            said = await self._trackers.ran(found.id, key)
            if said is None:
                said = await self._run(action, found, key, speaks=speaks)
            messages = self._trackers.messages(found.id, said)
            return await self._tracker(request, found.id, messages)

    async def _run(self, action: str, found: Conversation, key: str, *, speaks: bool) -> tuple[Utterance, ...]:
        """Run an action under ``key`` and write down what it did: what it says, and the shopper hears where it
        ``speaks``."""
        if found.floor is Floor.AGENT:
            raise _taken()
        result = await self._dialogue.execute(action, replace(found, mail=(_stand_in(found, f"execute-{key}"),)))
        utterances = tuple(map(presentable, result.utterances))
        events = [action_executed(action) | {"metadata": {KEY: key}}]
        events += [{"event": "slot", "name": slot, "value": value} for slot, value in result.slots.items()]
        silent = [_untimed(bot_uttered(said, 0.0)) for said in utterances]

        def change(conversation: Conversation) -> Edit:
            # The action server may set any slot, the domain's or not.
            state = with_slots(conversation.state, result.slots, {*conversation.state.slots, *result.slots})
            # What was done is kept in any case; where a person came meanwhile, nothing of it is said.
            if speaks and conversation.floor is not Floor.AGENT:
                return Edit(state, events, result.receipt, utterances)
            return Edit(state, [*events, *silent], result.receipt)

        await self._trackers.edit(found.id, change, key)
        return utterances

    async def _trigger(self, request: web.Request, caller: Caller) -> web.Response:
        """Have the assistant answer an intent, as if a button with it was pressed; the shopper sees the answer too."""
        read_verbosity(request)  # A wrong one shows before anything is done.
        body = await read_object(request, "Name of the intent not provided in request body.")
        intent, entities = body.get("name"), body.get("entities") or {}
        if not isinstance(intent, str) or not intent:
            raise bad_request("Name of the intent not provided in request body.", "name")
        if intent not in self._dialogue.intents:
            raise ErrorResponse(404, "NotFound", f"The intent {intent!r:.60} does not exist in the domain.")
        values = read_values(entities)
        conversation = await self._trackers.find(request.match_info["conversation"])
        self._edge.load.check()
        if caller.user is not None:
            await self._edge.limits.admit(conversation, self._edge.guard.address(request))
        found = await self._trackers.load(conversation)
        with self._retries.named(request, conversation, found.version if found else 0, body) as key:
            message = Message(
                id=MessageId(f"trigger-{key}"),
                conversation=conversation,
                channel=conversation.partition(":")[0],
                sender=conversation.partition(":")[2],
                text=f"/{intent}{json.dumps(values, ensure_ascii=False) if values else ''}",
                received_at=datetime.now(UTC),
                metadata={"is_external": True},
                vouched=Vouched("program") if caller.user is None else vouched_in(conversation),
            )
            try:
                messages = await self._answer(message)
            except TimeoutError as exc:
                told = "The turn is still being made; its reply will be in the tracker."
                raise ErrorResponse(504, "Timeout", told) from exc
            return await self._tracker(request, conversation, messages)

    async def _tracker(
        self, request: web.Request, conversation: ConversationId, messages: Sequence[Mapping[str, Any]] | None = None
    ) -> web.Response:
        """The tracker as it is now, under the name that it was asked for by; with ``messages``, an answer of both."""
        name = request.match_info["conversation"]
        found = await self._trackers.read(name, conversation, read_verbosity(request))
        return web.json_response(found if messages is None else {"tracker": found, "messages": list(messages)})

    def _text(self, body: Mapping[str, Any]) -> str:
        text = body.get("text")
        if not isinstance(text, str) or not 0 < len(text) <= self._longest:
            raise bad_request(f"text: has to be a string of 1 to {self._longest} characters.", "text")
        return text


def _stand_in(conversation: Conversation, turn: str) -> Message:
    """Mail for an action that no message asked for; it names the turn, which is the action's key."""
    return Message(
        id=MessageId(turn),
        conversation=ConversationId(conversation.id),
        channel=conversation.id.partition(":")[0],
        sender=conversation.id.partition(":")[2],
        text="",
        received_at=datetime.now(UTC),
        log_id=LogId(turn),
        vouched=Vouched("program"),
    )


def _taken() -> ErrorResponse:
    return ErrorResponse(409, "Conflict", "A person has this conversation; the assistant must not speak in it.")


def _untimed(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != "timestamp"}
