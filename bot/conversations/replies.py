"""Grounded replies that are kept for the next shopper who asks the same."""

from redis.asyncio import Redis

from bot.conversations import codec, keys
from bot.conversations.connection import ask
from bot.records import Utterance


class RedisReplies:
    """`bot.ports.Replies` in Redis, shared by every process of the shop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def recall(self, key: str) -> tuple[Utterance, ...] | None:
        """The reply kept under ``key``, or None.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        reply = await ask(self._redis, "GET", keys.reply(key))
        return None if reply is None else codec.decode_reply(reply)

    async def remember(self, key: str, reply: tuple[Utterance, ...]) -> None:
        """Keep a checked, impersonal reply for as long as `keys.REPLY`.

        Raises:
            StoreUnavailable: Redis does not answer.
        """
        lifetime_ms = round(keys.REPLY.total_seconds() * 1000)
        await ask(self._redis, "SET", keys.reply(key), codec.encode(reply), "PX", lifetime_ms)
