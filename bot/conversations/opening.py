"""Opens the conversations that the settings name: over a configured Redis or Redis Cluster, or one started here."""

import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bot.conversations.cluster import open_wire
from bot.conversations.connection import Wire
from bot.conversations.durability import weaknesses
from bot.conversations.embedded import OLDEST, EmbeddedRedis
from bot.conversations.store import Conversations
from bot.errors import SettingError
from bot.settings import Settings

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_conversations(settings: Settings, push: frozenset[str] = frozenset()) -> AsyncIterator[Conversations]:
    """The conversations, open inside the block; ``push`` names the channels whose replies go to the outbox.

    Raises:
        StoreUnavailable: Redis does not answer, or no server program was found.
        SettingError: ``redis_url`` names a Redis that is too old.
    """
    async with AsyncExitStack() as stack:
        url = settings.redis_url
        if url is None:
            url = await stack.enter_async_context(EmbeddedRedis(settings.data).running())
        wire = await open_wire(url)
        stack.push_async_callback(wire.aclose)
        told = (await wire.ask("INFO", "server")).decode()
        version = re.search(r"redis_version:((\d+)\S*)", told)  # Valkey tells the Redis that it stands for.
        if version is None or int(version[2]) < OLDEST:
            found = version[1] if version else "of no known version"
            raise SettingError(f"redis_url (KEFU_REDIS_URL) names a Redis {found}; it has to be {OLDEST} or later.")
        for weakness in await weaknesses(wire) if settings.redis_url else ():
            _log.warning("redis_url names a Redis that %s", weakness)
        conversations = Conversations(wire, retention=settings.retention, push=push)
        stack.push_async_callback(conversations.aclose)
        yield conversations


async def is_durable(wire: Wire) -> bool:
    """Whether Redis, every node of it, keeps what it accepted, whatever happens to it, as far as its settings tell.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    return not await weaknesses(wire)
