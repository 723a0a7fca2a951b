"""The recognizer that asks a real Rasa server, and the embedded one where that does not answer."""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import aiohttp
import msgspec

from bot.errors import RasaUnavailable, SettingError
from bot.ports import Recognizer
from bot.records import Entity, State, Understanding
from bot.settings import Settings
from bot.telemetry.metrics import RASA_FALLBACKS, RASA_SECONDS
from bot.understanding.breaker import Breaker
from bot.understanding.entities import EntityExtractor
from bot.understanding.language import detect_language
from bot.understanding.mood import hear_mood
from bot.understanding.rasa_answer import Reading, read_parse
from bot.understanding.recognizer import INTENTS
from bot.understanding.training_data import read_training_data

log = logging.getLogger(__name__)

_LARGEST = 1024 * 1024
"""Bytes of an answer; one about 1,000 intents has a tenth of that."""

_A_LOOK = aiohttp.ClientTimeout(total=1)

_COMMAND = re.compile(r"[\s/]*")
"""Rasa takes a text that begins with a slash for an intent by name, whoever typed it; and it strips spaces."""


class _Status(msgspec.Struct):
    model_file: str | None = None


@dataclass(frozen=True, slots=True)
class RasaServer:
    """A Rasa server's HTTP API (`rasa run --enable-api`), as far as it is asked here."""

    session: aiohttp.ClientSession
    url: str
    timeout: float
    """Seconds for one reading."""
    token: str | None = None

    async def parse(self, text: str) -> Reading:
        """What the server's model makes of ``text``, which has more in it than spaces and slashes.

        Raises:
            RasaUnavailable: no answer in time, an error, or an answer outside its format.
        """
        left_out = leading(text)
        started = perf_counter()
        try:
            async with self.session.post(
                f"{self._root}/model/parse",
                json={"text": text[left_out:]},
                params=self._params,
                timeout=aiohttp.ClientTimeout(total=self.timeout),
                allow_redirects=False,
            ) as response:
                body = await _read(response)
        except TimeoutError as exc:
            raise RasaUnavailable(f"Rasa did not answer within {self.timeout:g} s.", "timeout") from exc
        except aiohttp.ClientError as exc:
            raise RasaUnavailable(f"Rasa at {self._root} does not answer ({exc}).", "unreachable") from exc
        RASA_SECONDS.observe(perf_counter() - started)
        try:
            return read_parse(body, text, left_out)
        # A nesting too deep to read is a RecursionError; what msgspec quotes is a path in the answer, not its text.
        except (ValueError, RecursionError) as exc:
            raise RasaUnavailable(f"Rasa's answer is outside its format: {exc}.", "nonsense") from exc

    async def model(self) -> str:
        """The name of the model that the server has loaded.

        Raises:
            RasaUnavailable: it does not answer within a second, or has none.
        """
        try:
            async with self.session.get(
                f"{self._root}/status", params=self._params, timeout=_A_LOOK, allow_redirects=False
            ) as response:
                status = msgspec.json.decode(await _read(response), type=_Status)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise RasaUnavailable(f"{self._root} does not answer ({str(exc) or 'too slow'})", "unreachable") from exc
        except ValueError as exc:
            raise RasaUnavailable(f"{self._root} is no Rasa server: {exc}", "nonsense") from exc
        if not status.model_file:
            raise RasaUnavailable(
                f"{self._root} has no model; start it with `rasa run --enable-api --model …`", "status"
            )
        return status.model_file.rpartition("/")[2]

    @property
    def _root(self) -> str:
        return self.url.rstrip("/")

    @property
    def _params(self) -> Mapping[str, str]:
        return {"token": self.token} if self.token else {}


def leading(text: str) -> int:
    """How many characters at the start of ``text`` Rasa must not see."""
    found = _COMMAND.match(text)
    return found.end() if found else 0


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body of a good answer, if it is not endless."""
    if response.status != 200:
        hint = {
            401: "; is KEFU_RASA_AUTH_TOKEN right?",
            404: "; was it started with --enable-api?",
            409: ": it has no model",
        }
        raise RasaUnavailable(f"Rasa answered {response.status}{hint.get(response.status, '')}.", "status")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LARGEST:
            raise RasaUnavailable(f"Rasa's answer has more than {_LARGEST} bytes.", "nonsense")
    return bytes(body)


class RasaRecognizer:
    """Reads intents and entities with a Rasa server, language and mood here; implements `ports.Recognizer`.

    A message that Rasa does not read is read by the ``embedded`` recognizer: the understanding says so in its notes,
    and the metrics count it.
    """

    def __init__(self, server: RasaServer, embedded: Recognizer, entities: EntityExtractor) -> None:
        self._server = server
        self._embedded = embedded
        self._entities = entities
        self._breaker = Breaker()

    @classmethod
    def open(cls, settings: Settings, session: aiohttp.ClientSession, embedded: Recognizer) -> "RasaRecognizer":
        """The recognizer that ``settings`` choose; asks nothing yet.

        Raises:
            SettingError: `rasa_url` is not set.
            KnowledgeError: the training data has an error.
        """
        data = read_training_data(settings.knowledge / INTENTS)
        return cls(server_of(settings, session), embedded, EntityExtractor(data))

    async def answers(self) -> bool:
        """Whether Rasa reads what comes, as far as one look and the last message tell."""
        try:
            await self._server.model()
        except RasaUnavailable:
            return False
        return self._breaker.closed

    async def understand(self, text: str, state: State) -> Understanding:
        """Understand ``text`` as the next thing said in a conversation in ``state``."""
        if leading(text) == len(text):
            return await self._embedded.understand(text, state)  # Nothing for Rasa to see.
        try:
            reading = await self._ask(text)
        except RasaUnavailable as exc:
            return await self._fall_back(text, state, exc)
        if not reading.intents:
            return await self._fall_back(text, state, RasaUnavailable("Rasa named no intent.", "no_intent"))
        return Understanding(
            text=text,
            language=detect_language(text, state.language),
            intents=reading.intents,
            in_scope=reading.in_scope,
            entities=self._complete(reading.entities, text, state.requested),
            mood=hear_mood(text, [exchange.shopper for exchange in state.history]),
        )

    async def _ask(self, text: str) -> Reading:
        if not self._breaker.admits():
            raise RasaUnavailable("Rasa was away a moment ago and is not asked yet.", "open")
        try:
            reading = await self._server.parse(text)
        except RasaUnavailable as exc:
            if self._breaker.closed:
                log.warning("Rasa is away: the embedded recognizer reads", extra={"reason": exc.reason})
            self._breaker.failed()
            raise
        except BaseException:  # The turn was dropped meanwhile.
            self._breaker.gave_up()
            raise
        if not self._breaker.closed:
            log.info("Rasa is back")
        self._breaker.succeeded()
        return reading

    async def _fall_back(self, text: str, state: State, why: RasaUnavailable) -> Understanding:
        RASA_FALLBACKS.labels(why.reason).inc()
        understood = await self._embedded.understand(text, state)
        return replace(understood, notes=(f"{why} The embedded recognizer read this.",))

    def _complete(self, found: tuple[Entity, ...], text: str, requested: str | None) -> tuple[Entity, ...]:
        """Rasa's entities in the shop's spelling, and what the shop's own expressions see where Rasa marked nothing.

        A learnt extractor misses order numbers that no example resembles, and knows nothing of the question before.
        """
        own = (
            replace(entity, value=self._entities.canonical(entity.name, entity.value))
            if entity.value == text[entity.start : entity.end]
            else entity
            for entity in found
        )
        more = (
            entity
            for entity in self._entities.extract(text, requested)
            if not any(other.start < entity.end and entity.start < other.end for other in found)
        )
        return tuple(sorted((*own, *more), key=lambda entity: entity.start))


def require_rasa(settings: Settings) -> str | None:
    """The address of the Rasa server that ``settings`` name; None where they ask for the embedded recognizer only.

    Raises:
        SettingError: they ask for Rasa and name no server.
    """
    if settings.recognizer == "rasa" and settings.rasa_url is None:
        raise SettingError(
            "rasa_url = None (KEFU_RASA_URL): the recognizer `rasa` needs the address of a Rasa server, "
            "as http://127.0.0.1:5006, which is where `make rasa` serves one."
        )
    return settings.rasa_url


def server_of(settings: Settings, session: aiohttp.ClientSession) -> RasaServer:
    """The Rasa server that ``settings`` name.

    Raises:
        SettingError: they name none.
    """
    require_rasa(settings)
    assert settings.rasa_url is not None, "composed only where Rasa is asked for"
    token = settings.rasa_auth_token.get_secret_value() if settings.rasa_auth_token else None
    return RasaServer(session, settings.rasa_url, settings.rasa_timeout.total_seconds(), token)
