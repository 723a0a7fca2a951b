"""What Rasa's HTTP API promises to programs: its routes, its errors, who may ask, and a tracker that rasa-sdk reads."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import yaml
from aiohttp.test_utils import make_mocked_request
from rasa_sdk import Tracker

from bot import __version__
from bot.app import check, open_channels
from bot.channels.rasa_retries import Retries
from bot.conversations import Conversations
from bot.errors import ActionUnavailable, SettingError
from bot.ports import Voice
from bot.records import (
    ActionResult,
    Answer,
    Button,
    Conversation,
    ConversationId,
    Entity,
    EntryKind,
    Floor,
    Intent,
    Receipt,
    State,
    Trace,
    Turn,
    Understanding,
    Utterance,
    Vouched,
)
from bot.settings import Settings, read_settings
from bot.worker import Handle

TOKEN = "the token of the shop's programs"
SECRET = "the secret that signs the tokens of Rasa's API"
DOMAIN = {
    "version": "3.1",
    "intents": ["greet", {"order": {"use_entities": True}}],
    "entities": ["number"],
    "slots": {"order_number": {"type": "text", "mappings": [{"type": "from_entity", "entity": "number"}]}},
    "forms": {"order_form": {"required_slots": ["order_number"]}},
    "responses": {"utter_greet": [{"text": "Hello."}]},
    "actions": ["action_order"],
}
GREET = Understanding("hi", "en", (Intent("greet", 0.9), Intent("order", 0.1)), 0.95)
ORDER = Understanding("LF-1", "en", (Intent("order", 0.8),), 0.9, (Entity("number", "LF-1", 0, 4, "regex"),))


class Words:
    """A dialogue of a few words, as `bot.channels.engine.Dialogue`."""

    domain: Mapping[str, Any] = DOMAIN
    intents = frozenset({"greet", "order"})
    actions = frozenset({"utter_greet", "action_order", "action_broken"})

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []
        self.meanwhile: Any = None

    async def understand(self, text: str, state: State) -> Understanding:
        return replace(ORDER if "LF" in text else GREET, text=text)

    def fill(self, state: State, understanding: Understanding) -> State:
        found = {{"number": "order_number"}[e.name]: e.value for e in understanding.entities}
        return replace(state, slots={**state.slots, **found})

    async def execute(self, action: str, conversation: Conversation) -> ActionResult:
        self.ran.append((action, conversation.turn))
        if self.meanwhile:
            await self.meanwhile()
        if action == "action_broken":
            raise ActionUnavailable("http://10.0.0.7:5055 does not answer")
        if action == "utter_greet":
            return ActionResult((Utterance("Hello."),))
        said = Utterance("On its way.", (Button("Thanks", "/thank"),))
        return ActionResult((said,), {"order_number": "LF-1"}, Receipt("r1", action, "looked up"))


async def greeting(conversation: Conversation, voice: Voice) -> Turn:
    """As the assistant answers: what it understood stands in the trace."""
    trace = Trace(intents=GREET.intents, in_scope=0.95, decision=str(Answer("utter_greet")))
    texts = [f"You said {mail.text}" for mail in conversation.mail]
    return Turn(tuple(map(Utterance, texts)), replace(conversation.state, slots={"order_number": "LF-9"}), trace)


class Client:
    """A program of the shop's."""

    def __init__(self, http: aiohttp.ClientSession, words: Words) -> None:
        self.http = http
        self.words = words

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = TOKEN, bearer: str = "", **more: Any
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        query = ({"token": token} if token else {}) | more.pop("query", {})
        data = body if isinstance(body, bytes | None) else json.dumps(body)
        async with self.http.request(
            method, path, data=data, params=query, headers=headers | more.pop("headers", {})
        ) as answer:
            text = await answer.text()
            if "yaml" in answer.content_type:
                return answer.status, yaml.safe_load(text)
            return answer.status, json.loads(text)

    async def get(self, path: str, **more: Any) -> Any:
        status, body = await self.ask("GET", path, **more)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any, **more: Any) -> Any:
        status, answer = await self.ask("POST", path, body, **more)
        assert status == 200, answer
        return answer

    async def write(self, text: str, sender: str = "anna") -> None:
        async with self.http.post("/webhooks/rest/webhook", json={"sender": sender, "message": text}) as answer:
            assert answer.status == 200, await answer.text()

    async def tracker(self, name: str = "anna", **query: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/conversations/{name}/tracker", query=query)
        return found


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.load._LAG", timedelta(minutes=5))


def settings_of(tmp_path: Path, **more: Any) -> Settings:
    access = {"rasa_token": TOKEN, "rasa_jwt_secret": SECRET}
    return read_settings({"data": tmp_path, "port": 0, "stop_timeout": 2} | access | more)


@asynccontextmanager
async def serving(
    conversations: Conversations, tmp_path: Path, handle: Handle = greeting, **more: Any
) -> AsyncIterator[Client]:
    words = Words()
    settings = settings_of(tmp_path, **more)
    async with (
        open_channels(settings, conversations, handle, dialogue=words) as address,
        aiohttp.ClientSession(address) as http,
    ):
        yield Client(http, words)


@pytest.fixture
async def client(conversations: Conversations, tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(conversations, tmp_path) as client:
        yield client


def user(name: str = "anna", role: str = "user", **more: Any) -> str:
    claims = {"user": {"username": name, "role": role}, "exp": datetime.now(UTC) + timedelta(minutes=5)}
    return jwt.encode(claims | more, SECRET, "HS256")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("name") or event["event"] if event["event"] == "action" else event["event"] for event in events]


def failed(answer: tuple[int, Any], status: int, reason: str) -> dict[str, Any]:
    """The details of a refusal, which has Rasa's shape."""
    code, body = answer
    assert code == status, body
    assert body.keys() == {"version", "status", "reason", "message", "details", "help", "code"}
    assert (body["version"], body["status"], body["reason"], body["code"]) == (__version__, "failure", reason, status)
    assert body["message"]
    return dict(body["details"])


# ── Trackers ──────────────────────────────────────────────────────────────────────────────────────


async def test_that_a_tracker_is_what_rasa_sdk_reads(client: Client) -> None:
    await client.write("Hi")
    found = await client.tracker()
    tracker = Tracker.from_dict(found)  # type: ignore[no-untyped-call]
    assert tracker.sender_id == "anna"
    assert tracker.get_slot("order_number") == "LF-9"
    assert tracker.get_slot("language") == "en"
    assert tracker.get_intent_of_latest_message() == "greet"
    assert tracker.get_latest_input_channel() == "rest"
    assert tracker.latest_action_name == "action_listen"
    assert tracker.active_loop_name is None
    assert not tracker.is_paused()
    assert tracker.get_last_event_for("bot")["text"] == "You said Hi"
    assert kinds(tracker.events) == [
        "action_session_start",
        "session_started",
        "action_listen",
        "user",
        "utter_greet",
        "bot",
        "action_listen",
    ]
    times = [event["timestamp"] for event in tracker.events]
    assert times == sorted(times)
    assert found["latest_event_time"] == times[-1]
    assert tracker.current_state()["slots"] == found["slots"]


async def test_that_a_users_event_has_what_was_understood(client: Client) -> None:
    await client.write("Hi")
    [event] = [event for event in (await client.tracker())["events"] if event["event"] == "user"]
    assert event["parse_data"] == {
        "text": "Hi",
        "intent": {"name": "greet", "confidence": 0.9},
        "entities": [],
        "intent_ranking": [{"name": "greet", "confidence": 0.9}, {"name": "order", "confidence": 0.1}],
        "metadata": {},
    }
    assert (event["text"], event["input_channel"]) == ("Hi", "rest")


async def test_that_a_conversation_that_nobody_had_is_an_empty_tracker(client: Client) -> None:
    tracker = await client.tracker("nobody")
    assert (tracker["events"], tracker["sender_id"], tracker["latest_event_time"]) == ([], "nobody", None)
    assert tracker["slots"] == {"order_number": None, "language": "en", "requested_slot": None}
    Tracker.from_dict(tracker)  # type: ignore[no-untyped-call]


async def test_that_events_are_shown_as_far_as_they_are_wanted(client: Client) -> None:
    await client.write("Hi")
    await client.post("/conversations/anna/tracker/events", [{"event": "restart"}])
    await client.write("Again")
    everything = ["action_session_start", "session_started", "action_listen"]
    turn = ["user", "utter_greet", "bot", "action_listen"]
    assert kinds((await client.tracker(include_events="ALL"))["events"]) == [*everything, *turn, "restart", *turn]
    assert kinds((await client.tracker(include_events="AFTER_RESTART"))["events"]) == turn
    assert kinds((await client.tracker(include_events="applied"))["events"]) == turn
    assert kinds((await client.tracker())["events"]) == turn, "as in Rasa, the default"
    assert (await client.tracker(include_events="NONE"))["events"] is None


async def test_that_a_person_who_has_the_floor_pauses_the_tracker(client: Client, conversations: Conversations) -> None:
    await client.write("Hi")
    await conversations.take_floor(ConversationId("rest:anna"), Floor.AGENT)
    tracker = await client.tracker()
    assert tracker["paused"]
    assert kinds(tracker["events"])[-1] == "pause"
    await client.post("/conversations/anna/tracker/events", {"event": "resume"})
    assert await conversations.floor(ConversationId("rest:anna")) is Floor.ASSISTANT
    assert kinds((await client.tracker())["events"])[-1] == "resume"


async def test_that_a_conversation_of_each_channel_is_found(client: Client) -> None:
    await client.write("Hi", sender="both:ways")
    assert (await client.tracker("both:ways"))["latest_input_channel"] == "rest"
    assert kinds((await client.tracker("rest:both:ways"))["events"]) == kinds(
        (await client.tracker("both:ways"))["events"]
    )
    assert (await client.tracker("socketio:both:ways"))["events"] == []


async def test_that_a_sender_of_several_channels_has_to_be_named_in_full(client: Client) -> None:
    for channel in ("rest", "socketio"):
        await client.post(f"/conversations/{channel}:anna/messages", {"text": channel, "sender": "user"})
    for method, path, body in (
        ("GET", "tracker", None),
        ("POST", "tracker/events", {"event": "restart"}),
        ("POST", "messages", {"text": "Hi", "sender": "user"}),
        ("POST", "execute", {"name": "action_order"}),
        ("POST", "trigger_intent", {"name": "greet"}),
    ):
        for who in ({}, {"token": None, "bearer": user("anna")}):
            if who and path in ("tracker/events", "execute"):
                continue
            answer = await client.ask(method, f"/conversations/anna/{path}", body, **who)
            assert failed(answer, 409, "Conflict") == {"conversation_ids": ["rest:anna", "socketio:anna"]}
            assert "rest:anna or socketio:anna" in answer[1]["message"]
    for channel in ("rest", "socketio"):
        for who in ({}, {"token": None, "bearer": user("anna")}):
            tracker = await client.get(f"/conversations/{channel}:anna/tracker", **who)
            assert [e["text"] for e in tracker["events"] if e["event"] == "user"] == [channel]
    assert client.words.ran == []


# ── Events ────────────────────────────────────────────────────────────────────────────────────────


async def test_that_appended_events_are_in_the_tracker_and_in_the_next_turn(
    conversations: Conversations, tmp_path: Path
) -> None:
    seen: list[Mapping[str, Any]] = []

    async def look(conversation: Conversation, voice: Voice) -> Turn:
        seen.append(conversation.state.slots)
        return Turn((Utterance("Seen."),), conversation.state, Trace())

    async with serving(conversations, tmp_path, look) as client:
        events = [
            {"event": "slot", "name": "order_number", "value": "LF-7", "timestamp": 1.5},
            {"event": "active_loop", "name": "order_form"},
            {"event": "bot", "text": "Off the record.", "metadata": {"by": "crm"}},
        ]
        tracker = await client.post("/conversations/anna/tracker/events", events, query={"include_events": "ALL"})
        assert tracker["slots"]["order_number"] == "LF-7"
        assert tracker["active_loop"]["name"] == "order_form"
        assert kinds(tracker["events"]) == [
            "action_session_start",
            "session_started",
            "action_listen",
            "slot",
            "active_loop",
            "bot",
        ]
        assert tracker["events"][3] == {"event": "slot", "name": "order_number", "value": "LF-7", "timestamp": 1.5}
        await client.write("Hi")
        assert seen == [{"order_number": "LF-7"}]
        entries = await conversations.read(ConversationId("rest:anna"))
        assert [e.utterance.text for e in entries if e.kind is EntryKind.ASSISTANT and e.utterance] == ["Seen."]


async def test_that_side_effects_are_said_to_the_shopper_unless_a_person_speaks(
    client: Client, conversations: Conversations
) -> None:
    await client.write("Hi")
    said = [{"event": "bot", "text": "Your parcel is here.", "data": {"buttons": [{"title": "Ok", "payload": "/ok"}]}}]
    query = {"execute_side_effects": "true"}
    await client.post("/conversations/anna/tracker/events", said, query=query)
    last = (await conversations.read(ConversationId("rest:anna")))[-1]
    assert last.utterance == Utterance("Your parcel is here.", (Button("Ok", "/ok"),))
    await conversations.take_floor(ConversationId("rest:anna"), Floor.AGENT)
    answer = await client.ask("POST", "/conversations/anna/tracker/events", said, query=query)
    failed(answer, 409, "Conflict")


async def test_that_an_edit_makes_a_turn_under_way_anew(conversations: Conversations, tmp_path: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        begun.set()
        await go_on.wait()
        return Turn((Utterance(conversation.state.slots.get("order_number", "none")),), conversation.state, Trace())

    async with serving(conversations, tmp_path, slow) as client:
        writing = asyncio.create_task(client.write("Hi"))
        await begun.wait()
        slot = {"event": "slot", "name": "order_number", "value": "LF-7"}
        await client.post("/conversations/anna/tracker/events", slot)
        go_on.set()
        await writing
        entries = await conversations.read(ConversationId("rest:anna"))
        assert [e.utterance.text for e in entries if e.kind is EntryKind.ASSISTANT and e.utterance] == ["LF-7"]


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ([], ""),
        ([{"event": "undo"}], "event"),
        ([{"event": "reminder"}], "event"),
        ([7], "event"),
        ({"event": "slot", "name": "order_number"}, "name"),
        ({"event": "slot", "name": "no_such_slot", "value": "x"}, "name"),
        ({"event": "active_loop", "name": "no_such_form"}, "name"),
        ({"event": "slot", "name": "order_number", "value": "x", "timestamp": "now"}, "timestamp"),
        ({"event": "user", "text": 7}, "text"),
        ({"event": "user", "text": "Hi", "parse_data": []}, "parse_data"),
        ({"event": "bot", "text": "Hi", "metadata": []}, "metadata"),
        ({"event": "bot", "text": "Hi", "data": {"custom": json.loads("[" * 40 + "]" * 40)}}, ""),
        ({"event": "user", "text": "Hi", "metadata": {"vouched": {"by": "shop", "user": "anna"}}}, "metadata"),
        ({"event": "user", "text": "Hi", "parse_data": {"metadata": {"vouched": {}}}}, "metadata"),
        (b"{", ""),
        (b"", ""),
    ],
)
async def test_that_events_that_cannot_be_kept_are_refused_and_nothing_is(
    client: Client, events: Any, wrong: str
) -> None:
    details = failed(await client.ask("POST", "/conversations/anna/tracker/events", events), 400, "BadRequest")
    assert details == {"parameter": wrong, "in": "body"}
    assert (await client.tracker())["events"] == []


# ── Messages, intents, actions ────────────────────────────────────────────────────────────────────


async def test_that_a_message_fills_slots_and_is_answered_by_nobody(
    client: Client, conversations: Conversations
) -> None:
    tracker = await client.post("/conversations/anna/messages", {"text": "LF-1", "sender": "user"})
    assert tracker["slots"]["order_number"] == "LF-1"
    assert tracker["latest_message"]["intent"]["name"] == "order"
    assert kinds(tracker["events"])[-1] == "user"
    given = {"intent": {"name": "order", "confidence": 1.0}, "entities": [{"entity": "number", "value": "LF-2"}]}
    tracker = await client.post("/conversations/anna/messages", {"text": "x", "sender": "user", "parse_data": given})
    assert tracker["slots"]["order_number"] == "LF-2"
    assert tracker["latest_message"] == given
    entries = await conversations.read(ConversationId("rest:anna"))
    assert {entry.kind for entry in entries} == {EntryKind.EVENT}


async def test_that_a_triggered_intent_is_answered(client: Client) -> None:
    body = {"name": "order", "entities": {"number": "LF-1"}}
    answer = await client.post("/conversations/anna/trigger_intent", body)
    assert answer["messages"] == [{"recipient_id": "anna", "text": 'You said /order{"number": "LF-1"}'}]
    assert kinds(answer["tracker"]["events"])[-4:] == ["user", "utter_greet", "bot", "action_listen"]
    listed = {"name": "greet", "entities": [{"entity": "number", "value": "LF-2"}]}
    answer = await client.post("/conversations/anna/trigger_intent", listed)
    assert answer["messages"] == [{"recipient_id": "anna", "text": 'You said /greet{"number": "LF-2"}'}]


async def test_that_an_executed_action_is_in_the_tracker_and_said_where_it_is_wanted(
    client: Client, conversations: Conversations
) -> None:
    await client.write("Hi")
    answer = await client.post("/conversations/anna/execute", {"name": "action_order"})
    buttons = [{"title": "Thanks", "payload": "/thank"}]
    assert answer["messages"] == [{"recipient_id": "anna", "text": "On its way.", "buttons": buttons}]
    assert kinds(answer["tracker"]["events"])[-3:] == ["action_order", "slot", "bot"]
    assert answer["tracker"]["slots"]["order_number"] == "LF-1"
    log = await conversations.read(ConversationId("rest:anna"))
    assert [e.receipt for e in log if e.receipt] == [Receipt("r1", "action_order", "looked up")]
    assert [e.utterance.text for e in log if e.kind is EntryKind.ASSISTANT and e.utterance] == ["You said Hi"]
    await client.post("/conversations/anna/execute", {"name": "utter_greet"}, query={"output_channel": "latest"})
    log = await conversations.read(ConversationId("rest:anna"))
    assert [e.utterance.text for e in log if e.kind is EntryKind.ASSISTANT and e.utterance][-1] == "Hello."


@pytest.mark.parametrize("query", [{}, {"output_channel": "latest"}])
async def test_that_what_a_program_names_is_done_once_whenever_it_is_asked_for_again(
    client: Client, conversations: Conversations, query: dict[str, str]
) -> None:
    await client.write("Hi")
    ask, headers = {"name": "action_order"}, {"Idempotency-Key": "k1"}
    first = await client.post("/conversations/anna/execute", ask, headers=headers, query=query)
    await client.write("And?")
    again = await client.post("/conversations/anna/execute", ask, headers=headers, query=query)
    assert first["messages"] == again["messages"] != []
    assert len(client.words.ran) == 1
    log = await conversations.read(ConversationId("rest:anna"))
    assert len([e for e in log if e.receipt]) == 1
    other = await client.post("/conversations/anna/execute", ask, headers={"Idempotency-Key": "k2"}, query=query)
    assert other["messages"] == first["messages"]
    assert len({turn for _, turn in client.words.ran}) == 2


async def test_that_a_program_that_asks_again_without_an_answer_gets_it_done_once(client: Client) -> None:
    await client.write("Hi")
    go_on = asyncio.Event()
    client.words.meanwhile = go_on.wait
    path, ask = "/conversations/anna/execute", {"name": "action_order"}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await client.post(path, ask)
    go_on.set()
    await client.post(path, ask)
    first, again = (turn for _, turn in client.words.ran)
    assert first == again, "the action server does it once by this"
    # Who had an answer and asks again means it once more, as in Rasa.
    await client.post(path, ask)
    await client.post(path, {"name": "utter_greet"})
    assert len({turn for _, turn in client.words.ran}) == 3


async def test_that_what_failed_is_asked_for_again_under_the_same_name_as_long_as_nothing_else_happened(
    conversations: Conversations, tmp_path: Path
) -> None:
    turns = []
    # Two servers, of which neither knows what the other was asked.
    for number in range(3):
        async with serving(conversations, tmp_path / f"{number}") as client:
            if number in (0, 2):
                await client.write("Hi")
            answer = await client.ask("POST", "/conversations/anna/execute", {"name": "action_broken"})
            failed(answer, 503, "Unavailable")
            turns += [turn for _, turn in client.words.ran]
    assert turns[0] == turns[1] != turns[2]


async def test_that_two_programs_that_ask_the_same_at_once_write_it_down_once(
    client: Client, conversations: Conversations
) -> None:
    await client.write("Hi")
    both = asyncio.Barrier(2)
    client.words.meanwhile = both.wait
    path, query = "/conversations/anna/execute", {"output_channel": "latest"}
    answers = await asyncio.gather(*(client.post(path, {"name": "action_order"}, query=query) for _ in range(2)))
    assert answers[0]["messages"] == answers[1]["messages"]
    log = await conversations.read(ConversationId("rest:anna"))
    assert len([e for e in log if e.receipt]) == 1
    assert [e.utterance.text for e in log if e.kind is EntryKind.ASSISTANT and e.utterance][1:] == ["On its way."]


async def test_that_an_intent_triggered_again_without_an_answer_is_answered_once(
    conversations: Conversations, tmp_path: Path
) -> None:
    go_on = asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        await go_on.wait()
        return await greeting(conversation, voice)

    async with serving(conversations, tmp_path, slow) as client:
        path, ask = "/conversations/anna/trigger_intent", {"name": "greet"}
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await client.post(path, ask)
        go_on.set()
        async with asyncio.timeout(20):
            while "bot" not in kinds((await client.tracker())["events"]):  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.05)
        first = await client.post(path, ask)
        assert first["messages"] == [{"recipient_id": "anna", "text": "You said /greet"}]
        assert kinds(first["tracker"]["events"]).count("user") == 1
        second = await client.post(path, ask)
        assert kinds(second["tracker"]["events"]).count("user") == 2, "it had an answer, and means it once more"
        for _ in range(2):
            third = await client.post(path, ask, headers={"Idempotency-Key": "k1"})
        assert kinds(third["tracker"]["events"]).count("user") == 3


def test_that_a_request_without_an_answer_is_forgotten_after_a_minute() -> None:
    now = 0.0
    retries, anna = Retries(lambda: now), ConversationId("rest:anna")
    request = make_mocked_request("POST", "/conversations/anna/execute")

    def broken(version: int) -> str:
        with suppress(TimeoutError), retries.named(request, anna, version, {"name": "action_order"}) as name:
            raise TimeoutError
        return name

    first = broken(1)
    now = 59
    assert broken(2) == first
    now = 61
    assert broken(3) != first


async def test_that_what_an_action_did_is_kept_though_a_person_came_meanwhile(
    client: Client, conversations: Conversations
) -> None:
    await client.write("Hi")
    client.words.meanwhile = lambda: conversations.take_floor(ConversationId("rest:anna"), Floor.AGENT)
    await client.post("/conversations/anna/execute", {"name": "action_order"}, query={"output_channel": "latest"})
    log = await conversations.read(ConversationId("rest:anna"))
    assert [e.receipt.id for e in log if e.receipt] == ["r1"]
    assert [e.utterance.text for e in log if e.kind is EntryKind.ASSISTANT and e.utterance] == ["You said Hi"]
    answer = await client.ask("POST", "/conversations/anna/execute", {"name": "action_order"})
    failed(answer, 409, "Conflict")


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/conversations/anna/messages", {"text": "Hi", "sender": "bot"}, 400, "BadRequest"),
        ("/conversations/anna/messages", {"text": "", "sender": "user"}, 400, "BadRequest"),
        ("/conversations/anna/messages", {"text": "x" * 4001, "sender": "user"}, 400, "BadRequest"),
        ("/conversations/anna/messages", {"text": "Hi", "sender": "user", "parse_data": 7}, 400, "BadRequest"),
        (
            "/conversations/anna/messages",
            {"text": "Hi", "sender": "user", "parse_data": {"metadata": {"vouched": {"by": "shop"}}}},
            *(400, "BadRequest"),
        ),
        ("/conversations/anna/messages", b"", 400, "BadRequest"),
        ("/conversations/anna/messages", b"[1]", 400, "BadRequest"),
        ("/conversations/anna/execute", {}, 400, "BadRequest"),
        ("/conversations/anna/execute", {"name": "no_such_action"}, 404, "NotFound"),
        ("/conversations/nobody/execute", {"name": "action_order"}, 404, "Not found"),
        ("/conversations/anna/execute", {"name": "action_broken"}, 503, "Unavailable"),
        ("/conversations/anna/trigger_intent", {}, 400, "BadRequest"),
        ("/conversations/anna/trigger_intent", {"name": "no_such_intent"}, 404, "NotFound"),
        ("/conversations/anna/trigger_intent", {"name": "greet", "entities": 7}, 400, "BadRequest"),
        ("/model/parse", {}, 400, "BadRequest"),
        ("/model/parse", b"\xff", 400, "BadRequest"),
        ("/model/parse?emulation_mode=LUIS", {"text": "Hi"}, 400, "BadRequest"),
        ("/conversations/anna/tracker?until=1.5", None, 400, "BadRequest"),
        ("/conversations/anna/tracker?include_events=SOME", None, 400, "BadRequest"),
        ("/conversations/" + "x" * 300 + "/tracker", None, 400, "BadRequest"),
    ],
)
async def test_that_each_refusal_has_rasas_shape(
    client: Client, path: str, body: Any, status: int, reason: str
) -> None:
    await client.write("Hi")
    answer = await client.ask("GET" if body is None else "POST", path, body)
    failed(answer, status, reason)
    assert "10.0.0.7" not in answer[1]["message"], "what lies within is nobody's business"


async def test_that_a_body_that_is_too_large_is_refused_in_rasas_shape(client: Client) -> None:
    failed(await client.ask("POST", "/model/parse", {"text": "x" * 100_000}), 413, "TooLarge")


# ── The assistant ─────────────────────────────────────────────────────────────────────────────────


async def test_that_a_text_is_parsed_as_rasa_does(client: Client) -> None:
    assert await client.post("/model/parse", {"text": "LF-1"}) == {
        "text": "LF-1",
        "intent": {"name": "order", "confidence": 0.8},
        "entities": [{"entity": "number", "value": "LF-1", "start": 0, "end": 4, "extractor": "regex"}],
        "intent_ranking": [{"name": "order", "confidence": 0.8}],
    }


async def test_that_the_domain_comes_as_it_is_wanted(client: Client) -> None:
    assert await client.get("/domain") == DOMAIN
    assert await client.get("/domain", headers={"Accept": "application/json"}) == DOMAIN
    assert await client.get("/domain", headers={"Accept": "application/x-yaml"}) == DOMAIN
    failed(await client.ask("GET", "/domain", headers={"Accept": "text/html"}), 406, "NotAcceptable")


async def test_that_the_status_names_the_model(client: Client) -> None:
    status = await client.get("/status")
    assert status.keys() == {"model_file", "model_id", "num_active_training_jobs"}
    assert status == await client.get("/status")
    version = await client.get("/version", token=None)
    assert version["version"] == __version__


# ── Who may ask ───────────────────────────────────────────────────────────────────────────────────

EVERY_ROUTE = (
    ("GET", "/status"),
    ("GET", "/domain"),
    ("POST", "/model/parse"),
    ("GET", "/conversations/anna/tracker"),
    ("POST", "/conversations/anna/tracker/events"),
    ("POST", "/conversations/anna/messages"),
    ("POST", "/conversations/anna/execute"),
    ("POST", "/conversations/anna/trigger_intent"),
)


@pytest.mark.parametrize(("method", "path"), EVERY_ROUTE)
async def test_that_nobody_asks_without_a_token(client: Client, method: str, path: str) -> None:
    forged = jwt.encode(
        {"user": {"username": "anna", "role": "admin"}}, "another secret, as long as it has to be", "HS256"
    )
    for token, bearer in ((None, ""), ("", ""), (TOKEN[:-1], ""), (None, "nonsense"), (None, forged)):
        failed(await client.ask(method, path, {}, token=token, bearer=bearer), 401, "NotAuthenticated")
    old = user(exp=datetime.now(UTC) - timedelta(minutes=1))
    failed(await client.ask(method, path, {}, token=None, bearer=old), 401, "NotAuthenticated")


async def test_that_an_admin_may_do_all_and_a_user_only_with_their_own(client: Client) -> None:
    await client.write("Hi")
    assert await client.get("/conversations/anna/tracker", token=None, bearer=user("root", "admin"))
    mine = {"token": None, "bearer": user("anna")}
    assert (await client.get("/conversations/anna/tracker", **mine))["sender_id"] == "anna"
    await client.post("/conversations/anna/messages", {"text": "Hi", "sender": "user"}, **mine)
    await client.post("/conversations/anna/trigger_intent", {"name": "greet"}, **mine)
    for method, path in EVERY_ROUTE:
        other = path.replace("anna", "bob")
        failed(await client.ask(method, other, {}, token=None, bearer=user("anna")), 403, "NotAuthorized")
    for name in ("rest:bob", "web:anna", "anna%20", "Anna", "rest:rest:anna"):
        failed(await client.ask("GET", f"/conversations/{name}/tracker", **mine), 403, "NotAuthorized")
    # Their own by its full name too, or they could not say which of several is meant.
    assert await client.get("/conversations/rest:anna/tracker", **mine)


@pytest.mark.parametrize("route", ["/tracker/events", "/execute"])
async def test_that_no_shopper_sets_slots_or_runs_actions(client: Client, route: str) -> None:
    body = {"event": "slot", "name": "order_number", "value": "LF-1"}
    failed(
        await client.ask("POST", f"/conversations/anna{route}", body, token=None, bearer=user()), 403, "NotAuthorized"
    )


async def test_that_no_shopper_says_what_their_words_mean(client: Client, conversations: Conversations) -> None:
    given = {"intent": {"name": "order"}, "entities": [{"entity": "number", "value": "LF-2"}]}
    body = {"text": "hello", "sender": "user", "parse_data": given}
    for who in ("anna", "rest:anna"):
        answer = await client.ask("POST", f"/conversations/{who}/messages", body, token=None, bearer=user(who))
        assert failed(answer, 403, "NotAuthorized") == {"parameter": "parse_data", "in": "body"}
    assert await conversations.read(ConversationId("rest:anna")) == []
    tracker = await client.post(
        "/conversations/anna/messages", {"text": "LF-1", "sender": "user"}, token=None, bearer=user("anna")
    )
    assert tracker["slots"]["order_number"] == "LF-1", "what they type is read"


async def test_that_a_program_vouches_for_nobody_and_a_shoppers_token_for_themselves(
    conversations: Conversations, tmp_path: Path
) -> None:
    heard: list[Vouched | None] = []

    async def look(conversation: Conversation, voice: Voice) -> Turn:
        heard.append(conversation.mail[-1].vouched)
        return Turn((Utterance("Seen."),), conversation.state, Trace())

    async with serving(conversations, tmp_path, look) as client:
        ask = {"name": "greet"}
        await client.post("/conversations/web:user-4711/trigger_intent", ask)
        for name in ("web:user-4711", "web:visitor-1", "anna"):
            await client.post(f"/conversations/{name}/trigger_intent", ask, token=None, bearer=user(name))
        assert heard == [Vouched("program"), Vouched("shop", "4711"), None, None]
        found = await client.tracker("web:user-4711")
        told = [event["metadata"] for event in found["events"] if event["event"] == "user"]
        assert [one["vouched"] for one in told] == [{"by": "program"}, {"by": "shop", "user": "4711"}]


@pytest.mark.parametrize("claims", [{}, {"user": "anna"}, {"user": {"username": "anna"}}, {"user": {"role": "boss"}}])
async def test_that_a_token_without_a_role_may_do_nothing(client: Client, claims: dict[str, Any]) -> None:
    bearer = jwt.encode(claims, SECRET, "HS256")
    failed(await client.ask("GET", "/conversations/anna/tracker", token=None, bearer=bearer), 403, "NotAuthorized")


async def test_that_a_user_floods_no_further_than_a_shopper(conversations: Conversations, tmp_path: Path) -> None:
    async with serving(conversations, tmp_path, shopper_rate=2) as client:
        mine = {"token": None, "bearer": user("anna")}
        for _ in range(2):
            await client.post("/conversations/anna/trigger_intent", {"name": "greet"}, **mine)
        answer = await client.ask("POST", "/conversations/anna/trigger_intent", {"name": "greet"}, **mine)
        failed(answer, 429, "TooManyRequests")
        await client.post("/conversations/anna/trigger_intent", {"name": "greet"})


@pytest.mark.parametrize(
    ("access", "good"),
    [
        ({"rasa_token": TOKEN, "rasa_jwt_secret": None}, {"token": TOKEN}),
        ({"rasa_token": None, "rasa_jwt_secret": SECRET}, {"token": None}),
    ],
)
async def test_that_one_way_in_is_enough_and_opens_no_other(
    conversations: Conversations, tmp_path: Path, access: dict[str, Any], good: dict[str, Any]
) -> None:
    if access["rasa_token"] is None:
        good = {**good, "bearer": user("root", "admin")}  # Made here: it is good for minutes.
    async with serving(conversations, tmp_path, **access) as client:
        await client.get("/status", **good)
        failed(await client.ask("GET", "/status", token=None), 401, "NotAuthenticated")
        failed(await client.ask("GET", "/status", token="x" * 40, bearer="nonsense"), 401, "NotAuthenticated")


async def test_that_without_either_there_is_no_api(conversations: Conversations, tmp_path: Path) -> None:
    async with serving(conversations, tmp_path, rasa_token=None, rasa_jwt_secret=None) as client:
        for method, path in EVERY_ROUTE:
            status, _ = await client.ask(method, path, {}, token="", bearer="")
            assert status == 404


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rasa_token": "short"}, r"rasa_token \(KEFU_RASA_TOKEN\): .* 16 characters"),
        ({"rasa_jwt_secret": "short"}, r"rasa_jwt_secret \(KEFU_RASA_JWT_SECRET\): HS256 needs a key of 32 bytes"),
        ({"rasa_jwt_method": "HS512"}, r"rasa_jwt_secret \(KEFU_RASA_JWT_SECRET\): HS512 needs a key of 64 bytes"),
    ],
)
def test_that_a_weak_secret_is_named(tmp_path: Path, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(SettingError, match=told):
        check(settings_of(tmp_path, **wrong))


def test_that_a_method_that_is_not_known_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"rasa_jwt_method = 'none' .*HS256"):
        settings_of(tmp_path, rasa_jwt_method="none")
