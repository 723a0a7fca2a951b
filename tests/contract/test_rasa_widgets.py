"""Rasa's own widgets over their own JavaScript: the clients they are built on, and the fields that they read."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.channels.uttered import bot_uttered
from bot.conversations import Conversations
from bot.conversations.heard import heard
from bot.ports import Voice
from bot.records import Button, Conversation, ConversationId, Trace, Turn, Utterance
from tests.contract.test_socketio import KEY, serving, token

ROOT = Path(__file__).parents[2]
CLIENTS = {"socket.io-client-3": "rasa-webchat 1.0", "socket.io-client": "RasaHQ's chat widget 0.1.19"}
EVERY_CLIENT = pytest.mark.parametrize("package", CLIENTS)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.load._LAG", timedelta(minutes=5))


class Page:
    """A widget's page, in a process of Node.js."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.came: list[dict[str, Any]] = []
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.came.append(json.loads(line))
            self._changed.set()

    def all(self, event: str) -> list[Any]:
        return [came["data"] for came in self.came if came["event"] == event]

    async def do(self, **what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, condition: Callable[["Page"], object], timeout: float = 60) -> None:
        try:
            async with asyncio.timeout(timeout):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"waited {timeout} s in vain: {self.came}") from None

    async def hears(self, *messages: Any) -> None:
        await self.until(lambda page: len(page.all("bot_uttered")) >= len(messages))
        assert self.all("bot_uttered") == list(messages)

    async def close(self) -> None:
        self._process.terminate()
        await self._process.wait()
        await self._reading


@asynccontextmanager
async def page(package: str, url: str, session: str = "", token: str = "", transport: str = "") -> AsyncIterator[Page]:
    node = shutil.which("node")
    if node is None or not (ROOT / "bot/web/node_modules" / package).exists():
        pytest.fail(f"Node.js with {package} is missing. Install it: make web")
    script = Path(__file__).with_name("rasa_widget.mjs")
    process = await asyncio.create_subprocess_exec(
        node,
        str(script),
        package,
        url,
        session,
        token,
        transport,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    opened = Page(process)
    try:
        yield opened
    finally:
        await opened.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@EVERY_CLIENT
async def test_that_a_widget_chats(conversations: Conversations, tmp_path: Path, package: str) -> None:
    async with serving(conversations, tmp_path) as shop, page(package, shop) as widget:
        await widget.until(lambda page: page.all("session_confirm"))
        await widget.do(say="Hi")
        await widget.hears({"text": "You said Hi"})
        await widget.do(say="Bye")
        await widget.hears({"text": "You said Hi"}, {"text": "You said Bye"})
        [session] = widget.all("session_confirm")
        [first, *_] = await conversations.read(ConversationId(f"socketio:{session}"))
        assert first.message is not None
        assert first.message.metadata == {"language": "en"}


@EVERY_CLIENT
async def test_that_a_widget_comes_back_by_itself_after_a_tunnel(
    conversations: Conversations, tmp_path: Path, package: str
) -> None:
    go_on = asyncio.Event()

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        await go_on.wait()
        return Turn((Utterance(f"You said {conversation.mail[0].text}"),), conversation.state, Trace())

    async with serving(conversations, tmp_path, slow) as shop, page(package, shop) as widget:
        await widget.until(lambda page: page.all("session_confirm"))
        session = widget.all("session_confirm")[0]
        await widget.do(say="Hi")
        async with conversations.follow(ConversationId(f"socketio:{session}")) as grown:
            while not await conversations.read(ConversationId(f"socketio:{session}")):
                await grown(timedelta(seconds=1))
        await cut(widget)
        go_on.set()
        await widget.hears({"text": "You said Hi"})
        assert widget.all("session_confirm") == [session, session]


async def confirmed(conversations: Conversations, widget: Page) -> None:
    """Wait until it is known that the widget has heard the last line."""
    conversation = ConversationId(f"socketio:{widget.all('session_confirm')[0]}")
    while await heard(conversations.wire, conversation) is None:  # noqa: ASYNC110 - nobody tells of it
        await asyncio.sleep(0.01)


async def cut(widget: Page) -> None:
    """Tear the WebSocket, as soon as the client has upgraded to one."""
    while not widget.all("disconnect"):
        await widget.do(cut=True)
        await asyncio.sleep(0.05)


# asyncio's own loop, unlike uvloop, which serves, leaves a connection open that it has accepted in the very moment in
# which its server closes (`_accept_connection2` finds no server to attach it to); this client calls all the time.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("transport", ["", "polling", "websocket"])
@EVERY_CLIENT
async def test_that_a_widget_comes_back_by_itself_after_a_restart_and_hears_nothing_twice(
    conversations: Conversations, tmp_path: Path, package: str, transport: str
) -> None:
    port = free_port()
    async with page(package, f"http://127.0.0.1:{port}", transport=transport) as widget:
        async with serving(conversations, tmp_path, port=port):
            await widget.until(lambda page: page.all("session_confirm"))
            await widget.do(say="Hi")
            await widget.hears({"text": "You said Hi"})
            await confirmed(conversations, widget)
        await widget.until(lambda page: page.all("disconnect"))
        assert "io server disconnect" not in widget.all("disconnect"), "it would stay away for good"
        async with serving(conversations, tmp_path, port=port):
            await widget.until(lambda page: len(page.all("session_confirm")) == 2)
            await widget.do(say="Again")
            await widget.hears({"text": "You said Hi"}, {"text": "You said Again"})
    assert len(set(widget.all("session_confirm"))) == 1


@EVERY_CLIENT
async def test_that_a_widget_is_let_in_by_its_token_only(
    conversations: Conversations, tmp_path: Path, package: str
) -> None:
    async with serving(conversations, tmp_path, socketio_jwt_key=KEY) as shop:
        async with page(package, shop) as stranger:
            await stranger.until(lambda page: page.all("connect_error"))
            assert not stranger.all("session_confirm")
        async with page(package, shop, token=token()) as widget:
            await widget.until(lambda page: page.all("session_confirm"))
            await widget.do(say="Hi")
            await widget.hears({"text": "You said Hi"})


@EVERY_CLIENT
async def test_that_a_widget_whose_token_ends_tries_again_by_itself(
    conversations: Conversations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setattr("bot.channels.socketio._SWEEP", timedelta(milliseconds=50))
    async with serving(conversations, tmp_path, socketio_jwt_key=KEY) as shop:
        short = token(exp=datetime.now(UTC) + timedelta(seconds=15))
        async with page(package, shop, token=short) as widget:
            await widget.until(lambda page: page.all("session_confirm"))
            await widget.until(lambda page: page.all("disconnect"))
            assert "io server disconnect" not in widget.all("disconnect"), "it would stay away for good"
            await widget.until(lambda page: page.all("connect_error"))


# ── What the widgets read ─────────────────────────────────────────────────────────────────────────
# Which keys make a message of which kind: src/components/Widget/msgProcessor.js of rasa-webchat 1.0.2, and
# packages/sdk/src/message-parser/utils/determine-message-type.ts of RasaHQ/chat-widget 0.1.19.


def kind_in_webchat(message: dict[str, Any]) -> str:
    keys = set(message)
    attachment = message.get("attachment") or {}
    if keys == {"text"}:
        return "text"
    if keys in ({"text", "quick_replies"}, {"text", "buttons"}):
        return "buttons"
    if attachment.get("type") == "image":
        return "image"
    return "custom component"


def kind_in_chat_widget(message: dict[str, Any]) -> str:
    if (message.get("attachment") or {}).get("type") == "image":
        return "image"
    if message.get("quick_replies"):
        return "quick reply"
    known = ("accordion", "carousel", "file_download", "video", "rating", "csat")
    if message.get("type") in known:
        return str(message["type"])
    return "text" if message.get("text") and "type" not in message else "an error is shown"


CHIPS = (Button("Yes", "/affirm"),)


@pytest.mark.parametrize(
    ("utterance", "webchat", "chat_widget"),
    [
        (Utterance("Hello."), ["text"], ["text"]),
        (Utterance("One.\n\nTwo."), ["text", "text"], ["text", "text"]),
        (Utterance("Sure?", CHIPS), ["buttons"], ["quick reply"]),
        (Utterance("First.\n\nSure?", CHIPS), ["buttons", "buttons"], ["text", "quick reply"]),
        (Utterance("", CHIPS), ["buttons"], ["quick reply"]),
        (Utterance("See:", image="https://shop.example/a.png"), ["text", "image"], ["text", "image"]),
        (Utterance("Tents:", custom={"products": [{"sku": "T1"}]}), ["text"], ["text"]),
        (Utterance("Which?", custom={"ask": "order_number", "options": []}), ["text"], ["text"]),
        (Utterance(custom={"type": "carousel", "elements": []}), ["custom component"], ["carousel"]),
        (Utterance(custom={"data": {"type": "video", "video_url": "x"}}), ["custom component"], ["video"]),
        (Utterance(image="javascript:alert(1)"), [], []),
        (Utterance(" \n\n "), [], []),
    ],
)
def test_that_each_widget_knows_what_it_is_told(
    utterance: Utterance, webchat: list[str], chat_widget: list[str]
) -> None:
    messages = list(bot_uttered(utterance))
    assert [kind_in_webchat(message) for message in messages] == webchat
    assert [kind_in_chat_widget(message) for message in messages] == chat_widget


def test_that_each_widget_finds_the_fields_that_it_shows() -> None:
    [text, image] = bot_uttered(Utterance("Sure?", CHIPS, image="https://shop.example/a.png"))
    assert text["text"] == "Sure?"
    assert {"title", "payload", "content_type"} == set(text["quick_replies"][0])
    assert image["attachment"]["payload"]["src"] == "https://shop.example/a.png"
