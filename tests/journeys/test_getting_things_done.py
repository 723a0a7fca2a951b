"""Shoppers get things done over REST: the whole server, its action server and its database, without the writer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from actions.shop import demo
from actions.shop.database import empty, exclusive
from actions.shop.opening import open_shop
from actions.shop.records import Order
from actions.shop.shop import Shop
from bot.dialogue.action_process import serve_actions, wait_until_up
from tests.journeys.conftest import Reply, Server, Shopper, furnish, serving

MILA, AMELIA = "mila.devries@mail.example", "amelia.hart@mail.example"
LI, NOOR, JONAS = "li.wei@mail.example", "noor.bakker@mail.example", "jonas.keller@mail.example"


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """The shop in a folder, made new."""
    shop = open_shop({}, folder)
    with exclusive(shop.engine) as connection:
        empty(connection)
    demo.seed(shop.engine)
    yield shop
    shop.engine.dispose()


@pytest.fixture(scope="module")
def server(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("g")
    furnish(made, folder)
    server = Server(
        folder, {"KEFU_WRITER": "none", "KEFU_DESK_HOURS": "always", "KEFU_SHOP_URL": "", "KEFU_ACTION_TIMEOUT": "60"}
    )
    asyncio.run(ready(server))
    yield server
    assert server.stop() == 0, server.log()


async def ready(server: Server) -> None:
    """Start it, and wait for its action server too, which it does not wait for itself."""
    await server.start()
    async with aiohttp.ClientSession(server.url) as session:
        for _ in range(600):
            async with session.get("/readyz") as response:
                if (await response.json())["actions"] == "ok":
                    return
            await asyncio.sleep(0.1)
    raise AssertionError("the action server does not answer")


@pytest.fixture
def shop(server: Server) -> Iterator[Shop]:
    """The server's own database, as on the demo's first day."""
    with opened(server.data) as shop:
        yield shop


def order(shop: Shop, number: str, email: str) -> Order:
    user = shop.user_by_email(email)
    assert user
    found = shop.order(number, user.id)
    assert found
    return found


def asked(reply: Reply) -> tuple[str | None, list[str]]:
    """The slot that a reply asks for, and what it offers."""
    customs = [row["custom"] for row in reply.rows if "ask" in (row.get("custom") or {})]
    return (customs[-1]["ask"], customs[-1].get("options", [])) if customs else (None, [])


async def test_that_an_order_is_cancelled_after_a_yes_though_a_question_came_between(
    server: Server, shop: Shop
) -> None:
    mila = server.shopper()
    assert asked(await mila.say("I want to cancel my order"))[0] == "shopper"
    assert asked(await mila.say(MILA)) == ("reason", ["No longer needed", "Ordered by mistake"])
    summary = await mila.say("Ordered by mistake")
    assert "LF-204520" in summary.text
    assert asked(summary) == ("confirmed", ["Yes", "No"])
    answered = await mila.say("How long does a refund take?")
    assert "5 working days" in answered.text
    assert asked(answered)[0] == "confirmed"
    assert shop.receipts() == []
    done = await mila.say("Yes")
    assert "LF-204520 is cancelled" in done.text
    assert "receipt" in done.text
    assert order(shop, "LF-204520", MILA).status == "cancelled"
    assert len(shop.receipts()) == 1


async def test_that_two_items_of_three_are_returned(server: Server, shop: Shop) -> None:
    amelia = server.shopper()
    await amelia.say("I'd like to return some things")
    assert asked(await amelia.say("Amelia Hart, S10 2TN"))[0] == "order"
    which = await amelia.say("LF-204823")
    assert asked(which)[0] == "items"
    assert len(asked(which)[1]) == 4
    assert asked(await amelia.say("the trousers and the beanie"))[1] == ["PayPal", "gift card 1204"]
    assert "134.90 EUR" in (await amelia.say("gift card")).text
    assert "is registered" in (await amelia.say("yes")).text
    returned = order(shop, "LF-204823", AMELIA).returned
    assert returned
    assert set(returned.items) == {"LFP-CRAGW-PLUM-M", "LFA-BEAN-BLACK"}


async def test_that_the_other_order_is_asked_for_again(server: Server, shop: Shop) -> None:
    amelia = server.shopper()
    await amelia.say(f"I want to return something, I am {AMELIA}")
    assert "LF-204820" in (await amelia.say("LF-204820")).text
    assert asked(await amelia.say("no, the other order"))[0] == "order"
    which = await amelia.say("LF-204823")
    assert asked(which)[0] == "items"
    assert "LF-204823" in which.text
    await amelia.say("the beanie")
    await amelia.say("PayPal")
    assert "nothing was changed" in (await amelia.say("never mind")).text
    assert shop.receipts() == []


async def test_that_it_is_told_why_the_order_just_shown_cannot_be_cancelled(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say("show my orders")
    await mila.say(MILA)
    assert "Merel Post" in (await mila.say("where is LF-204518?")).text
    told = await mila.say("cancel it")
    assert "LF-204518 is shipped" in told.text
    assert asked(told)[0] == "order"
    assert asked(await mila.say("the first one"))[0] == "reason"
    assert shop.receipts() == []


async def test_that_what_is_not_understood_at_the_summary_is_said_so(server: Server, shop: Shop) -> None:
    mila = server.shopper()
    await mila.say("I want to cancel my order")
    await mila.say(MILA)
    first = await mila.say("Ordered by mistake")
    assert "did not understand" not in first.text
    lost = await mila.say("hmm the purple elephants of it")
    assert "did not understand" in lost.text
    assert asked(lost) == ("confirmed", ["Yes", "No"])
    answered = await mila.say("How long does a refund take?")
    assert "did not understand" not in answered.text
    assert asked(answered)[0] == "confirmed"
    assert shop.receipts() == []


async def test_that_a_variant_that_is_sold_out_is_told_and_another_one_exchanged(server: Server, shop: Shop) -> None:
    wei = server.shopper()
    await wei.say("I want to exchange my boots for another size")
    assert asked(await wei.say(LI))[0] == "items"
    assert asked(await wei.say("the boots"))[0] == "variant_1"
    gone = await wei.say("size 44")
    assert "sold out" in gone.text
    assert asked(gone)[0] == "variant_1"
    assert asked(await wei.say("43"))[0] == "confirmed"
    assert "is registered" in (await wei.say("yes")).text
    exchanged = order(shop, "LF-204713", LI).exchanged
    assert exchanged
    assert list(exchanged.new_items) == ["LFO-CAIRM-BROWN-43"]


async def test_that_the_address_of_a_pending_order_changes(server: Server, shop: Shop) -> None:
    noor = server.shopper()
    await noor.say("I want to change the delivery address of my order")
    assert asked(await noor.say(NOOR))[0] == "new_address"
    assert "3512 LC" in (await noor.say("Nieuwegracht 5, 3512 LC Utrecht")).text
    assert "receipt" in (await noor.say("yes")).text
    assert order(shop, "LF-204905", NOOR).address.city == "Utrecht"


async def test_that_a_wrong_postcode_three_times_calls_a_person(server: Server, shop: Shop) -> None:
    guesser = server.shopper()
    await guesser.say("I want to return something")
    for code in ("1234 AB", "1234 AC"):
        assert "nobody" in (await guesser.say(f"Mila de Vries, {code}")).text
    last = await guesser.say("Mila de Vries, 1234 AD")
    assert "person" in last.text
    assert asked(last)[0] is None
    # No answer of the assistant gives the shopper away afterwards.
    assert "LF-2045" not in (await guesser.say("I want to cancel my order")).text


async def test_that_nobody_touches_anothers_order(server: Server, shop: Shop) -> None:
    mila, jonas = server.shopper(), server.shopper()
    replies = []
    for shopper, email, number in ((mila, MILA, "LF-204602"), (jonas, JONAS, "LF-204520")):
        await shopper.say(f"Please cancel order {number}")
        replies.append(await shopper.say(email))
        replies.append(await shopper.say(number))
        await shopper.say("no longer needed")
        await shopper.say("yes")
    assert all("no order" in reply.text for reply in replies)
    assert order(shop, "LF-204602", JONAS).status == "pending"
    assert order(shop, "LF-204520", MILA).status == "pending"
    assert shop.receipts() == []


class Between:
    """Stands between Kefu and the real action server, as a bad network does."""

    def __init__(self, beyond: str) -> None:
        self._beyond = beyond
        self.mood = "well"
        self.times = 0
        """How often the mood strikes."""

    def strike(self, mood: str, times: int) -> None:
        self.mood, self.times = mood, times

    async def webhook(self, request: web.Request) -> web.StreamResponse:
        call = await request.json()
        submits = call["next_action"] == "action_cancel_order" and self.times > 0
        self.times -= submits
        if submits and self.mood == "down":
            return web.Response(status=503)
        async with aiohttp.ClientSession() as session, session.post(self._beyond, json=call) as answer:
            body: Any = await answer.json()
        if submits and self.mood == "slow":
            await asyncio.sleep(30)
        if submits and self.mood == "nonsense":
            return web.Response(text="<html>It works!</html>")
        return web.json_response(body, status=answer.status)


@asynccontextmanager
async def between(folder: Path) -> AsyncIterator[tuple[str, Between]]:
    async with aiohttp.ClientSession() as session, serve_actions(folder / "actions.log") as beyond:
        await wait_until_up(session, beyond)
        stand = Between(beyond)
        app = web.Application()
        app.router.add_post("/webhook", stand.webhook)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhook", stand
        await runner.cleanup()


@pytest.fixture
async def before_a_yes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Shopper, Shop, Between]]:
    """Mila, who has the summary of a cancelling before her, the shop, and what stands on the way to its actions."""
    monkeypatch.delenv("KEFU_SHOP_URL", raising=False)
    settings = {"writer": "none", "desk_hours": "always", "action_timeout": "12"}
    async with between(tmp_path) as (url, stand):
        with opened(tmp_path) as shop:
            async with serving(made, tmp_path / "k", actions_url=url, **settings) as server:
                mila = server.shopper()
                await mila.say("I want to cancel my order, I ordered it by mistake")
                assert asked(await mila.say(MILA))[0] == "confirmed"
                yield mila, shop, stand


@pytest.mark.parametrize(("mood", "left"), [("down", "pending"), ("nonsense", "cancelled"), ("slow", "cancelled")])
async def test_that_an_outage_of_the_actions_is_told_and_nothing_is_done_twice(
    before_a_yes: tuple[Shopper, Shop, Between], mood: str, left: str
) -> None:
    mila, shop, stand = before_a_yes
    stand.strike(mood, times=2)
    failed = await mila.say("Yes")
    assert "cancelled" not in failed.text
    assert "person" in failed.text
    assert order(shop, "LF-204520", MILA).status == left
    await mila.say("I want to cancel my order LF-204520, it was ordered by mistake")
    again = await mila.say("Yes")
    assert order(shop, "LF-204520", MILA).status == "cancelled"
    assert len(shop.receipts()) == 1
    assert ("receipt" in again.text) is (left == "pending")


@pytest.mark.parametrize("mood", ["down", "nonsense", "slow"])
async def test_that_what_was_done_unheard_is_asked_for_again_and_its_receipt_told(
    before_a_yes: tuple[Shopper, Shop, Between], mood: str
) -> None:
    mila, shop, stand = before_a_yes
    stand.strike(mood, times=1)
    done = await mila.say("Yes")
    assert order(shop, "LF-204520", MILA).status == "cancelled"
    [receipt] = shop.receipts()
    assert receipt.number in done.text
    assert "whether that was done" not in done.text
