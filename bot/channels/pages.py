"""What a browser finds at the server's own address: the demo shop and the widget's script."""

from collections.abc import Callable, Sequence
from importlib import resources
from string import Template

from aiohttp import web

from bot.channels.assets import ALWAYS_ASK, SHORT, Asset
from bot.channels.drawings import Drawings, Picture
from bot.channels.shop import CHINESE, ENGLISH, Words, render
from bot.records import Passage

_UNBUILT = "console.error('Kefu: this server runs without its widget; `make web` builds it.')"
"""What a page gets from a checkout whose TypeScript was never built: the rest of the server works."""


class Pages:
    """`/`, `/widget.js` and `/demo/…`."""

    def __init__(self, passages: Callable[[], Sequence[Passage]] = tuple) -> None:
        """``passages`` gives the current ones: another sequence whenever the knowledge has changed."""
        self._passages = passages
        folder = resources.files("bot").joinpath("web")
        self._template = Template(folder.joinpath("demo", "shop.html").read_text("utf-8"))
        self._drawings = Drawings(folder.joinpath("demo", "products"))
        self._drawn: dict[Picture, Asset] = {}
        self._shown: tuple[Sequence[Passage], dict[str, Asset]] = ((), {})
        self._widget = _script(folder.joinpath("dist", "widget.js"))
        self._demo = {
            "shop.js": _script(folder.joinpath("dist", "shop.js")),
            "shop.css": Asset(folder.joinpath("demo", "shop.css").read_bytes(), "text/css"),
            "mark.svg": Asset(folder.joinpath("demo", "mark.svg").read_bytes(), "image/svg+xml"),
        }

    def routes(self) -> list[web.RouteDef]:
        """Where these pages are."""
        return [
            web.get("/", self.home),
            web.get("/widget.js", self.widget),
            web.get("/demo/{name}", self.demo),
            web.get("/demo/products/{name}", self.drawing),
        ]

    async def home(self, request: web.Request) -> web.Response:
        """The demo shop; `?lang=zh` in Chinese."""
        return self._shop(CHINESE if request.query.get("lang") == "zh" else ENGLISH).answer(request)

    async def widget(self, request: web.Request) -> web.Response:
        """The script that a shop's page loads."""
        return self._widget.answer(request)

    async def demo(self, request: web.Request) -> web.Response:
        """What the demo shop's page is made of."""
        if (asset := self._demo.get(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        return asset.answer(request)

    async def drawing(self, request: web.Request) -> web.Response:
        """A product's picture."""
        if (picture := self._drawings.find(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        if (asset := self._drawn.get(picture)) is None:
            asset = self._drawn[picture] = Asset(self._drawings.draw(picture).encode(), "image/svg+xml")
        return asset.answer(request)

    def _shop(self, words: Words) -> Asset:
        """The page over the current knowledge, made anew only when that has changed."""
        passages = self._passages()
        if passages is not self._shown[0]:
            self._shown = (passages, {})
        made = self._shown[1]
        if words.language not in made:
            made[words.language] = Asset(render(self._template, passages, words).encode(), "text/html", ALWAYS_ASK)
        return made[words.language]


def _script(file: resources.abc.Traversable) -> Asset:
    return Asset(file.read_bytes() if file.is_file() else _UNBUILT.encode(), "text/javascript", SHORT)
