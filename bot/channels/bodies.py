"""Reads a request's body, of whoever sends it in good time."""

import asyncio
from datetime import timedelta

from aiohttp import web

PATIENCE = timedelta(seconds=10)
"""A message or a token is a few kilobytes; who takes longer for them holds a connection and sends nothing."""


async def read_body(request: web.Request) -> bytes:
    """The whole body.

    Raises:
        HTTPRequestTimeout: it did not come within `PATIENCE`.
        HTTPRequestEntityTooLarge: it is larger than the application allows.
        ConnectionError: the client left in the middle of it.
    """
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await request.read()
    except TimeoutError as exc:
        raise web.HTTPRequestTimeout(text=f"The body did not come within {PATIENCE.total_seconds():.0f} s.") from exc
