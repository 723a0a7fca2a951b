"""The demo shop and the widget's script, as a browser gets them over real HTTP, behind the guard."""

import csv
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.channels.drawings import Drawings, Picture
from bot.channels.guard import Guard
from bot.channels.pages import Pages
from bot.records import Kind, Passage, PassageId
from bot.settings import Settings

Browser = TestClient[web.Request, web.Application]

CATALOGUE = tuple(csv.DictReader(Path("knowledge/products.csv").read_text("utf-8").splitlines()))


def product(sku: str, **attributes: str) -> Passage:
    row = {"sku": sku, "name": sku, **attributes}
    return Passage(PassageId(f"product:{sku}"), Kind.PRODUCT, row["name"], "", "products.csv", attributes=row)


TENT = product(
    "T1", name="Tarn 1", category="Tents", price="219.95", currency="EUR", stock="3", image="/demo/products/tents.svg"
)


@asynccontextmanager
async def browse(*passages: Passage) -> AsyncIterator[Browser]:
    app = web.Application()
    Guard(Settings()).protect(app)
    app.add_routes(Pages(lambda: passages).routes())
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_that_the_shop_shows_its_catalogue_once_however_many_passages_tell_of_a_product() -> None:
    fact = Passage(PassageId("product:T1#care"), Kind.PRODUCT, "Tarn 1", "", "x", attributes=TENT.attributes)
    async with browse(TENT, fact) as browser:
        page = await (await browser.get("/", headers={"Accept-Encoding": "identity"})).text()
    assert page.count("Tarn 1</h3>") == 1
    assert "€219.95" in page
    assert "In stock" in page


async def test_that_another_shops_empty_catalogue_has_a_page_too() -> None:
    async with browse() as browser:
        page = await (await browser.get("/?lang=zh", headers={"Accept-Encoding": "identity"})).text()
    assert '<html lang="zh">' in page
    assert "Kefu · demo shop" in page


async def test_that_what_a_catalogue_says_is_never_markup() -> None:
    bad = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    hostile = product("X", name=bad, category=bad, price=bad, currency=bad, stock=bad, image=bad, url=bad)
    async with browse(hostile, TENT) as browser:
        page = await (await browser.get("/", headers={"Accept-Encoding": "identity"})).text()
    assert "<script>" not in page
    assert "<img src=x" not in page


async def test_that_the_page_needs_no_more_than_its_policy_allows() -> None:
    async with browse(TENT) as browser:
        answer = await browser.get("/", headers={"Accept-Encoding": "identity"})
        page = await answer.text()
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]* src=)", page)


@pytest.mark.parametrize("path", ["/", "/widget.js", "/demo/shop.css", "/demo/products/tents--black.svg"])
async def test_that_a_browser_that_asks_again_keeps_the_type_and_the_policy(path: str) -> None:
    # A browser lays the headers of a 304 over those it kept: a page's policy must not become that of a picture.
    async with browse(TENT) as browser:
        first = await browser.get(path)
        again = await browser.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, again.status) == (200, 304)
    for name in ("Content-Type", "Content-Security-Policy", "ETag", "Cache-Control"):
        assert again.headers[name] == first.headers[name]


async def test_that_a_browser_gets_the_form_it_can_read() -> None:
    async with browse(TENT) as browser:
        packed = await browser.get("/demo/shop.css", headers={"Accept-Encoding": "gzip"})
        plain = await browser.get("/demo/shop.css", headers={"Accept-Encoding": "identity"})
        other_form = await browser.get(
            "/demo/shop.css", headers={"Accept-Encoding": "identity", "If-None-Match": packed.headers["ETag"]}
        )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert other_form.status == 200


async def test_that_every_picture_of_the_demo_catalogue_is_drawn() -> None:
    images = {row["image"] for row in CATALOGUE}
    async with browse() as browser:
        for image in sorted(images):
            answer = await browser.get(image, headers={"Accept-Encoding": "identity"})
            assert (answer.status, answer.content_type) == (200, "image/svg+xml")
            drawn = await answer.text()
            assert not re.search("MAIN|DEEP|PALE|GROUND", drawn)


async def test_that_a_colour_that_nobody_mixed_is_the_shops_own() -> None:
    async with browse() as browser:
        own = await (await browser.get("/demo/products/tents.svg", headers={"Accept-Encoding": "identity"})).text()
        odd = await (
            await browser.get("/demo/products/tents--octarine.svg", headers={"Accept-Encoding": "identity"})
        ).text()
    assert own == odd


async def test_that_made_up_colours_take_no_room_from_those_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Picture] = []

    def draw(drawings: Drawings, picture: Picture) -> str:
        drawn.append(picture)
        return "<svg/>"

    monkeypatch.setattr(Drawings, "draw", draw)
    async with browse() as browser:
        for n in range(600):
            await browser.get(f"/demo/products/tents--{'x' * n}y.svg")
        for _ in range(2):
            await browser.get("/demo/products/tents--plum.svg")
    assert [picture.drawing for picture in drawn] == ["tents", "tents"], "once in the shop's colour, once in plum"


@pytest.mark.parametrize("name", ["yurts.svg", "tents", "..%2fshop.html", "tents.svg%00.png", ".svg"])
async def test_that_nothing_else_lies_there(name: str) -> None:
    async with browse() as browser:
        assert (await browser.get(f"/demo/products/{name}")).status == 404
