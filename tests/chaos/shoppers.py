"""Shoppers who write over REST, and send a message again until they are told what became of it."""

import asyncio
import json
import random
from collections import deque
from collections.abc import Sequence

import aiohttp

from bot.channels.rest import CHANNEL
from bot.records import ConversationId, MessageId
from tests.chaos.diary import Diary, Reply, Sent
from tests.chaos.pace import Pace
from tests.chaos.script import Again, Line

_TIMEOUT = aiohttp.ClientTimeout(total=6)
"""A frozen server says nothing at all: the client asks another."""

_AGAIN_AFTER = (0.05, 0.4)
"""Seconds before the next try, shortest and longest."""

THINKING = 0.05
"""Longest pause between two messages, in seconds."""

LATER = (2, 12)
"""Messages between the end of a turn and a delivery that comes late."""

REFUSED_EVERY = 40
"""Breaths between two messages that no server takes."""


class RestShopper:
    """One shopper, who talks to whichever server answers."""

    def __init__(
        self,
        name: str,
        script: Sequence[tuple[Line, ...]],
        servers: Sequence[str],
        session: aiohttp.ClientSession,
        pace: Pace,
        patience: float,
        dice: random.Random,
    ) -> None:
        """``patience``: seconds after which a message without an answer is given up, which the verdict will see."""
        self.diary = Diary(ConversationId(f"{CHANNEL}:{name}"))
        self._name = name
        self._script = script
        self._servers = servers
        self._session = session
        self._pace = pace
        self._patience = patience
        self._dice = dice

    async def write(self) -> None:
        """Write all of the script, and read all replies."""
        later: deque[tuple[int, Line]] = deque()
        for n, breath in enumerate(self._script):
            await asyncio.gather(*(self._send(line, wait=0.02 * m) for m, line in enumerate(breath)))
            later.extend((n + self._dice.randint(*LATER), line) for line in breath if line.again is Again.LATER)
            while later and later[0][0] <= n:
                await self._deliver(later.popleft()[1])
            if n % REFUSED_EVERY == 0:
                await self._send_nonsense(n)
            await asyncio.sleep(self._dice.uniform(0, THINKING))
        for _, line in later:
            await self._deliver(line)

    async def _send(self, line: Line, wait: float) -> None:
        await self._pace.message()
        await asyncio.sleep(wait)
        if line.again is Again.TOGETHER:
            first, second = self._dice.sample(self._servers, 2)
            await asyncio.gather(self._deliver(line, first), self._deliver(line, second))
        else:
            await self._deliver(line)
        if line.again is Again.AFTERWARDS:
            await self._deliver(line)

    async def _deliver(self, line: Line, server: str | None = None) -> None:
        """Have ``line`` answered, by ``server`` or any other."""
        sent = self.diary.begin(line)
        try:
            async with asyncio.timeout(self._patience):
                while not await self._answered(sent, server or self._dice.choice(self._servers)):
                    server = None
                    await asyncio.sleep(self._dice.uniform(*_AGAIN_AFTER))
        except TimeoutError:
            return

    async def _answered(self, sent: Sent, server: str) -> bool:
        """One request; whether it brought the whole reply."""
        stream = self._dice.random() < 0.5
        body = {"sender": self._name, "message": sent.line.text, "message_id": sent.line.id}
        rows: list[str] = []
        try:
            url = f"{server}/webhooks/rest/webhook?stream={str(stream).lower()}"
            async with self._session.post(url, json=body, timeout=_TIMEOUT) as response:
                if response.status == 504:
                    sent.accept()
                if response.status in (429, 503, 504):
                    reason = (await response.json())["reason"]
                    self.diary.refusals[f"{response.status} {reason}"] += 1
                    return False
                assert response.status == 200, f"{response.status}: {await response.text()}"
                if stream:
                    async for row in response.content:
                        rows.append(json.loads(row)["text"])  # noqa: PERF401 (what came before a cut counts)
                else:
                    rows = [row["text"] for row in await response.json()]
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            if rows:
                sent.accept()
                sent.pieces.append(tuple(rows))
            return False
        sent.accept()
        sent.answered = True
        sent.replies.append(Reply(rows))
        return True

    async def _send_nonsense(self, n: int) -> None:
        """Send what no server takes, until one says so."""
        nonsense = MessageId(f"{self._name}-nonsense-{n}")
        self.diary.refused.add(nonsense)
        body = {"sender": self._name, "message": 5, "message_id": nonsense}
        while True:
            try:
                url = f"{self._dice.choice(self._servers)}/webhooks/rest/webhook"
                async with self._session.post(url, json=body, timeout=_TIMEOUT) as response:
                    if response.status == 400:
                        return
                    assert response.status in (429, 503), await response.text()
            except (aiohttp.ClientError, ConnectionError, TimeoutError):
                pass
            await asyncio.sleep(self._dice.uniform(*_AGAIN_AFTER))
