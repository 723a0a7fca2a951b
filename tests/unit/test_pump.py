"""When a socket is due: at once for what others wrote, later for its own line, which its client knows."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

from bot.channels.client import Close, Socket
from bot.channels.pump import Patience, Pump
from bot.channels.sessions import Session
from bot.conversations.reading import Page
from bot.records import ConversationId, Entry, EntryKind, LogId, Message, MessageId


class Woken:
    """Stands for the pump, and keeps who was woken how."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def now(self) -> float:
        return 0.0

    def wake(self, socket: Socket) -> None:
        self.calls.append("now")

    def wake_late(self, socket: Socket) -> None:
        self.calls.append("late")


def a_socket() -> tuple[Socket, list[str]]:
    pump = Woken()
    nobody = cast(Any, None)
    return Socket(pump, nobody, nobody, None), pump.calls


def test_that_a_sockets_own_line_waits_for_what_answers_it() -> None:
    socket, calls = a_socket()
    socket.begin_message()
    socket.tell(b"1-0")
    assert calls == []  # Whose line it is turns out only when the message is accepted.
    socket.end_message(LogId("1-0"))
    assert calls == ["late"]
    socket.tell(b"2-0")
    assert calls == ["late", "now"]


def test_that_a_line_which_is_told_of_after_it_was_accepted_waits_too() -> None:
    socket, calls = a_socket()
    socket.begin_message()
    socket.end_message(LogId("1-0"))
    socket.tell(b"1-0")
    assert calls == ["late"]


def test_that_what_comes_while_a_message_is_accepted_goes_out_at_once() -> None:
    socket, calls = a_socket()
    socket.begin_message()
    socket.tell(b"1-0")
    socket.tell(None)
    socket.end_message(LogId("1-1"))
    assert calls == ["now", "now"]


def test_that_nothing_is_held_back_by_a_message_that_was_refused() -> None:
    socket, calls = a_socket()
    socket.begin_message()
    socket.tell(b"1-0")
    socket.end_message(None)
    assert calls == ["now"]


def an_entry(log_id: str, *, message: str | None = None, covers: tuple[str, ...] = ()) -> Entry:
    said = None
    if message is not None:
        said = Message(MessageId(message), ConversationId("web:anna"), "web", "anna", "Hi", datetime.now(UTC))
    kind = EntryKind.TURN if said is None else EntryKind.SHOPPER
    return Entry(LogId(log_id), kind, datetime.now(UTC), message=said, covers=tuple(map(MessageId, covers)))


def test_that_a_client_waits_until_a_turn_covers_its_last_message() -> None:
    socket, _ = a_socket()
    socket.see([an_entry("1-0", message="a"), an_entry("2-0", message="b"), an_entry("3-0", covers=("a",))])
    assert socket.waits
    socket.see([an_entry("4-0", covers=("b",))])
    assert not socket.waits


def test_that_a_client_waits_for_the_line_of_its_own_message() -> None:
    socket, _ = a_socket()
    socket.cursor = LogId("9-0")
    socket.begin_message()
    socket.end_message(LogId("10-0"))
    assert socket.waits
    socket.cursor = LogId("10-0")
    assert not socket.waits


class Connection:
    """Stands for a client's connection: keeps what it is sent, or cannot send at all."""

    writing_paused, connected, transport, closed = False, True, None, False

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken
        self.frames: list[bytes] = []
        self.code = 0
        self.heard = asyncio.Event()
        """The client got lines, or a goodbye."""

    async def send_frame(self, frame: bytes, kind: object) -> None:
        if self.broken:
            raise RuntimeError("nobody foresaw this")
        self.frames.append(frame)
        self.heard.set()

    async def close(self, *, code: int, message: bytes, drain: bool) -> None:
        self.code = code
        self.heard.set()


class Logs:
    """Stands for the conversations: every log has one line."""

    def node_of(self, conversation: ConversationId) -> str:
        return "node"

    async def pages(self, asked: list[Any], count: int) -> list[Page]:
        return [Page((an_entry("1-0", message="a"),), end=LogId("1-0"), count=1) for _ in asked]


async def test_that_lines_which_cannot_be_sent_end_their_own_socket_only() -> None:
    connections = Connection(broken=True), Connection()
    async with Pump(cast(Any, Logs()), Patience()) as pump:
        for shopper, connection in zip(("anna", "otto"), connections, strict=True):
            socket = Socket(pump, cast(Any, connection), cast(Any, connection), None)
            socket.session = Session(shopper, datetime.max.replace(tzinfo=UTC))
            socket.cursor = LogId("0-0")
            pump.wake(socket)
        async with asyncio.timeout(10):
            for connection in connections:
                await connection.heard.wait()
    assert connections[0].code == Close.BUSY, "it comes back, to another server perhaps"
    assert len(connections[1].frames) == 1
