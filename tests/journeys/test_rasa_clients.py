"""A team with Rasa's widgets and programs points them at Kefu: they go on as they were, on the whole server."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from rasa_sdk import Tracker

from bot.conversations.embedded import EmbeddedRedis
from tests.journeys.conftest import Server, serving
from tests.socketio_client import Tab

TOKEN = "the token of the shop's programs"
CALM = {"writer": "none", "desk_hours": "always", "rasa_token": TOKEN}


async def ask(server: Server, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(server.url) as http,
        http.request(method, path, json=body, params={"token": token} if token else {}) as answer,
    ):
        return answer.status, await answer.json()


async def actions_answer(server: Server) -> None:
    """Wait for the action server, which starts beside Kefu and takes its time."""
    async with asyncio.timeout(120):
        while (await ask(server, "GET", "/readyz"))[1]["actions"] != "ok":  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_that_an_order_is_looked_up_in_a_widget_and_a_program_reads_the_tracker(
    made: Path, tmp_path: Path
) -> None:
    async with serving(made, tmp_path / "d", **CALM) as server, Tab(server.url) as tab:
        await actions_answer(server)
        await tab.say("Where is my parcel?")
        await tab.until(lambda tab: any("order number" in text for text in tab.texts))
        status, found = await ask(server, "GET", f"/conversations/{tab.session}/tracker")
        assert (status, found["active_loop"]["name"]) == (200, "order_status_form")
        await tab.say("LF-204518")
        await tab.until(lambda tab: any("mail" in text for text in tab.texts[1:]))
        await tab.say("mila.devries@mail.example")
        await tab.until(lambda tab: any("Merel Post" in text for text in tab.texts))
        _, found = await ask(server, "GET", f"/conversations/{tab.session}/tracker")
        tracker = Tracker.from_dict(found)  # type: ignore[no-untyped-call]
        assert tracker.get_latest_input_channel() == "socketio"
        assert tracker.latest_action_name == "action_listen"
        said = [event["text"] for event in tracker.events if event["event"] == "bot"]
        assert said == tab.texts, "the widget was told what the tracker has"
        assert [event["name"] for event in tracker.events if event["event"] == "action"].count(
            "action_order_status"
        ) == 1


async def test_that_a_program_triggers_executes_and_parses(made: Path, tmp_path: Path) -> None:
    async with serving(made, tmp_path / "d", **CALM) as server, Tab(server.url) as tab:
        await tab.say("Hello")
        await tab.until(lambda tab: tab.texts)
        name = tab.session
        heard = len(tab.texts)
        status, answer = await ask(server, "POST", f"/conversations/{name}/trigger_intent", {"name": "goodbye"})
        assert status == 200
        await tab.until(lambda tab: len(tab.texts) > heard)
        assert answer["messages"][0]["text"] == tab.texts[-1], "the shopper sees what the program is told"
        events = [
            {"event": "slot", "name": "order_number", "value": "LF-204518"},
            {"event": "slot", "name": "email", "value": "mila.devries@mail.example"},
        ]
        status, tracker = await ask(server, "POST", f"/conversations/{name}/tracker/events", events)
        assert (status, tracker["slots"]["order_number"]) == (200, "LF-204518")
        await actions_answer(server)
        status, answer = await ask(server, "POST", f"/conversations/{name}/execute", {"name": "action_order_status"})
        assert status == 200, answer
        assert "Merel Post" in answer["messages"][0]["text"]
        status, parsed = await ask(server, "POST", "/model/parse", {"text": "I want to talk to a person"})
        assert (status, parsed["intent"]["name"]) == (200, "talk_to_human")
        status, domain = await ask(server, "GET", "/domain")
        assert status == 200
        assert "utter_greet" in domain["responses"]
        assert (await ask(server, "GET", "/domain", token=None))[0] == 401


async def test_that_a_widget_hears_all_once_though_its_server_is_killed(made: Path, tmp_path: Path) -> None:
    async with (
        EmbeddedRedis(tmp_path / "r").running() as url,
        serving(made, tmp_path / "a", redis_url=url, lease="1", **CALM) as first,
        serving(made, tmp_path / "b", redis_url=url, lease="1", **CALM) as second,
    ):
        tab = Tab(first.url, transports=("websocket",), reconnect=False)
        await tab.open()
        await tab.tell("Hello", "m1")
        await tab.until(lambda tab: tab.texts)
        await tab.tell("Do you ship to Switzerland?", "m2")
        first.kill()
        await tab.until(lambda tab: tab.disconnects)
        await tab.close()
        async with Tab(second.url, tab.session, transports=("websocket",)) as elsewhere:
            assert (await elsewhere.tell("Do you ship to Switzerland?", "m2"))["accepted"], "sent again, to be sure"
            await elsewhere.tell("bye", "m3")

            async def all_answered() -> list[str]:
                """What the assistant said, once every message has its turn."""
                while True:
                    _, found = await ask(second, "GET", f"/conversations/{tab.session}/tracker")
                    if [event["event"] for event in found["events"]].count("user") == 3 and (
                        found["events"][-1].get("name") == "action_listen"
                    ):
                        return [event["text"] for event in found["events"] if event["event"] == "bot"]
                    await asyncio.sleep(0.2)

            async with asyncio.timeout(60):
                said = await all_answered()
            heard = len(tab.texts)
            assert tab.texts == said[:heard]
            # What the first server had sent and nobody confirmed before it died may come again, and nothing may lack.
            await elsewhere.until(lambda tab: tab.texts[-1:] == said[-1:])
            assert elsewhere.texts == said[len(said) - len(elsewhere.texts) :]
            assert len(elsewhere.texts) >= len(said) - heard


async def test_that_a_callback_server_gets_what_was_said_while_it_was_down(made: Path, tmp_path: Path) -> None:
    took: list[tuple[str, dict[str, Any]]] = []
    up = False

    async def receive(request: web.Request) -> web.Response:
        if not up:
            return web.Response(status=503)
        took.append((request.headers["Idempotency-Key"], await request.json()))
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/replies", receive)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    address = f"http://127.0.0.1:{runner.addresses[0][1]}/replies"
    try:
        async with serving(made, tmp_path / "d", callback_url=address, lease="1", **CALM) as server:
            body = {"sender": "mila", "message": "Hello", "message_id": "m1"}
            async with aiohttp.ClientSession(server.url) as http:
                async with http.post("/webhooks/callback/webhook", json=body) as answer:
                    assert (answer.status, await answer.text()) == (200, "success")
                while "tried again later" not in server.log():  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0.1)
            server.kill()
            up = True
            await server.start()
            async with asyncio.timeout(60):
                while not took:  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0.1)
        assert [row["recipient_id"] for _, row in took] == ["mila"] * len(took)
        assert len({key for key, _ in took}) == len(took)
    finally:
        await runner.cleanup()
