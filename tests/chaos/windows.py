"""Shoppers who write in the widget, in one window or two, over connections that break."""

import asyncio
import random
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Any

import aiohttp

from bot.records import ConversationId, LogId, MessageId
from tests.chaos.diary import Diary, Sent, Window
from tests.chaos.pace import Pace
from tests.chaos.script import Again, Line
from tests.chaos.shoppers import LATER, REFUSED_EVERY, THINKING
from tests.socket_client import WidgetClient, place

_FIRST_PAUSE = 0.2
"""Seconds before a first reconnect: a shopper's is longer, and so would be the test."""

_RATED_EVERY = 8
"""Breaths between two thumbs."""

_SLEEPS_EVERY = 12
"""Breaths between two times that a window does not read."""

_SLEEPS = 3.0
"""The longest of these, in seconds."""

_TWO_WINDOWS = 0.3
"""The part of shoppers who have two windows open."""


class _Reader:
    """Which messages a window shows as answered; each line is looked at once."""

    def __init__(self) -> None:
        self._seen = 0
        self._covered: set[str] = set()

    def covered(self, message: MessageId, client: WidgetClient) -> bool:
        """Whether ``client``, whose window this is, shows the end of the turn that answers ``message``."""
        for line in client.lines[self._seen :]:
            self._covered.update(line.get("covers", ()))
        self._seen = len(client.lines)
        return message in self._covered


class WidgetShopper:
    """One shopper in the widget."""

    def __init__(
        self,
        name: str,
        script: Sequence[tuple[Line, ...]],
        url: str,
        session: aiohttp.ClientSession,
        pace: Pace,
        patience: float,
        dice: random.Random,
    ) -> None:
        """As `shoppers.RestShopper`, but at one address: reconnecting is what this is about."""
        self.diary = Diary(ConversationId(f"web:{name}"))  # Until the server gave a name.
        self._name = name
        self._script = script
        self._url = url
        self._session = session
        self._pace = pace
        self._patience = patience
        self._dice = dice
        self._clients: list[WidgetClient] = []

    async def write(self) -> None:
        """Write all of the script and read all replies."""
        reader = _Reader()
        later: deque[tuple[int, Line]] = deque()
        for n, breath in enumerate(self._script):
            for line in breath:
                await self._pace.message()
                await self._say(line, again=line.again is Again.TOGETHER)
            await self._settled(reader, breath)
            again = [line for line in breath if line.again is Again.AFTERWARDS]
            later.extend((n + self._dice.randint(*LATER), line) for line in breath if line.again is Again.LATER)
            while later and later[0][0] <= n:
                again.append(later.popleft()[1])
            await self._say_again(again)
            with suppress(ConnectionError, AssertionError, aiohttp.ClientError):  # Neither has to arrive.
                await self._interfere(n)
            await asyncio.sleep(self._dice.uniform(0, THINKING))
        await self._say_again([line for _, line in later])

    @asynccontextmanager
    async def open(self) -> AsyncIterator["WidgetShopper"]:
        """Its windows, open inside the block."""
        async with AsyncExitStack() as stack:
            first = WidgetClient(self._url, http=self._session, pause=_FIRST_PAUSE)
            await stack.enter_async_context(first)
            await first.ready(self._patience)
            self._clients.append(first)
            self.diary.conversation = ConversationId(first.conversation)
            if self._dice.random() < _TWO_WINDOWS:
                await self._open_another(stack)
            yield self

    async def show(self, last: LogId | None) -> None:
        """Wait until all windows show the log up to ``last``, and one that is opened only now; note what they show."""
        async with AsyncExitStack() as stack:
            await self._open_another(stack)
            for client in self._clients:
                with suppress(AssertionError):  # The verdict says what is missing.
                    await client.until(partial(_has_reached, last))
            for n, client in enumerate(self._clients):
                self.diary.refusals.update(f"socket: {refusal['reason']}" for refusal in client.refused)
                lines = [_shown(line) for line in client.lines]
                late = n == len(self._clients) - 1
                self.diary.windows.append(Window(lines, client.problems, client.resyncs, late, len(client.welcomes)))

    async def _open_another(self, stack: AsyncExitStack) -> None:
        client = WidgetClient(self._url, http=self._session, resume=self._clients[0].resume, pause=_FIRST_PAUSE)
        self._clients.append(await stack.enter_async_context(client))

    async def _say(self, line: Line, *, again: bool) -> None:
        """Write ``line``; where it is said ``again`` at once, in the other window, or past the outbox of the same."""
        sent = self.diary.begin(line)
        self._clients[0].send(line.text, line.id)
        if again:
            sent.deliveries += 1
            other = self._clients[-1]
            if other is not self._clients[0]:
                other.send(line.text, line.id)
            else:
                with suppress(ConnectionError, AssertionError, aiohttp.ClientError):
                    await other.raw({"type": "message", "id": line.id, "text": line.text})

    async def _say_again(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self.diary.begin(line)
            self._clients[0].send(line.text, line.id)
        if lines:
            with suppress(AssertionError):
                await self._clients[0].until(lambda client: not client.outbox, self._patience)

    async def _settled(self, reader: _Reader, breath: Sequence[Line]) -> None:
        """Wait until each message is accepted and answered; who waits in vain is seen in the diary."""
        first = self._clients[0]
        with suppress(AssertionError):
            for line in breath:
                sent: Sent = self.diary.sent[line.id]
                await first.until(partial(_accepted, line.id), self._patience)
                sent.accept()
                await first.until(partial(reader.covered, line.id), self._patience)
                sent.answered = True

    async def _interfere(self, n: int) -> None:
        """Do what may not touch the messages: send nonsense, rate a reply, stop reading for a while."""
        first = self._clients[0]
        if n % REFUSED_EVERY == 0:
            nonsense = MessageId(f"{self._name}-nonsense-{n}")
            self.diary.refused.add(nonsense)
            await first.raw({"type": "message", "id": nonsense, "text": " "})
        if n % _RATED_EVERY == 0 and (said := [line for line in first.lines[-5:] if line["kind"] == "assistant"]):
            await first.rate(said[-1]["id"], helpful=n % 2 == 0)
        if n % _SLEEPS_EVERY == _SLEEPS_EVERY - 1:
            sleeper = self._dice.choice(self._clients)
            sleeper.sleep()
            asyncio.get_running_loop().call_later(self._dice.uniform(0, _SLEEPS), sleeper.wake)


def _accepted(message: MessageId, client: WidgetClient) -> bool:
    return message in client.accepted


def _has_reached(last: LogId | None, client: WidgetClient) -> bool:
    return last is None or bool(client.lines and place(client.lines[-1]["id"]) >= place(last))


def _shown(line: dict[str, Any]) -> tuple[str, str]:
    told = line.get("text") or " ".join(line.get("covers", ())) or line.get("floor") or line.get("about")
    return line["id"], f"{line['kind']} {told}"
