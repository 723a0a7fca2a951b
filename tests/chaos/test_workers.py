"""Workers in processes of their own die, freeze and race; every message is answered once and in order."""

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.conversations import Conversations
from bot.records import ConversationId
from tests.conftest import EVERY_SERVER
from tests.contract.test_conversations import ANNA, message, told
from tests.contract.test_worker import covered

pytestmark = EVERY_SERVER

ROOT = Path(__file__).parents[2]

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts one more worker process; all end with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.chaos.worker_process", redis_url, str(tmp_path / "marker")]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


async def exists(marker: Path) -> None:
    while not marker.exists():  # noqa: ASYNC110, ASYNC240 (another process tells us nothing else)
        await asyncio.sleep(0.005)


async def test_that_a_worker_killed_in_the_middle_of_a_turn_leaves_one_answer(
    conversations: Conversations, start: Start
) -> None:
    killed = start()
    await conversations.accept(message("kill"))
    assert await asyncio.to_thread(killed.wait, 10) == -signal.SIGKILL
    other = start()
    assert await covered(conversations, "kill") == [
        "shopper: kill",
        "assistant: kill begun",
        f"assistant: kill by {other.pid}",
        "turn covers kill",
    ]


async def test_that_a_frozen_worker_comes_back_and_is_refused(
    conversations: Conversations, start: Start, tmp_path: Path
) -> None:
    frozen = start()
    await conversations.accept(message("freeze"))
    await exists(tmp_path / "marker")
    frozen.send_signal(signal.SIGSTOP)
    other = start()
    once = [
        "shopper: freeze",
        "assistant: freeze begun",
        f"assistant: freeze by {other.pid}",
        "turn covers freeze",
    ]
    assert await covered(conversations, "freeze") == once
    frozen.send_signal(signal.SIGCONT)
    other.terminate()
    other.wait(20)
    await conversations.accept(message("again"))
    log = await covered(conversations, "again")
    assert log[:4] == once, "the late turn was refused"
    assert log[4:] == ["shopper: again", f"assistant: again by {frozen.pid}", "turn covers again"]


@pytest.mark.parametrize("killed", [False, True], ids=["both live", "one is killed"])
async def test_that_two_workers_answer_each_message_once_and_in_order(
    conversations: Conversations, start: Start, killed: bool
) -> None:
    workers = [start(), start()]
    shoppers = [ConversationId(f"rest:s{n}") for n in range(16)]
    order = random.Random(7)

    async def write(shopper: ConversationId) -> None:
        for n in range(20):
            sent = message(f"m{n}", sender=shopper[5:])
            await asyncio.gather(*(conversations.accept(sent) for _ in range(order.choice((1, 1, 2)))))
            await asyncio.sleep(order.random() * 0.02)

    async def kill() -> None:
        await asyncio.sleep(0.1)
        os.kill(workers[0].pid, signal.SIGKILL)

    await asyncio.gather(*(write(shopper) for shopper in shoppers), *([kill()] if killed else []))
    makers = set()
    for shopper in shoppers:
        log = await covered(conversations, *(f"m{n}" for n in range(20)), conversation=shopper)
        answers = [line.removeprefix("assistant: ").split(" by ") for line in log if line.startswith("assistant")]
        assert [text for text, _ in answers] == [f"m{n}" for n in range(20)]
        makers |= {int(pid) for _, pid in answers}
    assert workers[1].pid in makers
    assert makers <= {worker.pid for worker in workers}
    if not killed:
        assert len(makers) == 2, "the work is shared"


async def test_that_a_killed_worker_takes_nothing_with_it(conversations: Conversations, start: Start) -> None:
    """Its consumer holds no entry for ever: the next worker empties the queue."""
    first = start()
    await conversations.accept(message("Hi"))
    await covered(conversations, "Hi")
    first.kill()
    await conversations.accept(message("while nobody was there"))
    start()
    log = await covered(conversations, "while nobody was there")
    assert len(told(await conversations.read(ANNA))) == len(log) == 6
