"""A worker in a process of its own, to be killed and frozen: ``python -m tests.chaos.worker_process URL MARKER``."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from bot.conversations import open_conversations
from bot.ports import Voice
from bot.records import Conversation, Trace, Turn, Utterance
from bot.settings import read_settings
from bot.worker import Worker

FROZEN_WITHIN = 1.0


async def main(url: str, marker: Path) -> None:
    """Answer every message with its text and this process's id; the first try of some ends badly."""

    async def handle(conversation: Conversation, voice: Voice) -> Turn:
        text = conversation.mail[0].text
        if text in ("kill", "freeze") and not marker.exists():  # noqa: ASYNC240 (a look at a local file)
            await voice.say(Utterance(f"{text} begun"))
            marker.touch()  # noqa: ASYNC240
            if text == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(FROZEN_WITHIN)  # Whoever saw the marker freezes this process now.
        await asyncio.sleep(0.002)
        answers = tuple(Utterance(f"{mail.text} by {os.getpid()}") for mail in conversation.mail)
        return Turn(answers, conversation.state, Trace())

    settings = read_settings({"redis_url": url, "lease": 1, "turns": 8})
    until = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, until.set)
    async with open_conversations(settings) as conversations, Worker(conversations, handle, settings):
        print("ready", flush=True)  # noqa: T201 (told to the test)
        await until.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
