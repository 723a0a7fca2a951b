"""Lanes: calls from many coroutines, batched into one blocking function that runs off the event loop."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from bot.errors import Unavailable
from bot.models.encoder import Encoders
from bot.models.pairs import PairClassifier

T = TypeVar("T")
R = TypeVar("R")


class Lane(Generic[T, R]):
    """Runs ``batch`` over the items of concurrent calls, in the order they came, in one thread of its own.

    A call that finds the lane idle runs at once; calls that come meanwhile form the next batch. So a lone caller never
    waits for company, and under load the batches grow by themselves. Belongs to one event loop.
    """

    def __init__(self, name: str, batch: Callable[[Sequence[T]], Sequence[R]], max_batch: int = 64) -> None:
        self._batch = batch
        self._max_batch = max_batch
        self._name = name
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._work: asyncio.Task[None] | None = None
        self._closed = False

    async def __call__(self, item: T) -> R:
        """The result of ``batch`` for ``item``.

        Raises:
            Unavailable: the lane is closed.
            Exception: whatever ``batch`` raised, to every caller in that batch.
        """
        if self._closed:
            raise Unavailable(f"The {self._name} lane is closed.")
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._work is None:
            self._work = asyncio.create_task(self._drain(), name=f"{self._name} lane")
        return await answer

    async def close(self) -> None:
        """Refuse new calls and those that wait, let the running batch finish, and end the thread."""
        self._closed = True
        while self._waiting:
            _, answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(Unavailable(f"The {self._name} lane is closed."))
        if self._work is not None:
            await self._work
        self._thread.shutdown(wait=False)

    async def _drain(self) -> None:
        try:
            while chosen := self._next():
                await self._run(chosen)
        finally:
            self._work = None

    def _next(self) -> list[tuple[T, asyncio.Future[R]]]:
        chosen: list[tuple[T, asyncio.Future[R]]] = []
        while self._waiting and len(chosen) < self._max_batch:
            item, answer = self._waiting.popleft()
            if not answer.done():  # Done already means that its caller was cancelled.
                chosen.append((item, answer))
        return chosen

    async def _run(self, chosen: list[tuple[T, asyncio.Future[R]]]) -> None:
        loop = asyncio.get_running_loop()
        try:
            results = await loop.run_in_executor(self._thread, self._batch, [item for item, _ in chosen])
            pairs = list(zip(chosen, results, strict=True))
        except BaseException as exc:
            # A cancelled drain is the loop going down: its waiters must not hang, and it must still stop.
            stopped = isinstance(exc, asyncio.CancelledError)
            failure = Unavailable(f"The {self._name} lane was stopped.") if stopped else exc
            for _, answer in chosen:
                if not answer.done():
                    answer.set_exception(failure)
            if not isinstance(exc, Exception):
                raise
            return
        for (_, answer), result in pairs:
            if not answer.done():
                answer.set_result(result)


class EncoderLane:
    """Encodes single texts of any language, many callers at once."""

    def __init__(self, encoders: Encoders) -> None:
        self._encoders = encoders
        self._lane: Lane[tuple[str, str], tuple[npt.NDArray[np.float32], str]] = Lane("encoder", self._encode)

    async def encode(self, text: str, language: str) -> tuple[npt.NDArray[np.float32], str]:
        """The vector of ``text`` as a query, shape (dimensions,), and the name of the encoder that made it."""
        return await self._lane((text, language))

    async def close(self) -> None:
        """Close the lane."""
        await self._lane.close()

    def _encode(self, items: Sequence[tuple[str, str]]) -> list[tuple[npt.NDArray[np.float32], str]]:
        encoders = [self._encoders.for_language(language) for _, language in items]
        vectors: dict[int, npt.NDArray[np.float32]] = {}
        for encoder in {id(encoder): encoder for encoder in encoders}.values():
            rows = [row for row, chosen in enumerate(encoders) if chosen is encoder]
            vectors |= zip(rows, encoder.encode([items[row][0] for row in rows]), strict=True)
        return [(vectors[row], encoder.name) for row, encoder in enumerate(encoders)]


class PairLane:
    """Reads single pairs of texts, many callers at once."""

    def __init__(self, classifier: PairClassifier) -> None:
        self.threshold = classifier.calibration.threshold
        self._lane: Lane[tuple[str, str], float] = Lane("pairs", classifier.probabilities)

    async def probability(self, first: str, second: str) -> float:
        """How likely the pair is a yes, in [0, 1]; both texts in English."""
        return await self._lane((first, second))

    async def close(self) -> None:
        """Close the lane."""
        await self._lane.close()
