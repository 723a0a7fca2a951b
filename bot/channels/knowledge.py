"""What a reply's source says, in full, and the hosts that the shop's knowledge leads to."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from bot.channels.failures import failure
from bot.channels.origins import hosts_of
from bot.errors import BadRequest
from bot.grounding.shown import clean
from bot.records import Kind, Passage
from bot.settings import Settings

_TOLD = frozenset((Kind.FAQ, Kind.POLICY, Kind.PRODUCT))
"""Kinds that anybody may read; what an action brought back is one shopper's."""


@dataclass(frozen=True, slots=True)
class _Looked:
    """What one pass over the passages finds, so that no request needs another."""

    passages: Sequence[Passage]
    places: Mapping[str, int]
    """Of each passage that may be read, by its id."""
    links: tuple[str, ...]
    images: tuple[str, ...]


class Knowledge:
    """`GET /api/knowledge` over the passages that are searched now; open inside ``async with``."""

    def __init__(self, settings: Settings, passages: Callable[[], Sequence[Passage]] = tuple) -> None:
        """``passages`` gives the current ones: another sequence whenever the knowledge has changed."""
        self._settings = settings
        self._passages = passages
        self._looked = _Looked((), {}, (), ())
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Knowledge":
        await self._look(self._passages())
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def routes(self) -> list[web.RouteDef]:
        """Where sources are read."""
        return [web.get("/api/knowledge", self.tell)]

    async def tell(self, request: web.Request) -> web.Response:
        """The passage that is asked for, cleaned.

        Raises:
            BadRequest: none is named.
        """
        if not (name := request.query.get("passage")):
            raise BadRequest("passage: has to name the passage that a reply's source names.")
        looked = self._current()
        if (place := looked.places.get(name)) is None:
            return failure(404, "There is no such passage; the knowledge may have changed since it was told.")
        return web.json_response(told(looked.passages[place]))

    def link_hosts(self) -> Sequence[str]:
        """Hosts that a client may link to: those of the settings, and of all products and passages."""
        return sorted({*self._settings.link_hosts, *self._current().links})

    def image_hosts(self) -> Sequence[str]:
        """Hosts that a client may show pictures from, besides Kefu's own: of the settings, and of all products."""
        return sorted({*self._settings.image_hosts, *self._current().images})

    def _current(self) -> _Looked:
        """What was found in the current passages; in those before them, while they are being looked through."""
        if self._looking is None and (passages := self._passages()) is not self._looked.passages:
            self._looking = asyncio.create_task(self._look(passages), name="kefu-knowledge")
        return self._looked

    async def _look(self, passages: Sequence[Passage]) -> None:
        try:
            self._looked = await asyncio.to_thread(_look_through, passages)
        finally:
            self._looking = None


def told(passage: Passage) -> dict[str, str]:
    """A passage as a client reads it; fields that are empty are left out."""
    fields = {
        "passage": passage.id,
        "kind": passage.kind.value,
        "title": clean(passage.title),
        "text": clean(passage.text),
        "source": passage.source,
        "url": passage.url if hosts_of([passage.url]) else None,
    }
    return {name: value for name, value in fields.items() if value}


def _look_through(passages: Sequence[Passage]) -> _Looked:
    places: dict[str, int] = {}
    links: set[str | None] = set()
    images: set[str | None] = set()
    for place, passage in enumerate(passages):
        if passage.kind in _TOLD:
            places[passage.id] = place
            links.update((passage.url, passage.attributes.get("url")))
            images.add(passage.attributes.get("image"))
    return _Looked(passages, places, tuple(hosts_of(links)), tuple(hosts_of(images)))
