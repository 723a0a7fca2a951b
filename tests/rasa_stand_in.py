"""A server in Rasa's place, for what a real one cannot be told to do."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ANSWER = {
    "text": "hello",
    "intent": {"name": "from_rasa", "confidence": 0.9},
    "intent_ranking": [{"name": "from_rasa", "confidence": 0.9}],
    "entities": [],
}


class StandIn:
    """A server in Rasa's place that does what ``handle`` says, and counts who asks."""

    def __init__(self) -> None:
        self.handle: Handler = well
        self.asked = 0
        self.url = ""

    async def parse(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        return await self.handle(request)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["StandIn"]:
        app = web.Application()
        app.router.add_post("/model/parse", self.parse)
        app.router.add_get("/status", status)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self
        finally:
            await runner.cleanup()


async def status(request: web.Request) -> web.Response:
    return web.json_response({"model_file": "models/model.tar.gz", "model_id": "1", "num_active_training_jobs": 0})


async def well(request: web.Request) -> web.Response:
    return web.json_response(ANSWER)
