"""Mallory writes scripts wherever text can be written: into messages, products, knowledge, replies. None ever runs.

Each way is tried behind our content security policy and without any, so that neither hides a hole in the other.
"""

import csv
import json
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Route, expect

from bot.records import Passage
from bot.retrieval.build import current_version
from bot.retrieval.index import read_index
from bot.settings import Settings
from tests.journeys.conftest import ROOT, Server, serving
from tests.journeys.endpoint import Endpoint
from tests.journeys.test_attackers import QUESTION, SALUTES
from tests.journeys.widget.browser import Tab, Visitor
from tests.journeys.widget.conftest import PATIENT, Welcome
from tests.journeys.widget.payloads import PAYLOADS, WITNESS, assert_nothing_ran
from tests.journeys.widget.record import assert_as_logged, log_of
from tests.journeys.widget.scripted import Script
from tests.pictures import png

pytestmark = pytest.mark.asyncio(loop_scope="session")

POLICY = pytest.mark.parametrize("bypass_csp", [False, True], ids=["with policy", "without policy"])
HOSTS = ("larkfell.example",)
"""Where links may lead in the demo shop."""

PASSAGE = 8  # payloads in a passage that is opened
MOST = 3500  # characters of a message, below the server's limit


def together(payloads: Sequence[str]) -> Iterator[str]:
    """The payloads in as few messages as they fit into, each on a line of its own."""
    message = ""
    for payload in payloads:
        if len(message) + len(payload) > MOST:
            yield message
            message = ""
        message += f"{payload}\n"
    yield message


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evil_writer() -> AsyncIterator[Endpoint]:
    """Writes nothing but payloads, others each time."""
    drafts = cycle(together(PAYLOADS))
    async with Endpoint(lambda messages: next(drafts)).serving() as endpoint:
        yield endpoint


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def poisoned(
    made: Path, tmp_path_factory: pytest.TempPathFactory, evil_writer: Endpoint
) -> AsyncIterator[Server]:
    """A shop whose catalogue, FAQ, policies and writer are Mallory's."""
    folder = tmp_path_factory.mktemp("x")
    knowledge = folder / "knowledge"
    shutil.copytree(ROOT / "knowledge", knowledge)
    _poison_products(knowledge / "products.csv")
    _poison_faq(knowledge / "faq" / "mallory.yml")
    _poison_policies(knowledge / "policies" / "mallory.md")
    settings = {"knowledge": str(knowledge), "writer_url": evil_writer.url, "writer_timeout": "20", **PATIENT}
    async with serving(made, folder / "d", **settings) as server:
        yield server


def _poison_products(file: Path) -> None:
    """Every payload somewhere in a product."""
    header = file.read_text("utf-8").partition("\n")[0].split(",")
    rest = list(PAYLOADS)
    with file.open("a", newline="") as catalogue:
        writer = csv.DictWriter(catalogue, header)
        for number in range(len(PAYLOADS)):
            poison = [rest.pop() for _ in range(min(len(rest), 12))]
            if not poison:
                break
            name, category, url, image, material, *told = poison + [""] * (5 - len(poison))
            writer.writerow(
                {
                    "sku": f"XSS-{number}",
                    "name": f"Mallory {number} {name}",
                    "category": category,
                    "price": "9.95",
                    "currency": "EUR",
                    "stock": "3",
                    "url": url,
                    "image": image,
                    "material": material,
                    "description": " ".join(told),
                }
            )


def _poison_faq(file: Path) -> None:
    entries = [
        {
            "id": f"mallory-{number}",
            "questions": [f"Mallory question {number}", payload],
            "answer": f"Mallory says {number}: {payload}",
            "source": payload,
        }
        for number, payload in enumerate(PAYLOADS[::50])
    ]
    file.write_text(yaml.safe_dump({"locale": "en", "entries": entries}, allow_unicode=True))


def _poison_policies(file: Path) -> None:
    sections = "".join(f"## {payload}\n\nMallory's rule: {payload}\n\n" for payload in PAYLOADS[::50])
    file.write_text(
        f"---\ntitle: {json.dumps(PAYLOADS[0])}\nurl: javascript:alert(1)\n---\n# {PAYLOADS[1]}\n\n{sections}"
    )


async def test_that_no_message_of_a_shopper_runs(demo: Server, visitor: Welcome) -> None:
    mallory = await _witnessed(visitor, demo, bypass_csp=True)
    tab, other = await mallory.visit(), await mallory.visit()
    await tab.open()
    await other.open()
    messages = [message.strip() for message in together(PAYLOADS)]
    for message in messages:
        await tab.page.evaluate("text => document.querySelector('kefu-chat').send(text)", message)
    await tab.until(lambda said: sum(line.state == "sent" for line in said) == len(messages))
    said = await assert_as_logged(tab)
    assert await assert_as_logged(other) == said
    for page in (tab.page, other.page):
        await assert_nothing_ran(page, demo.url, HOSTS)
    shown = "".join(line.text for line in said if line.by == "shopper")
    # Some more than were written so: what hid within them is gone.
    assert shown.count("<script>") >= "".join(messages).count("<script>"), "it is shown, and as text"


@POLICY
async def test_that_nothing_in_the_catalogue_runs(poisoned: Server, visitor: Welcome, bypass_csp: bool) -> None:
    """On the shop's page, in cards and in sources that the real server gives."""
    mallory = await _witnessed(visitor, poisoned, bypass_csp)
    for address in (f"{poisoned.url}/", f"{poisoned.url}/?lang=zh"):
        page = (await mallory.visit(address)).page
        assert await page.locator("li.product").count() > len(PAYLOADS) / 12
        await assert_nothing_ran(page, poisoned.url, HOSTS)
    tab = await mallory.visit()
    await tab.open()
    for question in (
        "Mallory question 3",
        "Mallory question 20",
        "Tell me about the Mallory 7",
        "What is Mallory's rule?",
    ):
        await tab.ask(question)
    await _open_all(tab)
    await assert_nothing_ran(tab.page, poisoned.url, HOSTS)


async def test_that_no_passage_runs_where_it_is_opened(poisoned: Server, visitor: Welcome) -> None:
    """Each poisoned passage as a source, opened; each poisoned product as a card, as it stands in the index."""
    passages = [passage for passage in _indexed(poisoned) if "allory" in passage.text + passage.title]
    assert len(passages) > len(PAYLOADS) / 12
    script = Script(links=HOSTS)
    for passage in passages:
        product = {name: value for name, value in passage.attributes.items() if isinstance(value, str)}
        script.line(
            "assistant",
            turn=f"t-{passage.id}",
            text=passage.text,
            products=[product] if product else [],
            sources=[{"passage": passage.id, "title": passage.title, "source": passage.source}],
        )
        script.line("turn", turn=f"t-{passage.id}", covers=[])
    mallory = await _witnessed(visitor, poisoned, bypass_csp=True)
    await script.stage(mallory.context)
    tab = await mallory.visit()
    await tab.open()
    await tab.until(lambda said: len(said) == len(passages))
    await _open_all(tab)
    await expect(tab.page.locator("kefu-chat [data-filled]")).to_have_count(len(passages))
    await assert_nothing_ran(tab.page, poisoned.url, HOSTS)


async def test_that_no_draft_of_an_evil_writer_runs(poisoned: Server, visitor: Welcome, evil_writer: Endpoint) -> None:
    mallory = await _witnessed(visitor, poisoned, bypass_csp=True)
    tab = await mallory.visit()
    await tab.open()
    for salute, _ in zip(SALUTES, together(PAYLOADS), strict=False):
        before = evil_writer.asked
        await tab.ask(f"{salute}w{QUESTION}")
        assert evil_writer.asked == before + 1
    await assert_nothing_ran(tab.page, poisoned.url, HOSTS)
    assert not any("xssed" in entry.utterance.text for entry in await log_of(tab) if entry.utterance)


@POLICY
async def test_that_the_widget_is_safe_from_its_own_server(demo: Server, visitor: Welcome, bypass_csp: bool) -> None:
    """Every payload in every field of every line, without the server's cleaning."""
    script = Script()
    for number, payload in enumerate(PAYLOADS):
        _say_everywhere(script, number, payload)
    mallory = await _witnessed(visitor, demo, bypass_csp)
    await script.stage(mallory.context)
    await mallory.context.route("**/api/knowledge?*", _knowledge)
    tab = await mallory.visit()
    await tab.open()
    said = await tab.until(lambda said: len(said) >= 3 * len(PAYLOADS))
    assert len(said) == 3 * len(PAYLOADS)
    await _open_all(tab)
    await expect(tab.page.locator("kefu-chat [data-filled]")).to_have_count(len(range(0, len(PAYLOADS), PASSAGE)))
    await assert_nothing_ran(tab.page, demo.url, script.links)
    # What could be pressed is pressed: a quick reply, thumbs, and whatever Mallory calls a product.
    await tab.part("reply").first.click()
    assert (await script.hears("message"))["text"] == PAYLOADS[-1]
    await assert_nothing_ran(tab.page, demo.url, script.links)


async def test_that_frames_that_are_none_are_ignored(demo: Server, visitor: Welcome) -> None:
    script = Script()
    mallory = await _witnessed(visitor, demo, bypass_csp=True)
    await script.stage(mallory.context)
    tab = await mallory.visit()
    await tab.open()
    for number, payload in enumerate(PAYLOADS):
        frames = (
            payload,
            json.dumps({"type": payload, "lines": payload, "message": payload}),
            json.dumps({"type": "lines", "lines": [payload, {"id": payload, "kind": payload}, None]}),
            json.dumps({"type": "error", "reason": payload, "message": payload}),
            json.dumps({"type": "refused", "id": payload, "reason": payload, "message": payload}),
        )
        script.raw(frames[number % len(frames)])
    script.say(script.line("assistant", turn="t", text="Still here."))
    await tab.hear("Still here.")
    assert len(await tab.said()) == 1
    await assert_nothing_ran(tab.page, demo.url, script.links)


async def test_that_no_attribute_of_the_element_runs(demo: Server, visitor: Welcome) -> None:
    mallory = await _witnessed(visitor, demo, bypass_csp=True)
    tab = await mallory.visit()
    await tab.page.evaluate(
        """payloads => {
          for (const payload of payloads) {
            const chat = document.createElement("kefu-chat");
            for (const name of ["title-text", "greeting", "color", "scheme", "position", "language"]) {
              chat.setAttribute(name, payload);
            }
            document.body.append(chat);
          }
        }""",
        PAYLOADS[::8],
    )
    await assert_nothing_ran(tab.page, demo.url, HOSTS)


async def _witnessed(visitor: Welcome, server: Server, bypass_csp: bool) -> Visitor:
    mallory = await visitor(server, bypass_csp=bypass_csp)
    await mallory.context.add_init_script(WITNESS)
    # Whatever Mallory calls a picture is one, so that none of the noise of missing ones hides a problem.
    await mallory.context.route(f"{server.url}/**", _picture)
    return mallory


async def _picture(route: Route) -> None:
    if route.request.resource_type == "image" and "/demo/" not in route.request.url:
        await route.fulfill(body=png(), content_type="image/png")
    else:
        await route.fallback()


async def _knowledge(route: Route) -> None:
    """What a source says: the payloads from its number on, in its text; one of them in every other field."""
    number = int(route.request.url.rpartition("=")[2])
    told = dict.fromkeys(("passage", "kind", "title", "source", "url"), PAYLOADS[number])
    await route.fulfill(json=told | {"text": "\n".join(PAYLOADS[number : number + PASSAGE])})


async def _open_all(tab: Tab) -> None:
    """Open every list of sources, and every source in it."""
    await tab.page.evaluate("""() => {
      const root = document.querySelector("kefu-chat").shadowRoot;
      for (const part of ["sources", "source"]) {
        for (const opener of root.querySelectorAll(`button[part=${part}]`)) opener.click();
      }
    }""")
    await expect(tab.page.locator("kefu-chat [aria-busy]")).to_have_count(0)


def _say_everywhere(script: Script, number: int, payload: str) -> None:
    file = {"id": payload, "name": payload, "type": "image/png" if number % 2 else payload, "size": 1}
    shown = {"shown": payload} if number % 2 else {}
    script.line("shopper", message=f"m-{number}", text=payload, files=[file], **shown)
    product = dict.fromkeys(("sku", "name", "price", "currency", "stock", "image", "url", "description"), payload)
    passage = "" if number % PASSAGE else str(number)
    source = {"passage": passage, "title": payload, "source": payload, "url": payload}
    buttons = [{"title": payload, "payload": payload}]
    everything: dict[str, Any] = {
        "products": [product],
        "sources": [source],
        "image": payload,
        "custom": {payload: payload},
    }
    text = f"{payload}\n**{payload}**\n- {payload}\nhttps://larkfell.example/{payload} https://evil.example/{payload}"
    script.line("assistant", turn=f"t-{number}", text=text, **everything)
    script.line("turn", turn=f"t-{number}", covers=[f"m-{number}"])
    script.line("agent", name=payload, text=payload, buttons=buttons)


def _indexed(server: Server) -> Sequence[Passage]:
    version = current_version(Settings(data=server.data))
    assert version is not None
    return read_index(version).passages
