"""A whole chat server but for its models, to be killed and frozen: ``python -m tests.chaos.server_process [GUARD]``.

Settings come from the environment. GUARD names what a naive variant leaves out. It prints its address once it listens,
and dies with whoever holds its standard input.
"""

import asyncio
import logging
import os
import signal
import sys
import threading

import uvloop

from bot.app import open_channels
from bot.conversations import open_conversations
from bot.settings import read_settings
from tests.chaos.naive import Naive, open_naive_conversations
from tests.chaos.stand_in import handle


async def main(naive: Naive | None) -> None:
    """Serve until SIGTERM."""
    settings = read_settings()
    until = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, until.set)
    opened = open_naive_conversations(settings, naive) if naive else open_conversations(settings)
    async with opened as conversations, open_channels(settings, conversations, handle) as address:
        print(address, flush=True)  # noqa: T201 (told to the harness)
        await until.wait()


def die_with_the_harness() -> None:
    """A harness that is killed cannot stop its servers; the pipe that it held ends."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(3)


if __name__ == "__main__":
    # The refusals of the fence are told at this level: the harness counts them.
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("bot.worker").setLevel(logging.DEBUG)
    threading.Thread(target=die_with_the_harness, daemon=True).start()
    uvloop.run(main(Naive(sys.argv[1]) if len(sys.argv) > 1 else None))
