"""What a listener of a log is, and one that can be waited on."""

import asyncio
from datetime import timedelta
from typing import Protocol

from bot.records import LogId


class Listener(Protocol):
    """Whoever wants to know that a log may have grown. It is called on the event loop and must return at once."""

    def tell(self, log_id: bytes | None) -> None:
        """Something came, up to the entry ``log_id``, or up to nobody knows where."""
        ...


class Growth:
    """Tells one waiter that a log may have grown since it last looked.

    It may tell so when nothing came, never the other way round: read the log, then wait, then read again.
    """

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._newest: tuple[int, int] | None = None
        """The newest entry told of; None where it is not known which."""

    def tell(self, log_id: bytes | None) -> None:
        """Something came, up to the entry ``log_id``, or up to nobody knows where."""
        unsure = self._event.is_set() and self._newest is None
        self._newest = None if log_id is None or unsure else place(log_id.decode())
        self._event.set()

    def forget(self) -> None:
        """What came until now is known, or does not matter."""
        self._event.clear()

    async def __call__(self, timeout: timedelta | None = None, *, beyond: LogId | None = None) -> bool:
        """Wait for growth, past the entry ``beyond`` where it is given; False when ``timeout`` passed without."""
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                while True:
                    await self._event.wait()
                    self._event.clear()
                    if beyond is None or self._newest is None or self._newest > place(beyond):
                        return True
        except TimeoutError:
            return False


def place(log_id: str) -> tuple[int, int]:
    """What orders log ids as their log is ordered."""
    milliseconds, _, sequence = log_id.partition("-")
    return int(milliseconds), int(sequence)
