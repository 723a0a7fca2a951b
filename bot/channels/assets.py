"""Files that browsers fetch: read once, kept ready in both forms, answered with 304 to whoever has them."""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property

from aiohttp import web

SHORT = "public, max-age=300, stale-while-revalidate=86400"
"""For five minutes nobody asks; a new version of the widget is on every page soon after."""

ALWAYS_ASK = "no-cache"
"""For pages: kept, but asked for each time whether they are still the same."""

_WORTH_PACKING = 512
"""Bytes below which gzip's own header eats what it saves."""


@dataclass(frozen=True)
class Asset:
    """A file's bytes and how they are answered."""

    body: bytes
    content_type: str
    cache_control: str = SHORT

    @cached_property
    def tag(self) -> str:
        """A strong validator's text: of the bytes, so that every server of a shop says the same."""
        return hashlib.sha256(self.body).hexdigest()[:24]

    @cached_property
    def packed(self) -> bytes | None:
        """The bytes in gzip, where that is smaller."""
        if len(self.body) < _WORTH_PACKING or self.content_type.startswith("image/png"):
            return None
        return gzip.compress(self.body, compresslevel=9, mtime=0)

    def answer(self, request: web.Request) -> web.Response:
        """The file, or 304 where the browser has just these bytes."""
        packed = self.packed if "gzip" in request.headers.get("Accept-Encoding", "").lower() else None
        # The two forms are different bytes, so their strong validators differ too (RFC 9110, 8.8.3.3).
        tag = f"{self.tag}-gz" if packed else self.tag
        headers = {"ETag": f'"{tag}"', "Cache-Control": self.cache_control, "Vary": "Accept-Encoding"}
        kind = self.content_type
        charset = "utf-8" if kind.startswith(("text/", "image/svg")) else None
        if any(known.value == tag or known.value == "*" for known in request.if_none_match or ()):
            # With its type: a browser puts the headers of this answer over those it kept, the policy of pages too.
            return web.Response(status=304, content_type=kind, charset=charset, headers=headers)
        if packed:
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=packed or self.body, content_type=kind, charset=charset, headers=headers)
