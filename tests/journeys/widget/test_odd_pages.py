"""Pages that turn, move and colour everything, and where the focus goes when what was pressed is gone."""

import json

import pytest
from playwright.async_api import FilePayload, Route, expect

from tests.journeys.conftest import Server
from tests.journeys.widget.browser import PHONE, Tab
from tests.journeys.widget.conftest import Welcome

pytestmark = pytest.mark.asyncio(loop_scope="session")

STYLE = """(rules) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules);
  document.adoptedStyleSheets = [sheet];
}"""

CONTRAST = """() => {
  const root = document.querySelector("kefu-chat").shadowRoot.querySelector(".root");
  const pen = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const light = (colour) => {
    for (const layer of ["white", colour]) [pen.fillStyle] = [layer], pen.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...pen.getImageData(0, 0, 1, 1).data].map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  const [accent, on, words] = ["--accent", "--on-accent", "--accent-words"].map((name) => {
    root.style.color = `var(${name})`;
    const computed = getComputedStyle(root).color;
    root.style.removeProperty("color");
    return light(computed);
  });
  return [ratio(accent, on), ratio(words, light("#f4f5f3"))];
}"""


async def _focus(tab: Tab) -> str | None:
    part: str | None = await tab.page.evaluate(
        "() => document.querySelector('kefu-chat').shadowRoot.activeElement?.getAttribute('part')"
    )
    return part


async def test_that_a_page_that_moves_everything_leaves_the_window_where_it_is(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, reduced_motion="reduce")).visit()
    await tab.open()
    before = await tab.part("window").bounding_box()
    await tab.page.evaluate(STYLE, "body * { transform: translateX(-40px); filter: saturate(1); contain: layout; }")
    assert await tab.part("window").bounding_box() == before


async def test_that_a_page_from_right_to_left_does_not_turn_the_widget(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.page.evaluate("() => (document.documentElement.dir = 'rtl')")
    await tab.open()
    await tab.ask("How much is shipping to Belgium?")
    await tab.type("שלום")
    sides = await tab.part("bubble").evaluate_all("bubbles => bubbles.map(one => one.getBoundingClientRect().right)")
    assert sides[0] > sides[1], "the shopper's own words stand on the right"
    directions = "lines => lines.map(line => getComputedStyle(line.querySelector('p')).direction)"
    assert (await tab.part("bubble").evaluate_all(directions))[:3] == ["ltr", "ltr", "rtl"]


@pytest.mark.parametrize(
    "accent", ["oklch(0.93 0.17 105)", "lab(30 40 -60)", "color(display-p3 1 0.9 0)", "rgb(0 0 0 / 0.12)"]
)
async def test_that_words_can_be_read_on_an_accent_in_any_notation(demo: Server, visitor: Welcome, accent: str) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.page.evaluate("colour => document.querySelector('kefu-chat').setAttribute('color', colour)", accent)
    on_accent, in_accent = await tab.page.evaluate(CONTRAST)
    assert on_accent >= 4.5
    assert in_accent >= 4.5


async def test_that_only_the_newest_reply_asks_to_be_judged_where_there_is_a_pointer(
    demo: Server, visitor: Welcome
) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    for _ in range(2):
        await tab.ask("How much is shipping to Belgium?")
    await tab.page.mouse.move(5, 5)
    thumbs = tab.page.locator("kefu-chat .thumbs")
    await expect(thumbs.first).to_have_css("opacity", "0")
    await expect(thumbs.last).to_have_css("opacity", "1")
    await tab.part("helpful").first.focus()
    await expect(thumbs.first).to_have_css("opacity", "1")
    await tab.part("helpful").first.press("Enter")
    await tab.part("input").focus()
    await expect(thumbs.first).to_have_css("opacity", "1")


async def test_that_no_keyboard_opens_over_the_answer_on_a_phone(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, **PHONE)).visit()
    await tab.part("launcher").tap()
    await tab.online()
    assert await _focus(tab) == "transcript"
    await tab.ask("Hello")
    await tab.part("reply").first.tap()
    await tab.quiet()
    assert await _focus(tab) == "transcript"


async def test_that_the_focus_stays_in_the_window_when_what_was_pressed_is_gone(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    mila.loses_network = True
    tab = await mila.visit()
    await tab.open()
    for _ in range(4):
        await tab.ask("How much is shipping to Belgium?")
    await mila.context.set_offline(True)
    await expect(tab.part("banner")).to_have_attribute("data-status", "offline")
    # A day goes by without a network.
    await tab.type("Is anybody there?")
    await tab.page.evaluate(
        """() => {
          const key = Object.keys(localStorage).find((key) => key.startsWith("kefu:out:"));
          localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), at: Date.now() - 90_000_000});
        }"""
    )
    await tab.part("discard").press("Enter")
    await expect(tab.part("discard")).to_have_count(0)
    assert await _focus(tab) == "input"
    await mila.context.set_offline(False)
    await tab.online()
    await tab.part("transcript").evaluate("element => element.scrollTo(0, 0)")
    # As a line does that comes while one reads further up.
    await tab.part("newer").evaluate("button => (button.hidden = false)")
    await tab.part("newer").press("Enter")
    await expect(tab.part("newer")).to_be_hidden()
    assert await _focus(tab) == "transcript"


@pytest.mark.parametrize("status", [403, 429])
async def test_that_a_file_that_is_refused_is_sent_once_and_said_to_have_failed(
    demo: Server, visitor: Welcome, status: int
) -> None:
    mila = await visitor(demo)
    mila.loses_network = True
    tab = await mila.visit()
    asked: list[str] = []

    async def refuse(route: Route) -> None:
        asked.append(route.request.method)
        headers = {"Retry-After": "50000"} if status == 429 else {}
        await route.fulfill(status=status, headers=headers, content_type="application/json", body=json.dumps({}))

    await tab.page.route("**/api/files", refuse)
    await tab.open()
    await tab.part("file-input").set_input_files(FilePayload(name="seam.png", mimeType="image/png", buffer=b"\x89PNG"))
    await expect(tab.part("trouble")).to_have_text("seam.png could not be uploaded.")
    await expect(tab.part("attachment")).to_have_count(0)
    assert asked == ["POST"]
    assert [problem for problem in mila.problems if str(status) not in problem] == []
    mila.problems.clear()


async def test_that_what_is_being_written_is_there_on_the_next_page(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await tab.part("input").fill("My tent arrived without")
    await tab.reload()
    await expect(tab.part("input")).to_have_value("My tent arrived without")
    await tab.part("input").press("Enter")
    await tab.quiet()
    await tab.reload()
    await expect(tab.part("input")).to_have_value("")


async def test_that_listed_products_are_said_once(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await tab.ask("Which tents are under 300 euro?")
    names = await tab.part("product-name").all_text_contents()
    assert names
    said = await tab.last_reply()
    assert [name for name in names if name in said] == []
    await expect(tab.part("product").first).to_contain_text("€")
