"""A whole server for a measurement: real HTTP, Redis and action server, with a look at each turn's reasons."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import open_assistant, open_channels
from bot.conversations import open_conversations
from bot.dialogue.project import Domain
from bot.ports import Voice
from bot.records import Conversation, ConversationId, Turn
from bot.settings import Settings

_MADE = ("models", "intents", "index")
"""What `kefu train` and `kefu index` made, which a measurement shares with the server."""


@dataclass(slots=True)
class Served:
    """A server that listens."""

    url: str
    data: Path
    domain: Domain
    turns: dict[ConversationId, list[Turn]] = field(default_factory=dict)
    """The turns of each conversation, in order."""

    def last(self, sender: str) -> Turn | None:
        """The last turn of a REST sender's conversation."""
        turns = self.turns.get(ConversationId(f"rest:{sender}"))
        return turns[-1] if turns else None


@asynccontextmanager
async def serving(settings: Settings, data: Path) -> AsyncIterator[Served]:
    """Serve ``settings``' knowledge inside the block, with a Redis and an action server of its own in ``data``."""
    for name in _MADE:
        if (made := settings.data / name).exists() and not (data / name).exists():
            (data / name).symlink_to(made.resolve())
    own = settings.model_copy(
        update={
            "data": data,
            "host": "127.0.0.1",
            "port": 0,
            "redis_url": None,
            "writer": "none",
            "writer_url": None,
            "desk_hours": "always",
            # No shop that takes orders is touched: the one in ``data``, as whoever measures has filled it.
            **{name: Settings.model_fields[name].default for name in ("shop_url", "shop_return_days", "shop_currency")},
            "shop_demo": False,
            # One machine is every shopper here.
            **dict.fromkeys(("shopper_rate", "shopper_budget", "address_rate", "address_budget"), 1_000_000),
        }
    )
    async with AsyncExitStack() as stack:
        conversations = await stack.enter_async_context(open_conversations(own))
        assistant = await stack.enter_async_context(open_assistant(own, replies=conversations, warm=True))
        turns: dict[ConversationId, list[Turn]] = {}

        async def handle(conversation: Conversation, voice: Voice) -> Turn:
            turn = await assistant.handle(conversation, voice)
            turns.setdefault(conversation.id, []).append(turn)
            return turn

        channels = open_channels(own, conversations, handle, passages=lambda: assistant.retriever.passages)
        url = await stack.enter_async_context(channels)
        yield Served(url, data, assistant.domain, turns)


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for one measurement; its name is short, because a unix socket's path has to be."""
    return tempfile.TemporaryDirectory(prefix="kefu-")
