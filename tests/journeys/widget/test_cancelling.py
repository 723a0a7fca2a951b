"""Noor cancels an order in the widget: she presses what she is offered, and reads a summary before her yes."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Server
from tests.journeys.widget.browser import DESKTOP, PHONE
from tests.journeys.widget.conftest import Welcome
from tests.journeys.widget.record import assert_as_logged

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("device", "sure"), [(PHONE, "No"), (DESKTOP, "Yes")], ids=["phone, no", "desktop, yes"])
async def test_that_an_order_is_cancelled_by_pressing_yes_and_by_nothing_else(
    demo: Server, visitor: Welcome, device: dict[str, Any], sure: str
) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await tab.open()
    await tab.ask("I want to cancel my order")
    assert "e-mail address" in await tab.last_reply()
    await tab.ask("noor.bakker@mail.example")
    reasons = tab.part("reply")
    await expect(reasons).to_have_text(["No longer needed", "Ordered by mistake"])
    await reasons.filter(has_text="mistake").click()
    await tab.hear("Shall I do this?")
    await expect(tab.part("reply")).to_have_text(["Yes", "No"])
    assert "LF-204905" in await tab.last_reply()
    await tab.part("reply").filter(has_text=sure).click()
    await tab.hear("is cancelled" if sure == "Yes" else "changed nothing")
    await assert_as_logged(tab)
