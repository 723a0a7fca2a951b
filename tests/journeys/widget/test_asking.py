"""Mila opens the chat, asks, looks at what she gets, and in the end wants a person; Wei does so in Chinese."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from playwright.async_api import expect

from bot.records import EntryKind, Floor
from tests.journeys.conftest import ROOT, Server
from tests.journeys.widget.browser import DESKTOP, PHONE
from tests.journeys.widget.conftest import Welcome
from tests.journeys.widget.record import assert_as_logged, log_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

BOTH = pytest.mark.parametrize("device", [PHONE, DESKTOP], ids=["phone", "desktop"])
TENTS = "Which tents are under 300 euro?"


@BOTH
async def test_that_a_question_is_answered_with_its_source(
    demo: Server, visitor: Welcome, device: dict[str, Any]
) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await tab.open()
    await tab.ask("How much is shipping to Belgium?")
    assert "5.95" in await tab.last_reply()

    await tab.part("sources").click()
    await tab.part("source").first.click()
    await expect(tab.part("passage").first).to_contain_text("Belgium")
    await expect(tab.part("sources")).to_have_attribute("aria-expanded", "true")
    await tab.part("source").first.click()
    await expect(tab.part("passage").first).to_be_hidden()
    await assert_as_logged(tab)


@BOTH
async def test_that_products_come_as_cards_that_link_to_the_shop(
    demo: Server, visitor: Welcome, device: dict[str, Any]
) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await tab.open()
    await tab.ask(TENTS)
    cards = tab.part("product")
    assert await cards.count() >= 2
    tarn = cards.filter(has_text="Tarn 1 Tent")
    await expect(tarn.locator("[part=product-price]")).to_have_text("€219.95")
    await expect(tarn.locator("[part=product-stock]")).to_have_text("In stock")
    link = tarn.locator("a")
    await expect(link).to_have_attribute("href", "https://larkfell.example/p/tarn-1-tent")
    await expect(link).to_have_attribute("rel", "noopener noreferrer")
    await tarn.scroll_into_view_if_needed()
    # Larger than nothing: the picture came, and is no broken one.
    await expect(tarn.locator("img")).to_have_js_property("complete", True)
    assert await tarn.locator("img").evaluate("image => image.naturalWidth") > 0


@BOTH
async def test_that_a_quick_reply_is_said_for_the_shopper(
    demo: Server, visitor: Welcome, device: dict[str, Any]
) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await tab.open()
    await tab.ask("Hello")
    title = await tab.part("reply").first.inner_text()
    await tab.part("reply").first.click()
    await tab.until(lambda said: len(said) >= 4)
    said = await assert_as_logged(tab)
    assert [line.text for line in said if line.by == "shopper"] == ["Hello", title]
    await expect(tab.part("reply").filter(has_text=title)).to_have_count(0)


async def test_that_a_thumb_is_kept_and_can_be_taken_back(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await tab.ask("How long can I return something?")
    up, down = tab.part("helpful"), tab.part("unhelpful")
    for pressed, other, helpful in ((up, down, True), (down, up, False)):
        await pressed.click()
        await expect(pressed).to_have_attribute("aria-pressed", "true")
        await expect(other).to_have_attribute("aria-pressed", "false")
        assert (await _thumbs(tab))[-1] is helpful
    await tab.reload()
    await tab.open()
    await expect(down).to_have_attribute("aria-pressed", "true")
    await down.click()
    await expect(down).to_have_attribute("aria-pressed", "false")
    assert await _thumbs(tab) == [True, False, None]
    spoken = [entry.id for entry in await log_of(tab) if entry.kind is EntryKind.ASSISTANT]
    assert {feedback["about"] for feedback in _exported(demo, await tab.shopper())} == {spoken[-1]}


@BOTH
async def test_that_a_person_can_be_asked_for(demo: Server, visitor: Welcome, device: dict[str, Any]) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await tab.open()
    await tab.part("person").click()
    await expect(tab.part("notice")).to_be_visible()
    await expect(tab.part("person")).to_have_attribute("aria-disabled", "true")
    said = await assert_as_logged(tab)
    assert said[0].text == "I would like to talk to a person."
    assert Floor.WAITING in [entry.floor for entry in await log_of(tab)]
    # Once is enough.
    await tab.part("person").click(force=True)
    await tab.type("It is about my tent.")
    await tab.until(lambda said: said[-1].state == "sent")
    assert [line.text for line in await tab.said() if line.by == "shopper"] == [said[0].text, "It is about my tent."]


@BOTH
async def test_that_wei_is_served_in_chinese(demo: Server, visitor: Welcome, device: dict[str, Any]) -> None:
    wei = await visitor(demo, **device, locale="zh-CN")
    tab = await wei.visit(f"{demo.url}/?lang=zh")
    await tab.open()
    await expect(tab.part("input")).to_have_attribute("placeholder", "输入消息…")
    await tab.ask("寄到德国的运费是多少？")
    assert "5.95" in await tab.last_reply()
    await tab.part("sources").click()
    await tab.part("source").first.click()
    await expect(tab.part("passage").first).to_contain_text("德国")
    await tab.part("person").click()
    await expect(tab.part("notice")).to_be_visible()
    said = await assert_as_logged(tab)
    assert "我想转人工客服。" in [line.text for line in said]


async def test_that_the_shops_page_can_speak_for_the_shopper(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    question = tab.page.locator("[data-ask]").first
    asked = await question.get_attribute("data-ask")
    await question.click()
    await tab.until(lambda said: len(said) == 2)
    said = await assert_as_logged(tab)
    assert said[0].text == asked


async def _thumbs(tab: Any) -> list[bool | None]:
    """The thumbs in the log; what was pressed a moment ago is waited for."""
    return [entry.feedback.helpful for entry in await log_of(tab) if entry.feedback]


def _exported(server: Server, shopper: str) -> list[dict[str, Any]]:
    """The thumbs in what `kefu export` gives a shopper of theirs."""
    told = subprocess.run(
        [sys.executable, "-m", "bot.cli", "export", shopper],
        env=os.environ | {"KEFU_DATA": str(server.data)},
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout
    log = json.loads(told)["conversations"][0]["log"]
    return [entry["feedback"] for entry in log if entry.get("feedback")]
