"""The widget without eyes, without a mouse, in every state: axe-core, the keyboard, what a screen reader is told."""

import json
from typing import Any

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import ROOT, Server
from tests.journeys.widget.browser import DESKTOP, PHONE, Tab
from tests.journeys.widget.conftest import Welcome
from tests.journeys.widget.scripted import Script
from tests.pictures import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

AXE = ROOT / "bot" / "web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
DRESSED = {
    "a phone": PHONE,
    "a desktop": DESKTOP,
    "a dark phone in Chinese": {**PHONE, "color_scheme": "dark", "locale": "zh-CN"},
}
TARN = {
    "sku": "T1",
    "name": "Tarn 1 Tent",
    "price": "219.95",
    "currency": "EUR",
    "stock": "3",
    "image": "/demo/products/tents--moss-green.svg",
    "url": "https://larkfell.example/p/tarn-1-tent",
}

SOLD_OUT = {**TARN, "sku": "T2", "stock": "0"}


@pytest.mark.parametrize("device", DRESSED.values(), ids=DRESSED)
async def test_that_axe_finds_nothing_in_a_conversation(demo: Server, visitor: Welcome, device: dict[str, Any]) -> None:
    mila = await visitor(demo, **device)
    await mila.context.add_init_script(path=AXE)
    chinese = device.get("locale") == "zh-CN"
    tab = await mila.visit(f"{demo.url}/{'?lang=zh' if chinese else ''}")
    await _assert_accessible(tab, "closed")
    await tab.open()
    await _assert_accessible(tab, "empty")
    await tab.ask("哪些帐篷低于 300 欧元？" if chinese else "Which tents are under 300 euro?")
    await _assert_accessible(tab, "cards")
    await tab.ask("寄到德国的运费是多少？" if chinese else "How much is shipping to Belgium?")
    await tab.part("sources").last.click()
    await tab.part("source").last.click()
    await expect(tab.part("passage").last).not_to_have_attribute("aria-busy", "true")
    await tab.part("helpful").last.click()
    await _assert_accessible(tab, "a source open, a thumb pressed")
    await tab.ask("你好" if chinese else "Hello")
    await expect(tab.part("reply").first).to_be_visible()
    await _assert_accessible(tab, "quick replies")
    await tab.part("file-input").set_input_files(
        [
            {"name": "seam.png", "mimeType": "image/png", "buffer": png()},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"words"},
        ]
    )
    await expect(tab.part("attachment")).to_have_attribute("data-ready", "")
    await _assert_accessible(tab, "a file that goes, and one that may not")
    await tab.part("send").click()
    await tab.quiet()
    await tab.part("person").click()
    await tab.quiet()
    await expect(tab.part("notice")).to_be_visible()
    await _assert_accessible(tab, "waiting for a person")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_that_axe_finds_nothing_in_what_seldom_happens(demo: Server, visitor: Welcome, scheme: str) -> None:
    """An agent's lines, a message that no server takes, one that waits, a dead line, days, files of both kinds."""
    script = Script()
    files = [{"id": "a", "name": "a.png", "type": "image/png", "size": 9}]
    files.append({"id": "b", "name": "b.pdf", "type": "application/pdf", "size": 9_000_000})
    script.line("shopper", message="m-1", text="Look", files=files)
    script.line("assistant", turn="t-1", text="- one\n- **two** https://larkfell.example/x", products=[TARN, SOLD_OUT])
    script.line("turn", turn="t-1", covers=["m-1"])
    script.line("floor", floor="waiting")
    script.line("floor", floor="agent")
    script.line("agent", name="Anna", text="Hello, I am Anna.", at="2026-11-23T08:30:00.000Z")
    script.line("floor", floor="assistant")
    script.line("shopper", message="m-2", text="And now?")
    mila = await visitor(demo, color_scheme=scheme)
    await script.stage(mila.context)
    await mila.context.add_init_script(path=AXE)
    await mila.context.route("**/api/files/*", lambda route: route.fulfill(body=png(), content_type="image/png"))
    tab = await mila.visit()
    await tab.open()
    await tab.until(lambda said: len(said) == 4)
    await expect(tab.part("typing")).to_be_visible()
    await tab.type("x" * 10)
    sent = await script.hears("message")
    script.raw(json.dumps({"type": "refused", "id": sent["id"], "reason": "budget", "message": "enough"}))
    await expect(tab.part("retry")).to_be_visible()
    await tab.part("input").fill("y" * 3990)
    await expect(tab.part("counter")).to_have_text("10 left")
    await _assert_accessible(tab, "everything at once")
    await tab.part("banner").evaluate("(banner) => banner.dataset.status = 'offline'")
    await tab.part("banner").evaluate("(banner) => banner.textContent = 'No connection. Trying again …'")
    await _assert_accessible(tab, "offline")


async def test_that_everything_can_be_done_with_the_keyboard(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    keyboard = tab.page.keyboard
    await tab.part("launcher").focus()
    await keyboard.press("Enter")
    await tab.online()
    assert await _focused(tab) == "input"
    await keyboard.type("How much is shipping to Belgium?")
    await keyboard.press("Enter")
    await tab.hear("5.95")
    await tab.quiet()
    assert await _focused(tab) == "input", "one writes on without a click"
    assert await _walk(tab, "Shift+Tab", until="close") == [
        *("attach", "unhelpful", "helpful", "sources", "transcript", "close"),
    ]
    assert await _walk(tab, "Tab", until="sources") == ["transcript", "sources"]
    await keyboard.press("Enter")
    await keyboard.press("Tab")
    assert await _focused(tab) == "source"
    await keyboard.press("Space")
    await expect(tab.part("passage").first).to_be_visible()
    await _walk(tab, "Tab", until="helpful")
    await keyboard.press("Space")
    await expect(tab.part("helpful")).to_have_attribute("aria-pressed", "true")
    assert await _focused(tab) == "helpful", "a thumb that is drawn anew keeps the focus"
    await _walk(tab, "Tab", until="person")
    await keyboard.press("Escape")
    await expect(tab.part("window")).to_be_hidden()
    assert await _focused(tab) == "launcher"


async def test_that_a_window_that_fills_the_phone_keeps_the_focus(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo, **PHONE)).visit()
    await tab.open()
    await tab.part("person").focus()
    await tab.page.keyboard.press("Tab")
    assert await _focused(tab) == "close"
    await tab.page.keyboard.press("Shift+Tab")
    assert await _focused(tab) == "person"


async def test_that_a_screen_reader_is_told_each_line_once(demo: Server, visitor: Welcome) -> None:
    """What is added to a live region is read out; what is moved or drawn anew would be read again."""
    tab = await (await visitor(demo)).visit()
    await tab.open()
    log = tab.page.locator("kefu-chat [role=log]")
    await tab.ask("Hello")
    # What comes within moments of the first welcome counts as said before, and is not read out.
    await tab.page.wait_for_timeout(500)
    await log.evaluate("""(log) => {
      window.read = [];
      const words = (node) => {
        if (node.nodeType !== 1) return node.textContent;
        if (node.matches("[aria-live=off], [hidden], [aria-hidden=true]")) return "";
        return [...node.childNodes].map(words).join("");
      };
      new MutationObserver((changes) => {
        for (const change of changes) for (const node of change.addedNodes) {
          const told = change.target.closest("[aria-live]") === log && log.ariaLive === "polite";
          if (told) window.read.push(words(node));
        }
      }).observe(log, {childList: true, subtree: true});
    }""")
    await tab.ask("How much is shipping to Belgium?")
    await tab.ask("How long can I return something?")
    read = " ".join(await tab.page.evaluate("window.read"))
    for words in ("You: How much is shipping to Belgium?", "Assistant: ", "5.95 EUR to Belgium", "30 days"):
        assert words in read
    for line in (await tab.said())[2:]:
        assert read.count(line.text) == 1, line.text
    await tab.reload()
    await tab.open()
    await tab.until(lambda said: len(said) == 6)
    await expect(log).to_have_attribute("aria-label", "Conversation")


async def test_that_every_control_has_a_name(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await expect(tab.page.get_by_role("button", name="Open chat")).to_have_attribute("aria-expanded", "false")
    await tab.open()
    window = tab.page.get_by_role("dialog", name="Larkfell Outdoor")
    await expect(window).to_be_visible()
    for name in ("Close chat", "Attach a file", "Send", "Talk to a person"):
        await expect(window.get_by_role("button", name=name, exact=True)).to_be_visible()
    await expect(window.get_by_role("textbox", name="Write a message")).to_be_focused()
    await tab.ask("How long can I return something?")
    judge = window.get_by_role("group", name="Was this helpful?")
    await expect(judge.get_by_role("button", name="Helpful", exact=True)).to_be_visible()
    await expect(judge.get_by_role("button", name="Not helpful")).to_be_visible()


async def _assert_accessible(tab: Tab, state: str) -> None:
    # What moves is looked at when it stands, and nothing begins to because it came to lie under the mouse.
    await tab.page.mouse.move(0, 0)
    await tab.page.evaluate("""async () => {
      const moving = () => [document, document.querySelector("kefu-chat").shadowRoot]
        .flatMap((root) => root.getAnimations())
        .filter((each) => each.playState === "running" && each.effect.getTiming().iterations !== Infinity);
      do {
        await Promise.all(moving().map((each) => each.finished.catch(() => undefined)));
        await new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)));
      } while (moving().length > 0);
    }""")
    found = await tab.page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", RULES
    )
    told = [(each["id"], each["help"], [node["target"] for node in each["nodes"]]) for each in found["violations"]]
    assert not told, state


async def _focused(tab: Tab) -> str:
    """The first part of what has the focus."""
    part = await tab.page.evaluate("document.querySelector('kefu-chat').shadowRoot.activeElement?.getAttribute('part')")
    return str(part or "").split(" ")[0]


async def _walk(tab: Tab, key: str, until: str) -> list[str]:
    """Press a key until the focus is on a part; what was passed."""
    passed: list[str] = []
    while (passed[-1:] or [""])[0] != until:
        assert len(passed) < 30, passed
        await tab.page.keyboard.press(key)
        passed.append(await _focused(tab))
    return passed
