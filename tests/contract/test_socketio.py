"""What Rasa's Socket.IO clients are promised, with the real client, a real Redis and assistants of a few lines."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
import socketio

from bot.app import check, open_channels
from bot.channels.load import Load
from bot.conversations import Conversations
from bot.conversations.heard import heard, note_heard
from bot.errors import Overloaded, SettingError
from bot.ports import Voice
from bot.records import Button, Conversation, ConversationId, EntryKind, Floor, LogId, Trace, Turn, Utterance
from bot.settings import Settings, read_settings
from bot.worker import Handle
from tests.contract.test_sockets import confirmed_only
from tests.contract.test_worker import echo
from tests.socketio_client import Tab

KEY = "the key that signs the tokens of Rasa's clients"
WEBSOCKET = ("websocket",)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the event loop is late, and a server would refuse what these tests send."""
    monkeypatch.setattr("bot.channels.load._LAG", timedelta(minutes=5))


def settings_of(tmp_path: Path, **more: Any) -> Settings:
    plenty = {"shopper_rate": 1_000_000, "shopper_budget": 10_000_000}
    return read_settings({"data": tmp_path, "port": 0, "stop_timeout": 2} | plenty | more)


@asynccontextmanager
async def serving(
    conversations: Conversations, tmp_path: Path, handle: Handle = echo, **settings: Any
) -> AsyncIterator[str]:
    async with open_channels(settings_of(tmp_path, **settings), conversations, handle) as address:
        yield address


@pytest.fixture
async def shop(conversations: Conversations, tmp_path: Path) -> AsyncIterator[str]:
    async with serving(conversations, tmp_path) as address:
        yield address


def conversation_of(tab: Tab) -> ConversationId:
    return ConversationId(f"socketio:{tab.session}")


async def said(conversations: Conversations, tab: Tab) -> list[str]:
    """What the log has the assistant say."""
    entries = await conversations.read(conversation_of(tab))
    return [entry.utterance.text for entry in entries if entry.kind is EntryKind.ASSISTANT and entry.utterance]


async def all_heard(conversations: Conversations, tab: Tab) -> None:
    """Wait until it is known that the session's clients have everything that was said."""
    async with asyncio.timeout(20):
        while True:
            entries = await conversations.read(conversation_of(tab))
            spoken = [entry.id for entry in entries if entry.kind in (EntryKind.ASSISTANT, EntryKind.AGENT)]
            place = await heard(conversations.wire, conversation_of(tab))
            if spoken and place is not None and place >= spoken[-1]:
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("transports", [("polling",), WEBSOCKET, ("polling", "websocket")])
async def test_that_a_shopper_is_answered_over_each_transport(shop: str, transports: tuple[str, ...]) -> None:
    async with Tab(shop, transports=transports) as tab:
        assert len(tab.confirmed[0]) == 32
        await tab.say("Hi")
        await tab.hears("You said Hi")
        await tab.say("Again")
        await tab.hears("You said Hi", "You said Again")
        assert tab.uttered == [{"text": "You said Hi"}, {"text": "You said Again"}], "no key but Rasa's"


async def test_that_a_client_that_asks_for_no_session_is_answered_as_in_rasa(shop: str) -> None:
    client = socketio.AsyncClient()
    came: asyncio.Queue[Any] = asyncio.Queue()
    client.on("bot_uttered", came.put)
    await client.connect(shop, transports=["websocket"])
    await client.emit("user_uttered", {"message": "Hi"})
    assert await asyncio.wait_for(came.get(), 20) == {"text": "You said Hi"}
    await client.disconnect()


async def test_that_a_reload_goes_on_where_the_session_was(shop: str, conversations: Conversations) -> None:
    async with Tab(shop) as tab:
        await tab.say("Hi")
        await tab.hears("You said Hi")
        await all_heard(conversations, tab)
    async with Tab(shop, tab.session) as again:
        assert again.confirmed == [tab.session]
        await again.say("More")
        await again.hears("You said More")


async def test_that_what_was_said_in_a_tunnel_comes_after_it_once(conversations: Conversations, tmp_path: Path) -> None:
    on_the_way, go_on = asyncio.Event(), asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        on_the_way.set()
        await go_on.wait()
        return await echo(conversation, voice)

    async with serving(conversations, tmp_path, slow) as shop, Tab(shop, transports=WEBSOCKET) as tab:
        await tab.say("Hi")
        await on_the_way.wait()
        tab.cut()
        await tab.until(lambda tab: tab.disconnects)
        go_on.set()
        await tab.until(lambda tab: len(tab.confirmed) == 2)
        await tab.hears("You said Hi")
        await all_heard(conversations, tab)
        tab.cut()
        await tab.until(lambda tab: len(tab.confirmed) == 3)
        await tab.say("Still there?")
        await tab.hears("You said Hi", "You said Still there?")


async def test_that_a_server_that_stops_loses_nothing_that_another_one_says(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with serving(conversations, tmp_path) as second:
        async with serving(conversations, tmp_path) as first:
            tab = Tab(first, transports=WEBSOCKET)
            await tab.open()
            await tab.say("One")
            await tab.hears("You said One")
            await all_heard(conversations, tab)
        await tab.until(lambda tab: tab.disconnects)
        assert tab.disconnects[0] != "server disconnect", "a browser's client would not come back"
        await tab.close()
        async with Tab(second, tab.session, transports=WEBSOCKET) as elsewhere:
            await elsewhere.say("Two")
            await elsewhere.hears("You said Two")


async def test_that_a_message_that_is_sent_again_is_answered_once(shop: str, conversations: Conversations) -> None:
    async with Tab(shop) as tab:
        first = await tab.tell("Hi", "m1")
        again = await tab.tell("Hi", "m1")
        assert first == again == {"accepted": True, "id": "m1", "line": first["line"]}
        await tab.tell("Bye", "m2")
        await tab.until(lambda tab: "You said Bye" in tab.texts)
        assert await said(conversations, tab) == tab.texts == ["You said Hi", "You said Bye"]


async def test_that_two_tabs_hear_the_same(shop: str) -> None:
    async with Tab(shop) as one, Tab(shop, one.session, transports=WEBSOCKET) as two:
        await one.say("Hi")
        await one.hears("You said Hi")
        await two.hears("You said Hi")
        await two.say("From here")
        await one.hears("You said Hi", "You said From here")
        await two.hears("You said Hi", "You said From here")


async def test_that_sessions_hear_only_their_own(shop: str) -> None:
    async with Tab(shop) as one, Tab(shop) as other:
        await one.say("Mine")
        await one.hears("You said Mine")
        await other.say("Theirs")
        await other.hears("You said Theirs")
        assert one.texts == ["You said Mine"]


async def test_that_a_person_and_the_handover_reach_the_client(conversations: Conversations, tmp_path: Path) -> None:
    async def hands_over(conversation: Conversation, voice: Voice) -> Turn:
        return Turn((Utterance("I call a person."),), conversation.state, Trace(), Floor.WAITING)

    async with serving(conversations, tmp_path, hands_over) as shop, Tab(shop) as tab:
        await tab.say("A person please")
        await tab.hears("I call a person.")
        await tab.until(lambda tab: tab.floors)
        await conversations.take_floor(conversation_of(tab), Floor.AGENT)
        await tab.until(lambda tab: len(tab.floors) == 2)
        assert tab.floors == ["waiting", "agent"]
        await tab.say("Hello?")  # The assistant only takes note.
        await asyncio.sleep(0.3)
        assert tab.texts == ["I call a person."]


async def test_that_every_kind_of_utterance_has_rasas_shape(conversations: Conversations, tmp_path: Path) -> None:
    async def everything(conversation: Conversation, voice: Voice) -> Turn:
        chips = (Button("Yes", "/affirm"), Button("No", "/deny"))
        said = (
            Utterance("One.\n\nTwo."),
            Utterance("Sure?", chips, image="https://shop.example/a.png", custom={"data": {"type": "video"}}),
        )
        return Turn(said, conversation.state, Trace())

    async with serving(conversations, tmp_path, everything) as shop, Tab(shop) as tab:
        await tab.say("Show me")
        await tab.until(lambda tab: len(tab.uttered) >= 5)
    assert tab.uttered == [
        {"text": "One."},
        {"text": "Two."},
        {
            "text": "Sure?",
            "quick_replies": [
                {"content_type": "text", "title": "Yes", "payload": "/affirm"},
                {"content_type": "text", "title": "No", "payload": "/deny"},
            ],
        },
        {"type": "video"},
        {"attachment": {"type": "image", "payload": {"src": "https://shop.example/a.png"}}},
    ]


@pytest.mark.parametrize(
    ("more", "metadata"),
    [
        ({"metadata": {"language": "zh"}}, {"language": "zh"}),
        ({"metadata": '{"language": "zh"}'}, {"language": "zh"}),
        ({"customData": {"page": "/cart"}}, {"page": "/cart"}),
        ({}, {}),
    ],
)
async def test_that_what_the_page_knows_goes_along(
    shop: str, conversations: Conversations, more: dict[str, Any], metadata: dict[str, Any]
) -> None:
    async with Tab(shop) as tab:
        assert (await tab.tell("Hi", **more))["accepted"]
        [entry, *_] = await conversations.read(conversation_of(tab))
        assert entry.message is not None
        assert (entry.message.metadata, entry.message.channel) == (metadata, "socketio")


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        ({"message": ""}, "message"),
        ({"message": 7}, "message"),
        ({"message": "Hi", "session_id": "x" * 300}, "session_id"),
        ({"message": "Hi", "session_id": ["x"]}, "session_id"),
        ({"message": "Hi", "message_id": ""}, "message_id"),
        ({"message": "Hi", "metadata": "{"}, "metadata"),
        ({"message": "Hi", "metadata": [1]}, "metadata"),
        ({"message": "Hi", "metadata": {"vouched": {"by": "shop", "user": "mila"}}}, "vouched"),
        ({"message": "Hi", "customData": {"vouched": {}}}, "vouched"),
        ({"message": "Hi", "metadata": '{"vouched": {"by": "program"}}'}, "vouched"),
        ({"message": "x" * 4001}, "message"),
        ("Hi", "user_uttered"),
    ],
)
async def test_that_what_is_no_message_is_said_to_be_none(shop: str, message: Any, wrong: str) -> None:
    async with Tab(shop) as tab:
        answer = await tab.client.call("user_uttered", message, timeout=20)
        assert (answer["accepted"], answer["reason"]) == (False, "bad_message")
        assert wrong in answer["message"]
        await tab.hears(answer["message"])


async def test_that_a_flood_is_told_once_and_the_shopper_is_served_again(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with serving(conversations, tmp_path, shopper_rate=5) as shop, Tab(shop) as tab:
        answers = [await tab.tell(f"m{n}") for n in range(9)]
        refused = [answer for answer in answers if not answer["accepted"]]
        assert len(refused) == 4
        assert {answer["reason"] for answer in refused} == {"rate"}
        assert all(0 < answer["retry_after"] <= 60 for answer in refused)
        await tab.until(lambda tab: len(tab.texts) >= 6)
        told = [text for text in tab.texts if not text.startswith("You said")]
        assert told == [refused[0]["message"]], "who floods is not flooded in turn"


async def test_that_what_was_accepted_once_is_never_refused(conversations: Conversations, tmp_path: Path) -> None:
    async with serving(conversations, tmp_path, shopper_rate=1) as shop, Tab(shop) as tab:
        first = await tab.tell("Hi", "m1")
        assert not (await tab.tell("More"))["accepted"]
        assert await tab.tell("Hi", "m1") == first


async def test_that_an_address_has_only_so_many_connections_and_gives_them_back(
    conversations: Conversations, tmp_path: Path
) -> None:
    settings = {"address_sockets": 2, "trusted_proxies": "10.0.0.0/8"}
    async with serving(conversations, tmp_path, **settings) as shop:
        async with Tab(shop), Tab(shop, transports=WEBSOCKET):
            for transports in (("polling",), WEBSOCKET):
                with pytest.raises(socketio.exceptions.ConnectionError):
                    await Tab(shop, transports=transports, reconnect=False).open()
        for _ in range(100):
            try:
                async with Tab(shop), Tab(shop):
                    return
            except socketio.exceptions.ConnectionError:
                await asyncio.sleep(0.05)
        raise AssertionError("the places are not given back")


async def test_that_sessions_are_asked_for_no_faster_than_messages(
    conversations: Conversations, tmp_path: Path
) -> None:
    settings = {"address_rate": 2, "trusted_proxies": "10.0.0.0/8"}
    async with serving(conversations, tmp_path, **settings) as shop, Tab(shop, reconnect=False) as tab:
        for _ in range(2):
            await tab.client.emit("session_request", {"session_id": None})
        await tab.until(lambda tab: tab.disconnects)
        assert len(tab.confirmed) == 2


@pytest.mark.parametrize("transports", [("polling",), WEBSOCKET])
async def test_that_a_further_tab_takes_the_place_of_the_oldest_for_good(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transports: tuple[str, ...]
) -> None:
    monkeypatch.setattr("bot.channels.socketio.SOCKETS_OF_SESSION", 2)
    async with (
        serving(conversations, tmp_path) as shop,
        Tab(shop, transports=transports) as first,
        Tab(shop, first.session, transports=transports) as second,
        Tab(shop, first.session, transports=transports) as third,
    ):
        await first.until(lambda tab: tab.disconnects)
        await third.say("Hi")
        await second.hears("You said Hi")
        await third.hears("You said Hi")
        assert (len(first.confirmed), first.texts) == (1, []), "it does not come back and push out another one"


async def test_that_who_says_goodbye_is_let_go_before_the_next_ping(
    conversations: Conversations, tmp_path: Path
) -> None:
    """The poll under way ends, which nothing else would end for 25 seconds."""
    async with serving(conversations, tmp_path) as shop, aiohttp.ClientSession() as http:
        opening = await (await http.get(f"{shop}/socket.io/?EIO=4&transport=polling")).text()
        here = f"{shop}/socket.io/?EIO=4&transport=polling&sid={json.loads(opening[1:])['sid']}"
        poll = asyncio.create_task(http.get(here))
        await asyncio.sleep(0.2)
        assert (await http.post(here, data="1")).status == 200
        async with asyncio.timeout(15):
            (await poll).close()


async def test_that_random_cuts_lose_nothing_and_answer_nothing_twice(
    conversations: Conversations, tmp_path: Path
) -> None:
    """Thirty messages of a client that sends again what was not acknowledged, over a line that breaks at any time."""
    dice = random.Random(20261126)
    sent = [f"m{n}" for n in range(30)]
    async with serving(conversations, tmp_path) as shop, Tab(shop, transports=WEBSOCKET) as tab:

        async def break_it() -> None:
            while True:
                await asyncio.sleep(dice.uniform(0.02, 0.4))
                with suppress(Exception):
                    tab.cut()

        breaking = asyncio.create_task(break_it())
        for text in sent:
            while True:
                with suppress(Exception):
                    answer = await asyncio.wait_for(tab.tell(text, text), 2)
                    if answer["accepted"]:
                        break
                await asyncio.sleep(0.05)
        breaking.cancel()
        await tab.until(lambda tab: f"You said {sent[-1]}" in tab.texts, 60)
        wanted = [f"You said {text}" for text in sent]
        assert await said(conversations, tab) == wanted, "each is answered once, in order"
        assert list(dict.fromkeys(tab.texts)) == wanted, (
            "all are heard, in order; what was not confirmed may come again"
        )


async def test_that_a_server_that_is_full_says_so_and_keeps_those_it_has(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with serving(conversations, tmp_path, max_sockets=1) as shop, Tab(shop) as tab:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Tab(shop, reconnect=False).open()
        async with aiohttp.ClientSession(shop) as http, http.get("/socket.io/?EIO=4&transport=polling") as answer:
            assert (answer.status, (await answer.json())["status"]) == (503, "failure")
        await tab.say("Hi")
        await tab.hears("You said Hi")


async def test_that_a_server_that_has_too_much_to_do_takes_nothing_on(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(conversations, tmp_path) as shop, Tab(shop) as tab:
        with monkeypatch.context() as busy:

            def full(load: Load) -> None:
                raise Overloaded("More shoppers write than can be answered now; send it again later.", 7)

            busy.setattr(Load, "check", full)
            answer = await tab.tell("Hi", "m1")
            assert (answer["accepted"], answer["reason"], answer["retry_after"]) == (False, "overloaded", 7)
        assert (await tab.tell("Hi", "m1"))["accepted"]
        await tab.until(lambda tab: "You said Hi" in tab.texts)


async def test_that_what_is_no_packet_of_the_protocol_harms_nobody(shop: str) -> None:
    junk = (
        "",
        "4",
        "42",
        "42[",
        '42["user_uttered"]',
        '42["user_uttered",1,2,3]',
        "452-[]",
        "9",
        "\x00",
        "40/x,",
        "2" * 9,
    )
    async with Tab(shop) as other, aiohttp.ClientSession(shop) as http:
        for each in junk:
            async with http.ws_connect("/socket.io/?EIO=4&transport=websocket") as raw:
                await raw.send_str("40")
                await raw.send_str(each)
                await raw.send_bytes(each.encode())
        async with http.post("/socket.io/?EIO=4&transport=polling&sid=nobody", data=b"4" * 100) as answer:
            assert answer.status == 400
        await other.say("Hi")
        await other.hears("You said Hi")


async def test_that_a_foreign_page_is_refused_and_a_listed_one_is_not(
    conversations: Conversations, tmp_path: Path
) -> None:
    async with serving(conversations, tmp_path, origins="https://shop.example") as shop:
        for transports in (("polling",), WEBSOCKET):
            async with Tab(shop, transports=transports, origin="https://shop.example") as tab:
                await tab.say("Hi")
                await tab.hears("You said Hi")
            foreign = Tab(shop, transports=transports, origin="https://evil.example", reconnect=False)
            with pytest.raises(socketio.exceptions.ConnectionError):
                await foreign.open()


def token(**claims: Any) -> str:
    return jwt.encode({"exp": datetime.now(UTC) + timedelta(minutes=5)} | claims, claims.pop("key", KEY), "HS256")


async def test_that_with_a_key_only_good_tokens_come_in(conversations: Conversations, tmp_path: Path) -> None:
    wrong = (
        None,
        "",
        "nonsense",
        jwt.encode({}, "another key of thirty-two characters or more", "HS256"),
        token(exp=datetime.now(UTC) - timedelta(minutes=1)),
        jwt.encode({}, None, "none"),  # type: ignore[arg-type]  # as a forger makes it
        jwt.encode({}, KEY + "." * 20, "HS512"),
    )
    async with serving(conversations, tmp_path, socketio_jwt_key=KEY) as shop:
        for each in wrong:
            tab = Tab(shop, token=each, reconnect=False)
            with pytest.raises((socketio.exceptions.ConnectionError, TimeoutError)):
                await tab.open()
        for good in (token(), f"Bearer {token(user={'username': 'anna'})}"):
            async with Tab(shop, token=good) as tab:
                await tab.say("Hi")
                await tab.hears("You said Hi")


async def test_that_a_token_of_one_session_opens_no_other(conversations: Conversations, tmp_path: Path) -> None:
    only = token(session_id="anna-7")
    async with serving(conversations, tmp_path, socketio_jwt_key=KEY) as shop, Tab(shop, token=only) as tab:
        assert tab.session == "anna-7", "also where the client asks for none"
        await tab.say("Hi")
        await tab.hears("You said Hi")
        answer = await tab.tell("Hi", session_id="bob-8")
        assert (answer["accepted"], answer["reason"]) == (False, "bad_message")
        assert await conversations.load(ConversationId("socketio:bob-8")) is None


def test_that_a_key_that_is_too_short_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"socketio_jwt_key \(KEFU_SOCKETIO_JWT_KEY\): HS256 needs a key of 32"):
        check(settings_of(tmp_path, socketio_jwt_key="short"))


async def test_that_a_connection_ends_with_its_token(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.socketio._SWEEP", timedelta(milliseconds=50))
    async with serving(conversations, tmp_path, socketio_jwt_key=KEY) as shop:
        short = token(exp=datetime.now(UTC) + timedelta(seconds=10))
        tab = Tab(shop, token=short, transports=WEBSOCKET, reconnect=False)
        await tab.open()
        await tab.until(lambda tab: tab.disconnects, 60)
        await tab.close()


async def test_that_who_connects_and_says_nothing_is_sent_away(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.socketio._SWEEP", timedelta(milliseconds=50))
    monkeypatch.setattr("bot.channels.socketio._HELLO", timedelta(milliseconds=200))
    async with (
        serving(conversations, tmp_path) as shop,
        aiohttp.ClientSession(shop) as http,
        http.ws_connect("/socket.io/?EIO=4&transport=websocket") as silent,
    ):
        async with asyncio.timeout(20):
            async for _ in silent:
                pass
        assert silent.closed


async def test_that_a_frame_that_is_too_large_ends_its_connection_only(shop: str) -> None:
    async with Tab(shop, transports=WEBSOCKET, reconnect=False) as large, Tab(shop) as other:
        await large.say("x" * 20_000)
        await large.until(lambda tab: tab.disconnects)
        await other.say("Hi")
        await other.hears("You said Hi")


async def test_that_an_answer_whose_word_is_lost_comes_all_the_same(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.socketio_reader._UNASKED", timedelta(milliseconds=50))
    confirmed_only(monkeypatch)
    async with serving(conversations, tmp_path) as shop, Tab(shop) as tab:
        await tab.say("Hi")
        await tab.hears("You said Hi")


async def test_that_what_was_heard_never_goes_back(shop: str, conversations: Conversations) -> None:
    async with Tab(shop) as tab:
        await tab.say("Hi")
        await tab.hears("You said Hi")
        await all_heard(conversations, tab)
        conversation = conversation_of(tab)
        place = await heard(conversations.wire, conversation)
        assert place is not None
        await note_heard(conversations.wire, conversation, LogId("9-9"))
        assert await heard(conversations.wire, conversation) == place
        await note_heard(conversations.wire, ConversationId("socketio:nobody"), LogId("9-9"))
        assert await heard(conversations.wire, ConversationId("socketio:nobody")) is None
