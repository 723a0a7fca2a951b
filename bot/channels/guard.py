"""The server's edge: which pages may call it, whose address a request has, what every answer carries, how one fails."""

import logging
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from bot.channels.failures import explain, failure
from bot.channels.network import Networks, caller
from bot.channels.origins import own_origins, read_host, read_origin
from bot.errors import KefuError, OriginRefused, Unavailable
from bot.settings import Settings

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SHARED = ("/api/", "/socket.io/", "/webhooks/", "/widget.js")
"""Paths that pages of other origins call: answers there depend on the request's origin."""

_EMBEDDED = ("/widget.js", "/api/files/", "/demo/")
"""Paths that a page of another origin shows or runs by a tag; everything else is not to be taken into one."""

_PROGRAMS = ("/api/", "/conversations/", "/domain", "/model/", "/socket.io/", "/status", "/webhooks/")
"""Paths that programs call, who want JSON whatever happens."""

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "authorization, content-type",
    # Ten minutes: a browser need not ask before every file, and a removed origin is not believed for long.
    "Access-Control-Max-Age": "600",
}

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # A token may stand in a picture's address; no other site is to read it there.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}

_PROXIED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")
"""What proxies add; not each of them tells the address, but each is one."""

_ANSWERING = web.RequestKey("kefu_answering", bool)
"""Set once the status line has left: from then on nothing else can be answered."""


def _nothing() -> Iterable[str]:
    return ()


class Guard:
    """What stands before every handler. Handlers raise `bot.errors` and need not know HTTP's words for them."""

    def __init__(self, settings: Settings, images: Callable[[], Iterable[str]] = _nothing) -> None:
        """``images`` tells the hosts of the catalogue's pictures, besides ``settings.image_hosts``.

        Raises:
            SettingError: an origin, host or network in the settings is none.
        """
        self._settings = settings
        self._public = read_origin("public_url", settings.public_url.rstrip("/")) if settings.public_url else None
        self._listed = frozenset(read_origin("origins", origin) for origin in settings.origins)
        self._image_hosts = tuple(read_host("image_hosts", host) for host in settings.image_hosts)
        for host in settings.link_hosts:
            read_host("link_hosts", host)
        self._trusted = Networks.read("trusted_proxies", settings.trusted_proxies)
        self._images = images
        self.listens_at(settings.port)

    def listens_at(self, port: int) -> None:
        """Say which port was bound: with `port` 0 the own origins are known only then."""
        self.own = own_origins(self._public, self._settings.host, port)
        self._allowed = self._listed | self.own

    def protect(self, app: web.Application) -> None:
        """Stand before every handler of ``app``."""
        app.middlewares.append(self.middleware)
        app.on_response_prepare.append(self.dress)

    def address(self, request: web.Request) -> str | None:
        """Whom limits by address count this request for; an IPv6 customer has a /64, so that is its address.

        None where that is not known: a trusted proxy, or a program on this machine, that names nobody behind it.
        """
        return caller(request.remote, request.headers.getall("X-Forwarded-For", ()), self._trusted)

    def is_trusted(self, request: web.Request) -> bool:
        """Whether the request comes straight from a trusted network: no proxy says that it speaks for somebody."""
        return self.address(request) is None and not any(name in request.headers for name in _PROXIED)

    def check_origin(self, request: web.Request) -> None:
        """Let only Kefu's own pages and the listed ones pass, and whoever is no page: only browsers send ``Origin``.

        The request's ``Host`` is never asked: a page whose name was pointed at this server would name itself.

        Raises:
            OriginRefused: the page is of another origin.
        """
        told = request.headers.getall("Origin", ())
        if told and (len(told) > 1 or told[0] not in self._allowed):
            raise OriginRefused(
                f"The origin {told[0]!a:.100} may not talk to this server; list it in KEFU_ORIGINS if it should."
            )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer what needs no handler, and word what a handler raised."""
        try:
            if request.path.startswith(_SHARED):
                if request.method == "OPTIONS":
                    return self._preflight(request)
                if request.method not in ("GET", "HEAD"):
                    # A browser sends some requests without asking first, and hides only the answer from the page.
                    self.check_origin(request)
            return await handler(request)
        except web.HTTPException as exc:
            if request.get(_ANSWERING) or exc.status < 400 or not request.path.startswith(_PROGRAMS):
                raise
            return _in_json(exc)
        except Exception as exc:  # The edge: whoever called has to be told something.
            if request.get(_ANSWERING):
                raise  # Nothing more can be said; aiohttp cuts the connection, which is how the client knows.
            if isinstance(exc, ConnectionError):
                return web.Response(status=400)  # The client left in the middle of its request; nobody reads this.
            return _explained(request, exc)

    def _preflight(self, request: web.Request) -> web.Response:
        """A browser asks whether a page may call; what it may do once it is let in is the same for all."""
        self.check_origin(request)
        return web.Response(status=204, headers=_PREFLIGHT)

    async def dress(self, request: web.Request, response: web.StreamResponse) -> None:
        """Set the headers of an answer that is about to leave; a handler's own stay."""
        request[_ANSWERING] = True
        headers = response.headers
        for name, value in _ALWAYS.items():
            headers.setdefault(name, value)
        headers.setdefault("Content-Security-Policy", self._policy(response.content_type == "text/html"))
        shown_elsewhere = request.path.startswith(_EMBEDDED)
        headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin" if shown_elsewhere else "same-origin")
        if request.path.startswith(_SHARED):
            headers.add("Vary", "Origin")
            asking = request.headers.get("Origin", "")
            if asking in self._allowed:
                headers["Access-Control-Allow-Origin"] = asking
                headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.path.startswith(_PROGRAMS):
            headers.setdefault("Cache-Control", "no-store")

    def _policy(self, is_page: bool) -> str:
        """What a browser lets an answer do. Source: https://www.w3.org/TR/CSP3/ and Trusted Types."""
        if not is_page:
            return "default-src 'none'; frame-ancestors 'none'"
        # A source of the policy cannot be an IPv6 address; browsers complain of one, and `'self'` stands for it anyway.
        sockets = sorted(origin.replace("http", "ws", 1) for origin in self.own if "[" not in origin)
        images = sorted({*self._image_hosts, *self._images()})
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                " ".join(("img-src 'self'", *images)),
                " ".join(("connect-src 'self'", *sockets)),
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
            )
        )


def _in_json(exc: web.HTTPException) -> web.Response:
    """What aiohttp says of a path, a method or a body, in JSON."""
    told = failure(exc.status, exc.text or exc.reason)
    if "Allow" in exc.headers:
        told.headers["Allow"] = exc.headers["Allow"]
    return told


def _explained(request: web.Request, exc: Exception) -> web.Response:
    """What a caller is told of an error: what they can mend, and nothing of what lies within."""
    if isinstance(exc, KefuError) and (told := explain(exc)) is not None:
        if isinstance(exc, Unavailable):
            _log.debug("%s %a was refused: %s", request.method, request.path, exc)
        return told
    # The path without its query, where a token may stand; in ASCII, because a path may hold a line's end.
    _log.error("%s %a failed.", request.method, request.path, exc_info=exc)
    return failure(500, "Something went wrong here. It has been logged.")
