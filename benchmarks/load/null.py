"""Kefu with an assistant that thinks of nothing: every channel, queue, fence and log, and no model.

    python -m benchmarks.load.null

It is set by `KEFU_…` like `kefu serve`. What is left of a turn's cost is what promise 1 costs.
"""

import asyncio
import signal

import uvloop

from bot.app import open_channels, settle
from bot.conversations import open_conversations
from bot.ports import Voice
from bot.records import Conversation, Trace, Turn, Utterance
from bot.settings import read_settings


async def echo(conversation: Conversation, voice: Voice) -> Turn:
    return Turn((Utterance(conversation.mail[-1].text),), conversation.state, Trace())


async def main() -> None:
    until = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, until.set)
    settings = read_settings()
    async with open_conversations(settings) as conversations, open_channels(settings, conversations, echo):
        settle()
        await until.wait()


if __name__ == "__main__":
    uvloop.run(main())
