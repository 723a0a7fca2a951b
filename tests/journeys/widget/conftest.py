"""One Chromium and few servers for all journeys of the widget; each story has a visitor of its own."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.journeys.conftest import Server, serving
from tests.journeys.widget.browser import DESKTOP, Visitor, running_chromium, visiting

PATIENT = {
    "desk_hours": "always",
    "shopper_rate": "10000",
    "shopper_budget": "100000",
}
"""Its desk is open by night too, and it never has enough of a shopper."""


class Welcome(Protocol):
    """Lets somebody in: `await visitor(server)`, with Playwright's options of a browser context."""

    async def __call__(self, server: Server, **options: Any) -> Visitor: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def demo(made: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The demo shop without its writer: what the shop wrote is enough for most stories."""
    async with serving(made, tmp_path_factory.mktemp("w"), writer="none", **PATIENT) as server:
        yield server


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(chromium: Browser) -> AsyncIterator[Welcome]:
    """New visitors, on a desktop unless told otherwise; at the story's end nothing may have gone wrong unseen."""
    async with AsyncExitStack() as stack:

        async def welcome(server: Server, **options: Any) -> Visitor:
            return await stack.enter_async_context(visiting(chromium, server, **(DESKTOP | options)))

        yield welcome
