"""Mila has the shop open twice: both tabs are one conversation."""

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Server
from tests.journeys.widget.conftest import Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_that_what_is_said_in_one_tab_stands_in_the_other(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    one, other = await mila.visit(), await mila.visit()
    await one.open()
    await one.ask("Hello")
    await other.open()
    await other.until(lambda said: len(said) == 2)
    await other.ask("How much is shipping to Belgium?")
    await one.hear("5.95")
    assert await assert_as_logged(one) == await assert_as_logged(other)
    assert await one.shopper() == await other.shopper()


async def test_that_two_tabs_that_open_at_once_are_one_shopper(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    one, other = await mila.visit(), await mila.visit()
    for tab in (one, other):
        await tab.part("launcher").click()
    for tab, question in ((one, "Hello"), (other, "How much is shipping to Belgium?")):
        await tab.type(question)
    await one.until(lambda said: sum(line.by == "shopper" and line.state == "sent" for line in said) == 2)
    await other.until(lambda said: sum(line.by == "shopper" and line.state == "sent" for line in said) == 2)
    assert await assert_as_logged(one) == await assert_as_logged(other)


async def test_that_what_both_tabs_wrote_offline_is_sent_once(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    mila.loses_network = True
    one, other = await mila.visit(), await mila.visit()
    await one.open()
    await one.ask("Hello")
    await other.open()
    await mila.context.set_offline(True)
    for tab in (one, other):
        await expect(tab.part("banner")).to_have_attribute("data-status", "offline")
    await one.type("How much is shipping to Belgium?")
    await other.type("How long can I return something?")
    for tab in (one, other):
        # Each shows what waits in the other too.
        await tab.until(lambda said: [line.state for line in said[-2:]] == ["queued", "queued"])
    await mila.context.set_offline(False)
    for tab in (one, other):
        await tab.hear("")  # Sent is not answered yet.
    said = await assert_as_logged(one)
    assert said == await assert_as_logged(other)
    assert [line.text for line in said if line.by == "shopper"] == [
        "Hello",
        "How much is shipping to Belgium?",
        "How long can I return something?",
    ]
