"""Mila shows a seam that broke: a picture, an invoice, and what may not be sent."""

import pytest
from playwright.async_api import expect

from tests.journeys.conftest import Server
from tests.journeys.widget.browser import Tab
from tests.journeys.widget.conftest import Welcome
from tests.journeys.widget.record import log_of
from tests.pictures import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


async def test_that_a_picture_and_an_invoice_go_with_a_message(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await tab.part("file-input").set_input_files(
        [
            {"name": "seam.png", "mimeType": "image/png", "buffer": png()},
            {"name": "invoice.pdf", "mimeType": "application/pdf", "buffer": PDF},
        ]
    )
    await expect(tab.page.locator("kefu-chat [part=attachment][data-ready]")).to_have_count(2)
    assert await tab.part("attachment").locator("img").evaluate("image => image.decode().then(() => true)")
    await tab.ask("The seam of my tent broke, what can I do?")
    await expect(tab.part("attachment")).to_have_count(0)
    for moment in ("sent", "reloaded"):
        picture, invoice = tab.part("file").first, tab.part("file").last
        assert await picture.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0, (
            moment
        )
        await expect(picture.locator("img")).to_have_attribute("alt", "Picture seam.png")
        await expect(invoice).to_contain_text("invoice.pdf")
        # The address as it stands, opened as a new tab would.
        answer = await tab.page.request.get(str(await invoice.get_attribute("href")))
        assert await answer.body() == PDF
        await tab.reload()
        await tab.online()
    sent = next(entry.message for entry in await log_of(tab) if entry.message)
    assert [file.name for file in sent.files] == ["seam.png", "invoice.pdf"]


async def test_that_what_may_not_be_sent_is_refused_with_words(demo: Server, visitor: Welcome) -> None:
    mila = await visitor(demo)
    tab = await mila.visit()
    await tab.open()
    for name, kind, content, words in (
        ("notes.txt", "text/plain", b"hello", "notes.txt: only pictures and PDF files can be sent."),
        ("huge.png", "image/png", bytes(5 * 1024 * 1024 + 1), "huge.png is larger than 5 MB."),
        ("nothing.png", "image/png", b"", "nothing.png is empty."),
    ):
        await tab.part("file-input").set_input_files([{"name": name, "mimeType": kind, "buffer": content}])
        await expect(tab.part("trouble")).to_have_text(words)
        await expect(tab.part("attachment")).to_have_count(0)
    # A page that calls itself a picture gets as far as the server, which looks at the bytes; Chromium logs the 415.
    mila.loses_network = True
    await tab.part("file-input").set_input_files(
        [{"name": "seam.png", "mimeType": "image/png", "buffer": b"<script>alert(1)</script>"}]
    )
    await expect(tab.part("trouble")).to_have_text("seam.png: only pictures and PDF files can be sent.")
    assert [problem for problem in mila.problems if "415" not in problem] == []
    mila.problems.clear()
    assert await tab.said() == []


async def test_that_at_most_five_go_with_one_message(demo: Server, visitor: Welcome) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await tab.part("file-input").set_input_files(
        [{"name": f"{number}.png", "mimeType": "image/png", "buffer": png()} for number in range(6)]
    )
    await expect(tab.part("trouble")).to_have_text("At most 5 files go with one message.")
    await expect(tab.part("attachment")).to_have_count(5)
    await tab.part("remove").first.click()
    await expect(tab.part("attachment")).to_have_count(4)


@pytest.mark.parametrize("way", ["paste", "drop"])
async def test_that_a_picture_can_be_pasted_and_dropped(demo: Server, visitor: Welcome, way: str) -> None:
    tab = await (await visitor(demo)).visit()
    await tab.open()
    await _give(tab, way)
    await expect(tab.page.locator("kefu-chat [part=attachment][data-ready]")).to_have_count(1)
    await tab.part("send").click()
    await expect(tab.part("file")).to_have_count(1)
    await tab.quiet()
    assert [entry.message.files[0].type for entry in await log_of(tab) if entry.message] == ["image/png"]


async def _give(tab: Tab, way: str) -> None:
    target = tab.part("input" if way == "paste" else "window")
    await target.evaluate(
        """(element, [way, bytes]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "seam.png", {type: "image/png"}));
          const options = {bubbles: true, cancelable: true, composed: true};
          element.dispatchEvent(way === "paste"
            ? new ClipboardEvent("paste", {...options, clipboardData: data})
            : new DragEvent("drop", {...options, dataTransfer: data}));
        }""",
        [way, list(png())],
    )
