"""The network between widgets and servers: finds a server that is up, and tears, stalls and forgets connections."""

import asyncio
import random
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from enum import StrEnum


class Trouble(StrEnum):
    """What can happen to a connection."""

    CUT = "socket cut"
    TORN = "socket cut in the middle of a frame"
    GHOST = "socket left half open"
    STALL = "socket stalled, then cut"


_SHARES = ((Trouble.CUT, Trouble.TORN, Trouble.GHOST, Trouble.STALL), (50, 25, 15, 10))

_STALLED = 1.5
"""Longest time, in seconds, that nothing goes through."""

_HAUNTS = 20.0
"""Seconds that a server holds on to a client who is long gone."""


class _Connection:
    """One client's, through to a server."""

    def __init__(self, client: StreamWriter, server: StreamWriter) -> None:
        self.client = client
        self.server = server
        self.is_socket = False
        self.torn = False
        """The next piece is the last, and only half of it arrives."""
        self.flows = asyncio.Event()
        self.flows.set()

    def cut(self) -> None:
        """End both sides at once."""
        self.client.transport.abort()
        self.server.transport.abort()
        self.flows.set()

    async def carry(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Bring everything from one side to the other, until a side ends."""
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                self.is_socket = self.is_socket or data.startswith(b"GET /ws")
                await self.flows.wait()
                writer.write(data[: len(data) // 2] if self.torn else data)
                if self.torn:
                    return self.cut()
                await writer.drain()
        await self.flows.wait()  # The other side of one that is half open hears nothing, not even an end.
        writer.close()
        return None


class Network:
    """One address for all servers, as a load balancer has it; open inside ``async with``."""

    def __init__(self, ports: Sequence[int], dice: random.Random) -> None:
        self._ports = ports
        self._dice = dice
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.troubles: Counter[Trouble] = Counter()
        self.url = ""

    async def __aenter__(self) -> "Network":
        self._listener = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def trouble(self) -> bool:
        """Make trouble for one socket, whichever; False where there is none."""
        sockets = [one for one in self._connections if one.is_socket and one.flows.is_set() and not one.torn]
        if not sockets:
            return False
        connection, [kind] = self._dice.choice(sockets), self._dice.choices(*_SHARES)
        self.troubles[kind] += 1
        match kind:
            case Trouble.CUT:
                connection.cut()
            case Trouble.TORN:
                connection.torn = True
            case Trouble.GHOST:
                connection.flows.clear()
                connection.client.transport.abort()
                asyncio.get_running_loop().call_later(_HAUNTS, connection.cut)
            case Trouble.STALL:
                connection.flows.clear()
                asyncio.get_running_loop().call_later(self._dice.uniform(0, _STALLED), connection.cut)
        return True

    def _take(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._connect(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Find a server for a client, and carry what they say until one of them is gone."""
        async with _aborted(writer):
            for port in self._dice.sample(self._ports, len(self._ports)):
                with suppress(OSError):
                    server_reader, server = await asyncio.open_connection("127.0.0.1", port)
                    break
            else:
                return
            connection = _Connection(writer, server)
            self._connections.add(connection)
            async with _aborted(server):
                try:
                    await asyncio.gather(connection.carry(reader, server), connection.carry(server_reader, writer))
                finally:
                    self._connections.discard(connection)


@asynccontextmanager
async def _aborted(writer: StreamWriter) -> AsyncIterator[None]:
    """Abort a connection after the block, and wait until it is gone."""
    try:
        yield
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
