"""Chromium as shoppers use it: who visits, which tabs they have, what stands there, and what went wrong unseen."""

import asyncio
import json
import re
import shutil
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    async_playwright,
    expect,
)

from tests.journeys.conftest import Server

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that a test answers itself comes from nowhere, and may call a server on this machine all the same.
    "--disable-features=LocalNetworkAccessChecks",
)
"""What a container allows, and nothing that Chromium does for itself."""

PATIENCE_MS = 30_000
"""A bound for hanging: many things happen at once on the machine of a test."""

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}

_LOOPBACK = re.compile(r"(https?|wss?)://(127\.0\.0\.1|localhost|\[::1\])[:/]|(data|blob|about):")
_CUT = re.compile(r"net::ERR_|WebSocket connection to .* failed")
"""How Chromium itself tells of a network that is gone; no page can keep it from doing so."""

_SAID = """() => [...document.querySelector("kefu-chat").shadowRoot.querySelectorAll("article[part]")].map((line) => {
  const bubble = line.querySelector("[part=bubble]")?.cloneNode(true);
  bubble?.querySelectorAll(".unseen").forEach((words) => words.remove());
  return {
    by: line.getAttribute("part").split(" ").at(-1),
    id: line.dataset.message ?? line.dataset.line,
    text: bubble?.textContent ?? "",
    state: line.dataset.state ?? "",
  };
})"""


class Said(NamedTuple):
    """One bubble on the screen."""

    by: str
    id: str
    """The message's id, or that of the first log line in it."""
    text: str
    state: str
    """Of a shopper's: `sent`, `queued`, `sending`, `held` or `refused`."""


@dataclass
class Tab:
    """One page with the widget in it. ``problems`` is what no shopper may ever have."""

    page: Page
    server: Server
    problems: list[str]

    def part(self, name: str) -> Locator:
        """Everything in the widget that has this part."""
        return self.page.locator(f"kefu-chat [part~={name}]")

    async def open(self) -> None:
        """Open the window and wait until it is connected."""
        if await self.part("window").is_hidden():
            await self.part("launcher").click()
        await self.online()

    async def online(self) -> None:
        await expect(self.part("banner")).to_have_attribute("data-status", "online")

    async def type(self, text: str) -> None:
        """Write and send, as with a keyboard."""
        await self.part("input").fill(text)
        await self.part("input").press("Enter")

    async def ask(self, text: str) -> None:
        """Send a message, and wait until it is answered."""
        before = len(await self.said())
        await self.type(text)
        await self.until(lambda said: len(said) > before + 1 and said[-1].by != "shopper")
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until all that was said is sent and answered."""
        await self.until(lambda said: all(line.state in ("", "sent", "refused") for line in said))
        await expect(self.part("typing")).to_be_hidden()

    async def said(self) -> list[Said]:
        """What stands in the transcript, from top to bottom."""
        return [Said(**line) for line in await self.page.evaluate(_SAID)]

    async def until(self, condition: Callable[[list[Said]], object]) -> list[Said]:
        """Wait until ``condition`` holds for the transcript."""
        said: list[Said] = []
        try:
            async with asyncio.timeout(PATIENCE_MS / 1000):
                while not condition(said := await self.said()):
                    await self.page.wait_for_timeout(50)
        except TimeoutError:
            raise AssertionError(f"waited in vain: {said}") from None
        return said

    async def hear(self, words: str) -> list[Said]:
        """Wait until the last that was said to the shopper has ``words`` in it."""
        return await self.until(lambda said: said and said[-1].by != "shopper" and words in said[-1].text)

    async def last_reply(self) -> str:
        return [line.text for line in await self.said() if line.by != "shopper"][-1]

    async def shopper(self) -> str:
        """Who the shopper is to the server."""
        resume = await self.page.evaluate(
            "() => Object.entries(localStorage).find(([key]) => key.startsWith('kefu:resume:'))[1]"
        )
        claims = resume.split(".")[1]
        return str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])

    async def reload(self) -> None:
        await self.page.reload()
        await expect(self.part("launcher")).to_be_attached()


@dataclass
class Visitor:
    """One browser with its own storage; each of its tabs is the same shopper."""

    context: BrowserContext
    server: Server
    problems: list[str] = field(default_factory=list)
    loses_network: bool = False
    """Chromium's own complaints of a network that is gone are expected."""

    async def visit(self, address: str | None = None) -> Tab:
        """Open a tab: the demo shop, or another page."""
        page = await self.context.new_page()
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("dialog", self._refuse)
        await page.goto(address or f"{self.server.url}/")
        tab = Tab(page, self.server, self.problems)
        await expect(tab.part("launcher")).to_be_attached()
        return tab

    def _hear(self, message: ConsoleMessage) -> None:
        cut = self.loses_network and _CUT.search(message.text)
        if message.type in ("error", "warning") and not cut:
            self.problems.append(f"console {message.type}: {message.text} ({message.location})")

    async def _refuse(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def watch(self, request: Request) -> None:
        """No request leaves this machine."""
        if not _LOOPBACK.match(request.url):
            self.problems.append(f"request to {request.url}")


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """The browser of all journeys."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"None of {', '.join(PROGRAMS)} is on the PATH. `make test` installs it on Debian and Ubuntu.")
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        await browser.close()


@asynccontextmanager
async def visiting(browser: Browser, server: Server, **options: Any) -> AsyncIterator[Visitor]:
    """A new visitor; at the end nothing may have gone wrong unseen."""
    context = await browser.new_context(**{"locale": "en-GB", "timezone_id": "Europe/Amsterdam", **options})
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(context, server)
    context.on("request", visitor.watch)
    yield visitor
    await context.close()
    assert not visitor.problems
