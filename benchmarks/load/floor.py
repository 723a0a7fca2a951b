"""The bare floor under a chat server: socket → stream → worker → commit → socket, and nothing that makes it safe.

    python -m benchmarks.load.floor REDIS_SOCKET PORT

It understands enough of `docs/widget.md` for the same client to talk to it and to Kefu. What it leaves out is the
point: no session is checked, no message is told "accepted", nothing is deduplicated, ordered, leased or fenced, no
second process is told, no history is kept for a socket that comes back. What it has is what makes such a server fast:
uvloop, one pipelined connection to Redis whose commands leave together once a turn of the event loop, batches read
from the consumer group, and one commit for a batch while the next one is read.
"""

import asyncio
import itertools
import sys
from collections import deque
from typing import Any, cast

import hiredis
import msgspec
import uvloop
from aiohttp import WSMsgType, web

MAIL, REPLIES, GROUP = "floor:mail", "floor:replies", "floor"
BATCH = 128


class FromClient(msgspec.Struct):
    type: str
    id: str = ""
    text: str = ""


class Redis(asyncio.Protocol):
    """One connection on which commands follow each other without waiting for answers."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport

    @classmethod
    async def connect(cls, path: str) -> "Redis":
        _, redis = await asyncio.get_running_loop().create_unix_connection(cls, path)
        return redis

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's.

    def ask(self, *command: str | bytes | int) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        if not self._unsent:
            loop.call_soon(self._send)
        self._unsent.append(hiredis.pack_command(command))  # type: ignore[arg-type]  # declared for one word
        answer = loop.create_future()
        self._asked.append(answer)
        return answer

    def _send(self) -> None:
        self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            waiter = self._asked.popleft()
            if isinstance(answer, hiredis.HiredisError):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)


class Floor:
    """Sockets on one side, the stream on the other."""

    def __init__(self, writes: Redis, reads: Redis) -> None:
        self._writes, self._reads = writes, reads
        self._sockets: dict[bytes, web.WebSocketResponse] = {}
        self._names = itertools.count()
        self._decode = msgspec.json.Decoder(FromClient).decode
        self._commits: set[asyncio.Task[None]] = set()

    async def serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        name = b"%d" % next(self._names)
        self._sockets[name] = socket
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                said = self._decode(frame.data)
                if said.type == "message":
                    self._writes.ask("XADD", MAIL, "*", "s", name, "i", said.id, "t", said.text)
                else:
                    await socket.send_str('{"type":"welcome"}')
        finally:
            del self._sockets[name]
        return socket

    async def answer_mail(self) -> None:
        wanted = ("XREADGROUP", "GROUP", GROUP, "worker", "COUNT", BATCH, "BLOCK", 0, "STREAMS", MAIL, ">")
        while True:
            ((_, entries),) = await self._reads.ask(*wanted)
            commit = asyncio.create_task(self._commit(entries))
            self._commits.add(commit)
            commit.add_done_callback(self._commits.discard)

    async def _commit(self, entries: list[Any]) -> None:
        """Make the replies of a batch durable, then send them."""
        replies = [
            self._writes.ask("XADD", REPLIES, "*", "s", name, "i", message, "t", text)
            for _, (_, name, _, message, _, text) in entries
        ]
        await self._writes.ask("XACK", MAIL, GROUP, *(entry for entry, _ in entries))
        for (_, (_, name, _, message, _, text)), reply in zip(entries, replies, strict=True):
            socket = self._sockets.get(name)
            if socket is not None and not socket.closed:
                await socket.send_str(_lines(reply.result().decode(), message.decode(), text.decode()))


def _lines(cursor: str, message: str, text: str) -> str:
    lines = [
        {"id": cursor, "kind": "assistant", "text": text},
        {"id": cursor, "kind": "turn", "covers": [message]},
    ]
    return msgspec.json.encode({"type": "lines", "lines": lines}).decode()


async def main(redis: str, port: int) -> None:
    writes, reads = await Redis.connect(redis), await Redis.connect(redis)
    await writes.ask("DEL", MAIL, REPLIES)
    await writes.ask("XGROUP", "CREATE", MAIL, GROUP, "0", "MKSTREAM")
    floor = Floor(writes, reads)
    app = web.Application()
    app.add_routes([web.get("/ws", floor.serve_socket), web.get("/readyz", _ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    await floor.answer_mail()


async def _ready(_: web.Request) -> web.Response:
    return web.Response()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2])))
