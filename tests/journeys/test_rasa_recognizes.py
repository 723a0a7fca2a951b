"""A shop that lets a Rasa server recognize: its reading counts, and when it hangs only the operator notices."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from bot.records import Floor
from tests.journeys.conftest import Server, serving
from tests.journeys.evidence import entries, last_turn
from tests.rasa_stand_in import StandIn


async def told(server: Server, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession(server.url) as session, session.get(path) as answer:
        return answer.status, await answer.text()


def reads(*ranking: tuple[str, float]) -> Any:
    rows = [{"name": name, "confidence": confidence} for name, confidence in ranking]

    async def handle(request: web.Request) -> web.Response:
        return web.json_response({"intent": rows[0], "intent_ranking": rows, "entities": []})

    return handle


async def test_that_rasas_reading_decides_and_its_absence_is_seen_by_the_operator_only(
    made: Path, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=500)

    async with StandIn().serving() as rasa:
        rasa.handle = reads(("talk_to_human", 0.97), ("greet", 0.02))
        settings = {"recognizer": "rasa", "rasa_url": rasa.url, "rasa_timeout": "0.5", "writer": "none"}
        async with serving(made, tmp_path / "d", **settings) as server:
            mila = server.shopper()
            await mila.say("banana")
            trace = await last_turn(server, mila)
            assert (trace.intents[0].name, trace.notes) == ("talk_to_human", ())
            assert any(entry.floor is Floor.WAITING for entry in await entries(server, mila.sender))
            assert '"recognizer": "ok"' in (await told(server, "/readyz"))[1]

            rasa.handle, asked = hang, rasa.asked
            jonas = server.shopper()
            for _ in range(5):
                assert (await jonas.say("Hello")).text
            trace = await last_turn(server, jonas)
            assert trace.intents[0].name == "greet"
            assert "The embedded recognizer read this." in trace.notes[-1]
            assert rasa.asked < asked + 5, "not every message waited for it"
            async with asyncio.timeout(10):
                # What was seen at the last look is told for a moment.
                while '"recognizer": "degraded"' not in (await told(server, "/readyz"))[1]:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert (await told(server, "/readyz"))[0] == 200
            assert 'kefu_rasa_fallbacks_total{reason="timeout"}' in (await told(server, "/metrics"))[1]
            release.set()
