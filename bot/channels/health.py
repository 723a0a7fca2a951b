"""What a load balancer, Prometheus and a person on call ask this process: does it live, can it take a message."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from bot import __version__
from bot.channels.edge import Edge
from bot.conversations import Conversations
from bot.conversations.opening import is_durable
from bot.errors import NotAllowed, StoreUnavailable
from bot.ports import Writer
from bot.settings import Settings
from bot.telemetry.metrics import CONTENT_TYPE, render
from bot.worker import Worker

_PATIENCE = 2.0
"""Seconds for Redis to answer: whoever asks whether this is ready does not wait for long either."""

_KEPT = 1.0
"""Seconds that a look at Redis and the action server serves whoever asks: anybody may ask, as often as they like."""

Answers = Callable[[], Awaitable[bool]]
"""Whether something outside this process answers now."""


class Health:
    """`/version`, `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        settings: Settings,
        conversations: Conversations,
        worker: Worker,
        edge: Edge,
        *,
        writer: Writer | None = None,
        actions_answer: Answers | None = None,
        recognizer_answers: Answers | None = None,
    ) -> None:
        self._token = settings.metrics_token.get_secret_value() if settings.metrics_token else None
        self._conversations = conversations
        self._worker = worker
        self._load = edge.load
        self._guard = edge.guard
        self._writer = writer
        self._actions_answer = actions_answer
        self._recognizer_answers = recognizer_answers
        self._look: asyncio.Future[tuple[str, str, str]] | None = None
        self._looked = 0.0
        """When the look began, by the loop's clock."""

    def routes(self) -> list[web.RouteDef]:
        """Where these answers are."""
        return [
            web.get("/version", self.version),
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.metrics),
        ]

    async def version(self, request: web.Request) -> web.Response:
        """The version, in the shape of Rasa's `/version`."""
        return web.json_response({"version": __version__, "minimum_compatible_version": __version__})

    async def alive(self, request: web.Request) -> web.Response:
        """The process answers; nothing else is looked at, because restarting it would mend nothing else."""
        return web.json_response({"status": "ok"})

    async def ready(self, request: web.Request) -> web.Response:
        """The process can take a message: it is not about to stop, Redis answers, turns are made.

        It listens only once the models are loaded and have encoded something. What only makes replies poorer does not
        make it unready: a writer that still loads (other rungs answer), actions that do not answer (a person is
        offered), a Rasa server that does not answer (the embedded recognizer reads), a Redis without an append-only
        file (nothing is lost before it stops). All are in the body.
        """
        redis, actions, recognizer = await self._outside()
        if self._load.stopping:
            status = "stopping"
        elif redis == "away" or not self._worker.alive:
            status = "unavailable"
        else:
            status = "ok"
        body: dict[str, Any] = {
            "status": status,
            "redis": redis,
            "worker": "ok" if self._worker.alive else "ended",
            "writer": self._writer.status if self._writer else "none",
            "actions": actions,
            "recognizer": recognizer,
            "shedding": self._load.shedding,
        }
        return web.json_response(body, status=200 if status == "ok" else 503)

    async def metrics(self, request: web.Request) -> web.Response:
        """Everything measured, for Prometheus.

        Raises:
            NotAllowed: the token is missing or wrong; without one in the settings, whoever asks is not near.
        """
        if not self._may_measure(request):
            raise NotAllowed("Metrics need the token in KEFU_METRICS_TOKEN, or to be asked from a trusted network.")
        return web.Response(body=render(), headers={"Content-Type": CONTENT_TYPE})

    def _may_measure(self, request: web.Request) -> bool:
        if self._token is None:
            return self._guard.is_trusted(request)  # Whoever scrapes comes straight.
        scheme, _, told = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(told.strip().encode(), self._token.encode())

    async def _outside(self) -> tuple[str, str, str]:
        """How Redis, the actions and the recognizer are; looked at once, however many ask within `_KEPT`."""
        now = asyncio.get_running_loop().time()
        if self._look is None or now - self._looked > _KEPT:
            self._look, self._looked = asyncio.gather(self._redis(), self._actions(), self._recognizer()), now
        return await asyncio.shield(self._look)  # Who asked first may leave; the others wait for it too.

    async def _redis(self) -> str:
        """``ok``, ``away``, or ``not durable``."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._conversations.ping()
                return "ok" if await is_durable(self._conversations.wire) else "not durable"
        except (StoreUnavailable, TimeoutError):
            return "away"

    async def _actions(self) -> str:
        """``ok``, ``away``, or ``none`` where this server has none."""
        if self._actions_answer is None:
            return "none"
        return "ok" if await self._actions_answer() else "away"

    async def _recognizer(self) -> str:
        """``ok``, or ``degraded`` where Rasa is away and the embedded recognizer reads."""
        return "ok" if self._recognizer_answers is None or await self._recognizer_answers() else "degraded"
