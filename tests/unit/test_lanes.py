"""A lane batches calls off the event loop: nobody waits for company, nobody is forgotten."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from bot.errors import Unavailable
from bot.models.encoder import Encoders, Role, Vectors
from bot.models.lanes import EncoderLane, Lane


class Doubler:
    """Doubles numbers, and holds each batch at a gate until the test lets it through."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.entered.release()
        assert self.gate.acquire(timeout=10)
        if 13 in items:
            raise ValueError("unlucky")
        return [item * 2 for item in items]

    async def running(self) -> None:
        assert await asyncio.to_thread(self.entered.acquire, True, 10)


async def test_that_calls_made_during_a_batch_form_the_next_one_in_order() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler)
    first = asyncio.create_task(lane(1))
    await doubler.running()
    rest = [asyncio.create_task(lane(item)) for item in (2, 3, 4)]
    await asyncio.sleep(0)
    doubler.gate.release(2)
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8]
    assert doubler.batches == [[1], [2, 3, 4]]
    await lane.close()


async def test_that_a_batch_is_never_larger_than_allowed() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler, max_batch=2)
    doubler.gate.release(10)
    assert await asyncio.gather(*(lane(item) for item in range(7))) == [item * 2 for item in range(7)]
    assert max(map(len, doubler.batches)) == 2
    await lane.close()


async def test_that_a_failure_reaches_every_caller_of_its_batch_and_no_other() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler)
    first = asyncio.create_task(lane(1))
    await doubler.running()
    unlucky = [asyncio.create_task(lane(item)) for item in (12, 13)]
    await asyncio.sleep(0)
    doubler.gate.release(3)
    assert await first == 2
    results = await asyncio.gather(*unlucky, return_exceptions=True)
    assert [str(result) for result in results] == ["unlucky", "unlucky"]
    assert await lane(5) == 10, "the lane goes on after a failure"
    await lane.close()


async def test_that_a_caller_who_left_is_not_worked_for() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler)
    first = asyncio.create_task(lane(1))
    await doubler.running()
    leaver, stayer = asyncio.create_task(lane(2)), asyncio.create_task(lane(3))
    await asyncio.sleep(0)
    leaver.cancel()
    doubler.gate.release(2)
    assert (await first, await stayer) == (2, 6)
    assert doubler.batches == [[1], [3]]
    await lane.close()


async def test_that_a_caller_who_leaves_a_running_batch_harms_nobody() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler)
    leaver = asyncio.create_task(lane(1))
    await doubler.running()
    leaver.cancel()
    stayer = asyncio.create_task(lane(2))
    await asyncio.sleep(0)
    doubler.gate.release(2)
    assert await stayer == 4
    await lane.close()


async def test_that_closing_finishes_the_running_batch_and_refuses_the_rest() -> None:
    doubler = Doubler()
    lane = Lane("doubler", doubler)
    first = asyncio.create_task(lane(1))
    await doubler.running()
    second = asyncio.create_task(lane(2))
    await asyncio.sleep(0)
    closing = asyncio.create_task(lane.close())
    await asyncio.sleep(0)
    doubler.gate.release()
    assert await first == 2
    with pytest.raises(Unavailable):
        await second
    await closing
    with pytest.raises(Unavailable):
        await lane(3)


async def test_that_a_batch_function_that_loses_an_item_is_an_error_and_not_a_hang() -> None:
    lane: Lane[int, int] = Lane("careless", lambda items: list(items)[1:])
    with pytest.raises(ValueError, match="shorter"):
        await lane(1)
    await lane.close()


class Constant:
    """An encoder whose vectors say who made them and of what length of text."""

    dimensions = 2

    def __init__(self, name: str, mark: float) -> None:
        self.name, self.mark = name, mark

    def encode(self, texts: Sequence[str], role: Role = "query") -> Vectors:
        return np.array([[self.mark, len(text)] for text in texts], dtype=np.float32)


async def test_that_texts_of_several_languages_go_each_to_its_encoder() -> None:
    english, multilingual = Constant("english", 1), Constant("multilingual", 2)
    lane = EncoderLane(Encoders(english, lambda: multilingual))
    texts = [("hi", "en"), ("你好吗", "zh"), ("four", "en"), ("早", "zh"), ("olá", "pt")]
    results = await asyncio.gather(*(lane.encode(text, language) for text, language in texts))
    assert [(name, vector.tolist()) for vector, name in results] == [
        ("english", [1, 2]),
        ("multilingual", [2, 3]),
        ("english", [1, 4]),
        ("multilingual", [2, 1]),
        ("english", [1, 3]),
    ]
    await lane.close()
