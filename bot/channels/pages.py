"""What a browser finds at the server's own address."""

from importlib import resources

from aiohttp import web


class Pages:
    """`/`."""

    def __init__(self) -> None:
        self._home = resources.files("bot.channels").joinpath("home.html").read_text("utf-8")

    def routes(self) -> list[web.RouteDef]:
        """Where these pages are."""
        return [web.get("/", self.home)]

    async def home(self, request: web.Request) -> web.Response:
        """A page that says how to talk to this server."""
        return web.Response(text=self._home, content_type="text/html")
