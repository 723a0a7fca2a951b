"""Names what a program asks for, so that whoever asks again without an answer gets it done once.

Rasa does it again. Here a program may send an ``Idempotency-Key``; where it sends none, what counts as the same is the
same request on a conversation in which nothing has happened since, or one that broke off less than a minute ago.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from aiohttp import web

from bot.records import ConversationId

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Source: draft-ietf-httpapi-idempotency-key-header."""

UNHEARD = timedelta(minutes=1)
"""For so long a request without an answer may be asked again: clients that retry do so within seconds."""

_MOST = 10_000
"""Requests without an answer that are remembered; the oldest are forgotten first."""


class Retries:
    """The requests of this process whose answer has not left."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._unheard: OrderedDict[str, tuple[str, float]] = OrderedDict()

    @contextmanager
    def named(
        self, request: web.Request, conversation: ConversationId, version: int, body: Mapping[str, Any]
    ) -> Iterator[str]:
        """The name under which ``request``, about a conversation at ``version``, is done once: a hash.

        A block that ends with an answer is forgotten, so that the same request means the same once more. One that is
        left by an error, or by its client, is what the next same request means.
        """
        route = request.path.rpartition("/")[2]
        if told := request.headers.get(IDEMPOTENCY_KEY):
            yield _hashed(conversation, route, told)
            return
        about = _hashed(conversation, route, json.dumps([body, sorted(request.query.items())], sort_keys=True))
        name, _ = self._unheard.setdefault(about, (_hashed(about, str(version)), self._clock() + self._forget_old()))
        yield name
        if request.transport is not None and not request.transport.is_closing():
            self._unheard.pop(about, None)

    def _forget_old(self) -> float:
        """Forget what nobody asks for again; how long what comes now is remembered, in seconds."""
        now = self._clock()
        while self._unheard and (len(self._unheard) >= _MOST or next(iter(self._unheard.values()))[1] <= now):
            self._unheard.popitem(last=False)
        return UNHEARD.total_seconds()


def _hashed(*parts: str) -> str:
    told = json.dumps(parts).encode(errors="surrogatepass")
    return blake2b(told, digest_size=16).hexdigest()
