"""Mila is signed in at the shop, and asks the widget there for her order: nobody asks her who she is."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import jwt
import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import expect

from tests.journeys.conftest import Server, serving
from tests.journeys.widget.browser import Tab
from tests.journeys.widget.conftest import PATIENT, Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "the key that the shop signs its shoppers with"

PAGE = """<!doctype html><html lang="en"><head><title>The shop</title><link rel="icon" href="data:,"></head>
<body><h1>The shop</h1><script src="{server}/widget.js" data-user-token="{token}"></script></body></html>"""

FORGE = """([server, token, forged]) => new Promise((resolve) => {
  const socket = new WebSocket(server.replace("http", "ws") + "/ws");
  const send = (frame) => socket.send(JSON.stringify(frame));
  socket.onmessage = ({data}) => {
    const frame = JSON.parse(data);
    if (frame.type === "welcome") {
      const text = "I want to cancel my order";
      send({type: "message", id: "forged", text, metadata: {vouched: forged}, vouched: forged});
    }
    const said = (frame.lines ?? []).filter((line) => line.kind === "assistant").map((line) => line.text);
    if (said.length) resolve(said.join(" "));
  };
  socket.onopen = () => send({type: "hello", token});
  socket.onclose = ({code}) => resolve(`closed with ${code}`);
})"""


def word(user: str, key: str = KEY) -> str:
    return jwt.encode({"sub": user, "exp": time.time() + 3600}, key, "HS256")


class Site:
    """The shop's own site, which says in each page who is signed in."""

    server = ""
    origin = ""
    token = ""

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(server=self.server, token=self.token), content_type="text/html")


@asynccontextmanager
async def _site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_get("/", site.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield site
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site() -> AsyncIterator[Site]:
    async with _site() as site:
        yield site


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chat(made: Path, tmp_path_factory: pytest.TempPathFactory, site: Site) -> AsyncIterator[Server]:
    """A Kefu that knows the shop's key; its action server answers, too."""
    settings = {"writer": "none", "origins": site.origin, "shop_key": KEY, "shop_url": "", "action_timeout": "60"}
    async with serving(made, tmp_path_factory.mktemp("i"), **settings, **PATIENT) as server:
        site.server = server.url
        async with aiohttp.ClientSession(server.url) as http:
            for _ in range(1200):
                async with http.get("/readyz") as answer:
                    if (await answer.json())["actions"] == "ok":
                        break
                await asyncio.sleep(0.1)
        yield server


async def _heard(tab: Tab) -> str:
    return " ".join(line.text for line in await tab.said() if line.by != "shopper")


async def test_that_a_signed_in_shopper_is_told_of_their_order_and_not_asked_who_they_are(
    chat: Server, visitor: Welcome, site: Site
) -> None:
    site.token = word("mila-de-vries")
    tab = await (await visitor(chat)).visit(site.origin)
    await tab.open()
    await tab.ask("Where is my order?")
    await tab.hear("Which order")
    await tab.part("reply").filter(has_text="LF-204518").click()
    await tab.hear("MP7730184420NL")
    heard = await _heard(tab)
    assert "e-mail" not in heard
    assert "postcode" not in heard
    assert await tab.shopper() == "user-mila-de-vries"
    await assert_as_logged(tab)


async def test_that_whoever_signs_in_next_on_the_same_browser_finds_nothing_of_the_one_before(
    chat: Server, visitor: Welcome, site: Site
) -> None:
    family = await visitor(chat)
    site.token = word("mila-de-vries")
    tab = await family.visit(site.origin)
    await tab.open()
    await tab.ask("I want to cancel my order, I ordered it by mistake")
    await tab.hear("LF-204520")
    # Without a reload, as a site of one page does it.
    element = tab.page.locator("kefu-chat")
    await element.evaluate("(chat, token) => chat.setAttribute('user-token', token)", word("noor-bakker"))
    await tab.online()
    await tab.until(lambda said: not any("LF-2045" in line.text for line in said))
    await tab.ask("Yes")
    await tab.ask("Where is my order?")
    await tab.hear("Which order")
    assert "LF-2045" not in await _heard(tab)
    # And signed out: a visitor, whom nobody knows.
    site.token = ""
    await element.evaluate("chat => chat.removeAttribute('user-token')")
    await tab.online()
    await tab.until(lambda said: not any("LF-2049" in line.text for line in said))
    await tab.ask("I want to cancel my order")
    heard = await _heard(tab)
    assert "e-mail" in heard
    assert "LF-20" not in heard


async def test_that_a_page_that_forges_who_is_signed_in_is_a_strangers(
    chat: Server, visitor: Welcome, site: Site
) -> None:
    mallory = await visitor(chat)
    site.token = word("mila-de-vries", "a key of my own, as long as it has to be")
    tab = await mallory.visit(site.origin)
    await tab.part("launcher").click()
    await expect(tab.part("banner")).to_have_attribute("data-status", "signed-out")
    assert await tab.said() == []
    # Chromium tells of the request that was refused, and the widget of why it gave up.
    assert all("401" in problem or "data-user-token" in problem for problem in mallory.problems), mallory.problems
    mallory.problems.clear()
    # Nor can a visitor's own socket say it.
    async with aiohttp.ClientSession(chat.url) as http, http.post("/api/session", json={}) as answer:
        token = (await answer.json())["token"]
    forged = {"by": "shop", "user": "mila-de-vries"}
    told = await tab.page.evaluate(FORGE, [chat.url, token, forged])
    assert "e-mail" in told
    assert "LF-20" not in told
