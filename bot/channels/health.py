"""What a load balancer and a person on call ask this process: which version, is it alive, can it take a message."""

from aiohttp import web

from bot import __version__
from bot.conversations import Conversations
from bot.errors import StoreUnavailable
from bot.ports import Writer
from bot.worker import Worker


class Health:
    """`/version`, `/healthz` and `/readyz`."""

    def __init__(self, conversations: Conversations, worker: Worker, writer: Writer | None) -> None:
        self._conversations = conversations
        self._worker = worker
        self._writer = writer

    def routes(self) -> list[web.RouteDef]:
        """Where these answers are."""
        return [
            web.get("/version", self.version),
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
        ]

    async def version(self, request: web.Request) -> web.Response:
        """The version, in the shape of Rasa's `/version`."""
        return web.json_response({"version": __version__, "minimum_compatible_version": __version__})

    async def alive(self, request: web.Request) -> web.Response:
        """The process answers."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """The process can take a message: the encoder is loaded (it listens only then), Redis answers, turns are made.

        The writer may still be loading: until it is `ready`, other rungs answer.
        """
        try:
            await self._conversations.ping()
        except StoreUnavailable as exc:
            return web.json_response({"status": "unavailable", "redis": str(exc)}, status=503)
        if not self._worker.alive:
            return web.json_response({"status": "unavailable", "worker": "it ended; restart this server"}, status=503)
        return web.json_response({"status": "ok", "writer": self._writer.status if self._writer else "none"})
