"""An OpenAI-compatible endpoint under a test's control: what it writes, how slowly, and whether at all."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Endpoint:
    """Streams ``write(messages)`` word by word with ``pause`` seconds between words; ``asked`` counts the calls.

    With ``held`` it sends nothing until that is set; ``pending`` counts the calls that wait for it.
    """

    write: Callable[[list[dict[str, Any]]], str]
    pause: float = 0.0
    held: asyncio.Event | None = None
    pending: int = 0
    url: str = ""
    prompts: list[list[dict[str, Any]]] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return len(self.prompts)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "test", "object": "model"}]})

    async def complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.prompts.append(body["messages"])
        if self.held:
            self.pending += 1
            await self.held.wait()
            self.pending -= 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in self.write(body["messages"]).split(" "):
            chunk = {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word + " "}}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
            await asyncio.sleep(self.pause)
        await response.write(b"data: [DONE]\n\n")
        return response

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Endpoint"]:
        app = web.Application()
        app.router.add_get("/v1/models", self.models)
        app.router.add_post("/v1/chat/completions", self.complete)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            await runner.cleanup()
