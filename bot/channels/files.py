"""`/api/files`: a file comes in from the shopper's widget, and goes out to the same shopper only."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from urllib.parse import quote

from aiohttp import BodyPartReader, ClientPayloadError, hdrs, web

from bot.channels.edge import Edge
from bot.channels.failures import failure
from bot.channels.places import Places
from bot.channels.sessions import Session
from bot.conversations import codec
from bot.conversations.files import Files
from bot.conversations.filetypes import ENDINGS
from bot.errors import BadRequest, FileTooBig, NotAllowed, Overloaded
from bot.settings import Settings

FILE_TYPES = tuple(ENDINGS)
"""Media types that may be sent."""

_UPLOAD = timedelta(minutes=2)
"""Longest that one may take: 5 MiB over a slow phone. Who dribbles holds a place that others wait for."""

_AT_ONCE = 64
"""Most uploads of this process at the same time; each holds one piece in memory, and the last step the whole file."""

_OF_SHOPPER = 5
"""Of these, so many of one shopper: the files of one message, which the widget sends together."""

_OF_ADDRESS = 6
"""And so many of one address: who sends slowly holds no more than a tenth of what everybody has."""

_PIECE = 64 * 1024

_FRAME = 4 * 1024
"""Bytes that the multipart format needs around one file, amply."""


class FileChannel:
    """Takes and gives back shoppers' files."""

    def __init__(self, settings: Settings, files: Files, edge: Edge) -> None:
        self._largest = settings.upload_bytes
        self._files = files
        self._sessions = edge.sessions
        self._limits = edge.limits
        self._guard = edge.guard
        self._under_way = 0
        self._shoppers = Places(_OF_SHOPPER)
        self._addresses = Places(_OF_ADDRESS)

    def routes(self) -> list[web.RouteDef]:
        """Where files are sent and found."""
        return [web.post("/api/files", self.receive), web.get("/api/files/{id}", self.send)]

    async def receive(self, request: web.Request) -> web.Response:
        """Keep the part ``file`` of a multipart body, and say what it is known by.

        Raises:
            NotAllowed: no good token.
            BadRequest, FileTooBig, FileRefused: nothing was kept.
            RateLimited, Overloaded, StoreUnavailable: not now.
        """
        session = self._session(request, _bearer(request))
        address = self._guard.address(request)
        with self._shoppers.one_for(session.shopper), self._addresses.one_for(address), self._place():
            await self._limits.admit_file(session.conversation, address)
            return await self._keep(request, session)

    @contextmanager
    def _place(self) -> Iterator[None]:
        """One of the places of this process, inside the block."""
        if self._under_way >= _AT_ONCE:
            raise Overloaded("Too many files are being sent; send it again.", retry_after=5)
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _keep(self, request: web.Request, session: Session) -> web.Response:
        try:
            async with asyncio.timeout(_UPLOAD.total_seconds()):
                part = await self._part(request)
                async with aclosing(_pieces(part)) as pieces:
                    attachment = await self._files.keep(session.conversation, part.filename, pieces)
        except TimeoutError:
            return failure(408, f"The file did not come within {_UPLOAD.total_seconds():.0f} seconds.")
        return web.json_response(codec.plain(attachment))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Give a file back to its shopper: a picture to be shown, a PDF to be saved.

        The token may stand in the address, because a picture's tag can send no header.

        Raises:
            NotAllowed: no good token.
        """
        session = self._session(request, _bearer(request) or request.query.get("token"))
        attachment = await self._files.find(session.conversation, request.match_info["id"])
        if attachment is None:
            return failure(404, "There is no such file.")
        shown = "inline" if attachment.type.startswith("image/") else "attachment"
        return web.FileResponse(
            self._files.path(session.conversation, attachment),
            headers={
                hdrs.CONTENT_TYPE: attachment.type,
                hdrs.CONTENT_DISPOSITION: f"{shown}; filename*=UTF-8''{quote(attachment.name, safe='')}",
                # What a shopper sent gets no rights of this origin, whatever a browser takes it for.
                "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
                hdrs.CACHE_CONTROL: "private, max-age=3600, immutable",
            },
        )

    def _session(self, request: web.Request, token: str | None) -> Session:
        if not token:
            raise NotAllowed("A token is needed: Authorization: Bearer <token of POST /api/session>.")
        return self._sessions.verify(token)

    async def _part(self, request: web.Request) -> BodyPartReader:
        """The part ``file`` of the body, its bytes still to be read."""
        if request.content_type != "multipart/form-data":
            raise BadRequest("The body has to be multipart/form-data with one part named file.")
        if request.content_length and request.content_length > self._largest + _FRAME:
            raise FileTooBig(f"The file is too large: at most {self._largest} bytes can be sent.")
        try:
            part = await (await request.multipart()).next()
        except (ValueError, AssertionError, ConnectionError, ClientPayloadError) as exc:
            raise BadRequest("The body is no multipart/form-data.") from exc
        if not isinstance(part, BodyPartReader) or part.name != "file":
            raise BadRequest("The first part of the body has to be a file, with the name file.")
        return part


async def _pieces(part: BodyPartReader) -> AsyncGenerator[bytes]:
    """The bytes of a part as they come."""
    try:
        while piece := await part.read_chunk(_PIECE):
            yield piece
        if not part.at_eof():
            raise ValueError("no boundary follows")  # aiohttp takes the end of the body for the end of the part.
    except (ValueError, AssertionError, ConnectionError, ClientPayloadError) as exc:
        raise BadRequest("The file was cut off before its end.") from exc


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
