"""Mila reloads, walks into a tunnel, closes the lid; the server is killed. No line is lost, and none comes twice."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from bot.conversations import open_conversations, privacy
from bot.settings import Settings
from tests.journeys.conftest import Server, serving
from tests.journeys.endpoint import Endpoint
from tests.journeys.widget.browser import PHONE, Tab, Visitor
from tests.journeys.widget.conftest import PATIENT, Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUESTION = "Who pays the customs duties for an order to Switzerland?"
FIRST = "The customs duties for an order to Switzerland are paid by the buyer."
SECOND = "We attach the customs declaration and an invoice to every parcel."
SLOWLY = 0.15  # seconds a word: a sentence takes longer than a reload


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def slow(made: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """A shop whose writer takes its time, and whose sessions end after seconds."""
    async with (
        Endpoint(lambda messages: f"{FIRST} {SECOND}", pause=SLOWLY).serving() as endpoint,
        serving(
            made,
            tmp_path_factory.mktemp("s"),
            writer_url=endpoint.url,
            writer_timeout="20",
            session_lifetime="5",
            lease="1",
            **PATIENT,
        ) as server,
    ):
        server.environment["KEFU_PORT"] = str(server.port)  # It comes back where it was.
        yield server


async def test_that_somebody_is_seen_to_type_until_the_answer_stands(slow: Server, visitor: Welcome) -> None:
    tab = await (await visitor(slow)).visit()
    await tab.open()
    await tab.type(QUESTION)
    await expect(tab.part("typing")).to_be_visible()
    await expect(tab.part("typing")).to_have_text("The assistant is typing")
    await tab.hear(FIRST)
    assert SECOND not in await tab.last_reply(), "sentences come one by one"
    await tab.hear(SECOND)
    await expect(tab.part("typing")).to_be_hidden()
    assert len(await assert_as_logged(tab)) == 2


@pytest.mark.parametrize("heard", [False, True], ids=["before it began", "in the middle"])
async def test_that_a_reply_goes_on_after_a_reload(slow: Server, visitor: Welcome, heard: bool) -> None:
    tab = await (await visitor(slow, **PHONE)).visit()
    await tab.open()
    # In other words than the others: what was written once is not written again.
    if heard:
        await tab.type(f"Hi, {QUESTION}")
        await tab.hear(FIRST)
    else:
        await tab.type(f"Hey, {QUESTION}")
        await tab.until(lambda said: said and said[-1].state == "sent")
    await tab.reload()
    await tab.open()
    await tab.hear(SECOND)
    said = await assert_as_logged(tab)
    assert len(said) == 2
    assert said[1].text.count(FIRST) == 1


async def test_that_a_conversation_stands_as_it_was_after_a_reload(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    for question in ("Hello", "How much is shipping to Belgium?", "Which tents are under 300 euro?"):
        await tab.ask(question)
    before = await assert_as_logged(tab)
    cards = await tab.part("product").count()
    await tab.reload()
    await tab.online()
    assert await tab.part("window").is_visible(), "on a desktop it is open again"
    assert await assert_as_logged(tab) == before
    assert await tab.part("product").count() == cards


async def test_that_what_was_typed_offline_is_sent_once_after_a_reload(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    tab = await mila.visit()
    await tab.open()
    await tab.ask("Hello")
    await _remember_pages(mila)
    mila.loses_network = True
    await mila.context.set_offline(True)
    await _cut(tab)
    questions = ["How much is shipping to Belgium?", "And how long does it take?"]
    for question in questions:
        await tab.type(question)
    await tab.reload()
    await tab.part("launcher").and_(tab.page.locator("[aria-expanded=true]")).wait_for()
    waiting = await tab.until(lambda said: len(said) == 2)
    assert [(line.text, line.state) for line in waiting] == [(question, "queued") for question in questions]
    await mila.context.unroute_all()
    await mila.context.set_offline(False)
    await tab.online()
    said = await assert_as_logged(tab)
    assert [line.text for line in said if line.by == "shopper"] == ["Hello", *questions]


async def test_that_a_page_that_slept_shows_what_was_said_meanwhile(demo: Server, visitor: Welcome) -> None:
    """Frozen as a browser freezes a tab that nobody has looked at for long: no timer and no socket runs."""
    mila = await visitor(demo)
    tab = await mila.visit()
    await tab.open()
    await tab.ask("Hello")
    awake = await mila.visit()
    session = await mila.context.new_cdp_session(tab.page)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    await awake.open()
    await awake.ask("How much is shipping to Belgium?")
    await session.send("Page.setWebLifecycleState", {"state": "active"})
    assert await assert_as_logged(tab) == await assert_as_logged(awake)


async def test_that_a_tunnel_loses_nothing(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    mila.loses_network = True
    tab = await mila.visit()
    await tab.open()
    await tab.ask("Hello")
    await mila.context.set_offline(True)
    # The socket looks well for some seconds more, and swallows the first of these.
    await tab.type("How much is shipping to Belgium?")
    await _cut(tab)
    await tab.type("How long can I return something?")
    await tab.until(lambda said: [line.state for line in said[-2:]] == ["queued", "queued"])
    await mila.context.set_offline(False)
    said = await assert_as_logged(tab)
    assert [line.text for line in said if line.by == "shopper"] == [
        "Hello",
        "How much is shipping to Belgium?",
        "How long can I return something?",
    ]


async def test_that_a_killed_server_loses_nothing(slow: Server, visitor: Welcome) -> None:
    """Killed in the middle of a reply, away while the shopper writes on, and started again."""
    mila = await visitor(slow)
    mila.loses_network = True
    tab = await mila.visit()
    await tab.open()
    await tab.type(f"Dear shop, {QUESTION}")
    await tab.hear(FIRST)
    slow.kill()
    await tab.type("How much is shipping to Belgium?")
    await tab.until(lambda said: said[-1].state == "queued")
    await slow.start()
    await tab.hear("5.95")
    said = await assert_as_logged(tab)
    # The end of the first reply may stand above or below the second question, but all of it stands there once.
    assert sum(line.by == "shopper" for line in said) == 2
    heard = " ".join(line.text for line in said)
    assert [heard.count(words) for words in (FIRST, SECOND, "5.95 EUR")] == [1, 1, 1]


async def test_that_an_erased_conversation_starts_anew(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    mila.loses_network = True
    tab = await mila.visit()
    await tab.open()
    await tab.ask("Hello")
    shopper = await tab.shopper()
    await mila.context.set_offline(True)
    await _cut(tab)
    async with open_conversations(Settings(data=demo.data)) as conversations:
        assert await privacy.erase(conversations, shopper) == 1
    await mila.context.set_offline(False)
    await tab.online()
    await tab.until(lambda said: not said)
    await tab.ask("How much is shipping to Belgium?")
    said = await assert_as_logged(tab)
    assert [line.by for line in said] == ["shopper", "assistant"]
    assert await tab.shopper() == shopper


async def test_that_a_session_that_ends_is_renewed_on_the_open_page(slow: Server, visitor: Welcome) -> None:
    tab = await (await visitor(slow)).visit()
    given: list[str] = []
    tab.page.on("response", lambda response: given.append(response.url) if "/api/session" in response.url else None)
    sockets: list[str] = []
    tab.page.on("websocket", lambda socket: sockets.append(socket.url))
    await tab.open()
    await asyncio.sleep(6)  # Longer than a session lives.
    await tab.ask("How much is shipping to Belgium?")
    await assert_as_logged(tab)
    assert len(given) >= 2
    assert len(sockets) == 1, "one socket outlives its first session"


async def _cut(tab: Tab) -> None:
    """Wait until the widget knows that the line is dead; an open socket survives `set_offline` of itself."""
    await expect(tab.part("banner")).to_have_attribute("data-status", "offline")


async def _remember_pages(visitor: Visitor) -> None:
    """Have the shop's page come from the browser's memory, as an installed shop's does; all else is the network's."""
    server = visitor.server.url
    kept = {
        f"{server}{path}": await visitor.context.request.get(f"{server}{path}")
        for path in ("/", "/widget.js", "/demo/shop.js", "/demo/shop.css", "/demo/mark.svg")
    }

    async def answer(route: Route) -> None:
        if (response := kept.get(route.request.url)) is not None:
            await route.fulfill(response=response)
        else:
            await route.abort("internetdisconnected")

    await visitor.context.route(f"{server}/**", answer)
