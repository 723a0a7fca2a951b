"""How the widget looks where eyes and devices differ: narrow, enlarged, dark, still, in forced colours."""

from typing import Any

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Server
from tests.journeys.widget.browser import DESKTOP, PHONE, Tab
from tests.journeys.widget.conftest import Welcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENLARGED = {**DESKTOP, "viewport": {"width": 640, "height": 400}, "device_scale_factor": 2}
"""What zooming a desktop to 200 % does: half as many pixels of CSS."""

NARROW = {**PHONE, "viewport": {"width": 320, "height": 568}}


@pytest.mark.parametrize("device", [NARROW, PHONE, ENLARGED], ids=["320 pixels", "a phone", "200 %"])
async def test_that_nothing_scrolls_sideways_or_is_out_of_reach(
    demo: Server, visitor: Welcome, device: dict[str, Any]
) -> None:
    tab = await (await visitor(demo, **device)).visit()
    await _assert_fits(tab)
    await tab.open()
    await tab.ask("Which tents are under 300 euro?")
    await tab.ask("How much is shipping to Belgium?")
    await tab.part("sources").last.click()
    await tab.part("source").last.click()
    await tab.type("Longwordwithoutanyspace" * 12)
    await tab.quiet()
    await tab.part("person").click()
    await tab.quiet()
    await _assert_fits(tab)
    wide = await tab.part("transcript").evaluate("element => element.scrollWidth - element.clientWidth")
    assert wide <= 0
    height = await tab.part("transcript").evaluate("element => element.clientHeight")
    assert height >= 80, "there is room to read"
    for part in ("close", "input", "send", "person"):
        await expect(tab.part(part)).to_be_in_viewport(ratio=1)


async def test_that_the_scheme_of_the_device_is_followed(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, color_scheme="light")).visit()
    await tab.open()
    light = await _brightness(tab)
    await tab.page.emulate_media(color_scheme="dark")
    dark = await _brightness(tab)
    assert light > 200
    assert dark < 80
    await tab.page.evaluate("document.querySelector('kefu-chat').setAttribute('scheme', 'light')")
    assert await _brightness(tab) == light, "the page's word goes before the device's"


async def test_that_nothing_moves_where_motion_is_unwelcome(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, reduced_motion="reduce")).visit()
    await tab.open()
    await tab.ask("Hello")
    moving = await tab.page.evaluate("""() => document.querySelector("kefu-chat").shadowRoot.getAnimations()
      .filter((each) => each.effect.getComputedTiming().activeDuration > 100).map((each) => each.animationName)""")
    assert moving == []


async def test_that_forced_colours_keep_the_edges(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, forced_colors="active")).visit()
    await tab.open()
    await tab.ask("Hello")
    for part in ("window", "bubble", "reply", "composer"):
        edge = await tab.part(part).first.evaluate("element => getComputedStyle(element).borderTopWidth")
        assert edge != "0px", f"{part} has no edge where backgrounds are not drawn"


async def _assert_fits(tab: Tab) -> None:
    wide = await tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


async def _brightness(tab: Tab) -> float:
    colour = await tab.part("window").evaluate("""(element) => {
      const canvas = new OffscreenCanvas(1, 1).getContext("2d");
      canvas.fillStyle = getComputedStyle(element).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
    }""")
    return float(sum(colour) / 3)
