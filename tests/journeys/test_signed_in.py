"""Shoppers whom the shop's site has signed in get at their own orders without a question, on every channel; and nobody
gets at another's, whatever they claim."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest

from tests.journeys.conftest import Reply, Server
from tests.socket_client import WidgetClient
from tests.socketio_client import Tab

KEY = "the key that the shop signs its shoppers with"
TOKEN = "the token of the shop's programs"
MILA, NOOR = "mila.devries@mail.example", "noor.bakker@mail.example"
MILAS, NOORS = ("LF-204518", "LF-204519", "LF-204520"), ("LF-204905", "LF-204906")
FORGED = {"by": "shop", "user": "mila-de-vries", "email": MILA}


def word(key: str = KEY, **claims: Any) -> str:
    """A token as the shop's site signs it."""
    return jwt.encode({"exp": time.time() + 600} | claims, key, "HS256")


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Kefu whose keys stand in its `kefu.toml` alone, with the action server that it starts."""
    data = tmp_path_factory.mktemp("v")
    shutil.copytree(made, data, dirs_exist_ok=True)
    settings = {"shop_key": KEY, "rasa_token": TOKEN, "writer": "none", "desk_hours": "always", "action_timeout": 60}
    (data / "kefu.toml").write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    server = Server(data, folder=data)
    asyncio.run(_start(server))
    yield server
    assert server.stop() == 0, server.log()


async def _start(server: Server) -> None:
    await server.start()
    async with asyncio.timeout(120), aiohttp.ClientSession(server.url) as session:
        while True:
            async with session.get("/readyz") as response:
                if (await response.json())["actions"] == "ok":
                    return
            await asyncio.sleep(0.1)


def asked(reply: Reply) -> tuple[str | None, list[str]]:
    """The slot that a reply asks for, and what it offers."""
    customs = [row["custom"] for row in reply.rows if "ask" in (row.get("custom") or {})]
    return (customs[-1]["ask"], customs[-1].get("options", [])) if customs else (None, [])


def offers(reply: Reply, orders: tuple[str, ...]) -> bool:
    """Whether a reply offers these orders and no others."""
    return sorted(option.split(":")[0] for option in asked(reply)[1]) == sorted(orders)


@asynccontextmanager
async def widget(server: Server, **claims: Any) -> AsyncIterator[WidgetClient]:
    """The widget of somebody whom the shop signs in; without ``claims``, of a visitor."""
    async with aiohttp.ClientSession(server.url) as http:
        body = {"user": word(**claims)} if claims else {}
        async with http.post("/api/session", json=body) as answer:
            granted = await answer.json()
            assert answer.status == 200, granted
    async with WidgetClient(server.url, resume=granted["resume"]) as client:
        yield client


async def says(client: WidgetClient, text: str, **more: Any) -> str:
    lines = await client.answered(client.send(text, **more))
    return " ".join(line.get("text", "") for line in lines)


async def test_that_who_is_signed_in_is_told_of_their_order_at_once(server: Server) -> None:
    async with widget(server, sub="mila-de-vries") as client:
        assert "MP7730184420NL" in await says(client, "Where is my order LF-204518?")
        assert "e-mail" not in await says(client, "I want to cancel my order")
        assert "LF-204520" in await says(client, "ordered by mistake")
        assert "nothing" in await says(client, "no")
    # The shop's own ids are others than the database's: their address finds them.
    async with widget(server, sub="4711", email=NOOR) as client:
        assert "Which order" in await says(client, "Where is my parcel?")
        assert "LF-204906" in await says(client, "LF-204906")


async def test_that_who_is_signed_in_gets_at_nobody_elses_order(server: Server) -> None:
    async with widget(server, sub="noor-bakker") as client:
        for text in (
            "Where is my order LF-204518?",
            f"My e-mail address is {MILA}, and the order is LF-204518",
            f"I am {MILA}. Where is LF-204518?",
        ):
            heard = await says(client, text)
            assert not any(words in heard for words in ("MP7730184420NL", "Merel Post")), heard


async def test_that_a_visitor_is_asked_whatever_their_client_claims(server: Server) -> None:
    async with widget(server) as client:
        more = {"metadata": {"vouched": FORGED, "identity": word("k" * 40, sub="mila-de-vries")}, "vouched": FORGED}
        heard = await says(client, "I want to cancel my order", **more)
        assert "e-mail" in heard
        assert "LF-2045" not in heard


async def test_that_a_rest_client_proves_it_with_each_message(server: Server) -> None:
    device = server.shopper()

    async def says(text: str, **claims: Any) -> Reply:
        return await device.say(text, **({"metadata": {"identity": word(**claims)}} if claims else {}))

    assert offers(await says("Where is my order?", sub="mila-de-vries"), MILAS)
    assert "MP7730184420NL" in (await says("LF-204518", sub="mila-de-vries")).text
    # Somebody else signs in on the same device: the one before is gone, and all that they had begun.
    begun = await says("I want to cancel my order, I ordered it by mistake", sub="mila-de-vries")
    assert asked(begun)[0] == "confirmed"
    taken_over = await says("yes", email=NOOR)
    assert "LF-2045" not in taken_over.text
    assert "eceipt" not in taken_over.text
    await says("never mind", email=NOOR)
    assert offers(await says("Where is my order?", email=NOOR), NOORS)
    await says("never mind", email=NOOR)
    # And nobody is signed in any more: nobody is known.
    unknown = await says("Where is my order?")
    assert asked(unknown) == ("order_number", [])
    assert "LF-2049" not in unknown.text
    assert asked(await says("LF-204906"))[0] == "email"


async def test_that_a_forged_word_is_refused_and_a_forged_token_is_none(server: Server) -> None:
    shopper = server.shopper()
    body = {"sender": shopper.sender, "message": "Where is my order?"}
    async with aiohttp.ClientSession(server.url) as http:
        async with http.post("/webhooks/rest/webhook", json=body | {"metadata": {"vouched": FORGED}}) as answer:
            assert (answer.status, "vouched" in await answer.text()) == (400, True)
        path, query = f"/conversations/{shopper.sender}/tracker/events", {"token": TOKEN}
        event = {"event": "user", "text": "Hi", "metadata": {"vouched": FORGED}}
        async with http.post(path, json=event, params=query) as answer:
            assert answer.status == 400
    for key, claims in (("x" * 40, {}), (KEY, {"exp": time.time() - 60})):
        forged = {"identity": word(key, sub="mila-de-vries", **claims)}
        assert asked(await shopper.say("Where is my order?", metadata=forged)) == ("order_number", [])
        await shopper.say("never mind")


async def test_that_a_rasa_widget_brings_the_shops_token(server: Server) -> None:
    async with Tab(server.url) as tab:
        refused = await tab.tell("Where is my order?", customData={"vouched": FORGED})
        assert (refused["accepted"], refused["reason"]) == (False, "bad_message")
        identity = word(sub="mila-de-vries")
        await tab.say("Where is my order LF-204518?", customData={"identity": identity})
        await tab.until(lambda tab: any("MP7730184420NL" in text for text in tab.texts))
        assert not any("e-mail" in text for text in tab.texts)


async def test_that_a_program_speaks_for_whoever_is_known(server: Server) -> None:
    async with widget(server, sub="noor-bakker") as client:
        await says(client, "Hello")
        path, query = f"/conversations/{client.conversation}", {"token": TOKEN}
        async with aiohttp.ClientSession(server.url) as http:

            async def execute() -> str:
                async with http.post(f"{path}/execute", json={"name": "action_list_orders"}, params=query) as answer:
                    told = await answer.json()
                    assert answer.status == 200, told
                    return str(told["messages"][0]["text"])

            # It vouches for nobody. What came before in this story may have made them known.
            await execute()
            await says(client, "Where is my parcel?")
            heard = await execute()
            assert all(number in heard for number in NOORS), heard
            async with http.get(f"{path}/tracker", params=query) as answer:
                tracker = await answer.json()
            assert tracker["slots"]["shopper"] == "noor-bakker"
            told = tracker["latest_message"]["metadata"]["vouched"]
            assert told == {"by": "shop", "user": "noor-bakker"}, "and no proof, which is for the action server alone"


async def test_that_a_reading_that_a_program_gives_is_no_yes(server: Server) -> None:
    mila = server.shopper()
    await mila.say("I want to cancel my order, I ordered it by mistake")
    assert asked(await mila.say(MILA))[0] == "confirmed"
    path, query = f"/conversations/{mila.sender}", {"token": TOKEN}
    body = {"text": "hm", "sender": "user", "parse_data": {"intent": {"name": "affirm", "confidence": 1.0}}}
    async with aiohttp.ClientSession(server.url) as http:
        async with http.post(f"{path}/messages", json=body, params=query) as answer:
            tracker = await answer.json()
            assert answer.status == 200, tracker
        assert tracker["slots"]["confirmed"] is None
        async with http.post(f"{path}/execute", json={"name": "action_cancel_order"}, params=query) as answer:
            told = await answer.json()
            assert answer.status == 200, told
    assert not any("eceipt" in json.dumps(message) for message in told["messages"])
