"""Keeps messages and faults abreast, so that neither runs out while the other goes on."""

import asyncio


class Pace:
    """Lets messages through as faults strike, and faults strike as messages come."""

    def __init__(self, messages: int, faults: int, ahead: int) -> None:
        """``ahead``: faults that the messages may be ahead of, at least as many as can be under way at once."""
        self._messages = messages
        self._faults = faults
        self._ahead = ahead
        self._more_sent = asyncio.Event()
        self._more_struck = asyncio.Event()
        self.sent = 0
        self.struck = 0

    async def message(self) -> None:
        """Wait until one more message may be sent, and count it."""
        while self.sent * self._faults > (self.struck + self._ahead) * self._messages:
            await self._more_struck.wait()
        self.sent += 1
        _tell(self._more_sent)

    async def fault(self) -> None:
        """Wait until one more fault may strike, and count it: with it, more messages come."""
        while self.sent * self._faults < self.struck * self._messages:
            await self._more_sent.wait()
        self.struck += 1
        _tell(self._more_struck)

    async def reach(self, part: float) -> None:
        """Wait until ``part`` of all messages, in [0, 1), were sent."""
        while self.sent < part * self._messages:
            await self._more_sent.wait()


def _tell(event: asyncio.Event) -> None:
    """Wake who waits now; who comes later waits for the next time."""
    event.set()
    event.clear()
