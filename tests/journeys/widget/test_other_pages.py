"""The widget on pages of other origins: where the shop allows it, it works; elsewhere not even its socket opens."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from tests.journeys.conftest import Server, serving
from tests.journeys.widget.conftest import PATIENT, Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGE = """<!doctype html><html lang="en"><head><title>Another shop</title><link rel="icon" href="data:,">
<style>* {{ font-size: 40px; color: red; }}</style></head>
<body><h1>Another shop</h1>
<script src="{server}/widget.js" data-title="Ask us" data-position="left"></script></body></html>"""

STEAL = """async (server) => {
  const told = {};
  for (const [name, options] of Object.entries({
    session: {method: "POST", body: "{}"},
    json: {method: "POST", body: "{}", headers: {"Content-Type": "application/json"}},
    rest: {},
  })) {
    const path = name === "rest" ? "/webhooks/rest/" : "/api/session";
    told[name] = await fetch(server + path, options).then((answer) => answer.status, (error) => error.name);
  }
  told.socket = await new Promise((resolve) => {
    const socket = new WebSocket(server.replace("http", "ws") + "/ws");
    socket.onopen = () => resolve("open");
    socket.onclose = ({code}) => resolve(code);
  });
  return told;
}"""


class Page:
    """A page with the widget's script, on a port of its own."""

    server = ""
    origin = ""

    async def answer(self, request: web.Request) -> web.Response:
        return web.Response(text=PAGE.format(server=self.server), content_type="text/html")


@asynccontextmanager
async def _page() -> AsyncIterator[Page]:
    page = Page()
    app = web.Application()
    app.router.add_get("/", page.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    page.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield page
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def listed() -> AsyncIterator[Page]:
    async with _page() as page:
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chat(made: Path, tmp_path_factory: pytest.TempPathFactory, listed: Page) -> AsyncIterator[Server]:
    """A Kefu that one other page may use."""
    folder = tmp_path_factory.mktemp("o")
    async with serving(made, folder, writer="none", origins=listed.origin, **PATIENT) as server:
        listed.server = server.url
        yield server


async def test_that_one_script_tag_brings_the_widget_to_a_listed_page(
    chat: Server, visitor: Welcome, listed: Page
) -> None:
    tab = await (await visitor(chat)).visit(listed.origin)
    await tab.open()
    await tab.ask("How much is shipping to Belgium?")
    assert "5.95" in await tab.last_reply()
    await tab.part("sources").click()
    await tab.part("source").first.click()
    await tab.page.locator("kefu-chat [data-filled]").wait_for()
    await tab.ask("Which tents are under 300 euro?")
    picture = tab.part("product").first.locator("img")
    await picture.scroll_into_view_if_needed()
    assert await picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    await assert_as_logged(tab)
    # The page's own style stays outside.
    look = await tab.part("input").evaluate("({fontSize, color} = getComputedStyle(element)) => [fontSize, color]")
    assert "40px" not in look
    assert (await tab.part("window").bounding_box() or {"x": 999})["x"] < 100, "it stands on the left"
    await tab.reload()
    await tab.online()
    await assert_as_logged(tab)


async def test_that_a_page_that_is_not_listed_gets_nothing(chat: Server, visitor: Welcome) -> None:
    mallory = await visitor(chat)
    async with _page() as page:
        page.server = chat.url
        tab = await mallory.visit(page.origin)
        assert await tab.page.evaluate(STEAL, chat.url) == {
            "session": "TypeError",
            "json": "TypeError",
            "rest": "TypeError",
            "socket": 1006,
        }
        await tab.part("launcher").click()
        await tab.part("banner").get_by_text("No connection").wait_for()
    # Chromium says of each of them why it was refused; nothing else went wrong.
    assert all(any(words in problem for words in ("CORS", "ERR_FAILED", "403")) for problem in mallory.problems)
    mallory.problems.clear()
