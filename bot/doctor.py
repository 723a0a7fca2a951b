"""What is configured, found and missing: the checks behind `kefu doctor`."""

import importlib.util
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiohttp

from bot.channels.guard import Guard
from bot.channels.sessions import Sessions, read_key
from bot.conversations import open_conversations
from bot.conversations.durability import weaknesses
from bot.conversations.embedded import find_server
from bot.dialogue.action_server import PROTOCOL
from bot.dialogue.domain import read_domain, remarks, unsupported
from bot.dialogue.hours import read_hours
from bot.dialogue.vouching import told
from bot.errors import KefuError, RasaUnavailable, SettingError
from bot.models.adapter import find_adapter
from bot.models.packaged import sentence_weights, writer_weights
from bot.models.pairs import READER, SUPPORT, can_export, is_exported, read_card
from bot.records import ConversationId, Vouched
from bot.retrieval.build import is_stale as index_is_stale
from bot.retrieval.sources import read_knowledge
from bot.settings import Settings
from bot.understanding.rasa import require_rasa, server_of
from bot.understanding.training import is_stale as intents_are_stale
from bot.understanding.training_data import read_training_data

State = Literal["ok", "note", "wrong"]
_HERE = ("127.0.0.1", "::1", "localhost")
CHECK = "action_check_shop_key"
"""Of our own action server."""

_SECONDS = aiohttp.ClientTimeout(total=3)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    detail: str


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Look at everything that the server will need; changes nothing but an own Redis, which is started and stopped."""
    for look in (_configured, _edge, _sessions, _telemetry, _knowledge, _dialogue, _intents, _models):
        for finding in _guarded(look, settings):
            yield finding
    yield await _redis(settings)
    yield await _writer_endpoint(settings)
    actions = await _actions(settings)
    yield actions
    if settings.actions_url and actions.state == "ok":
        yield await _shop_key(settings, settings.actions_url)
    yield await _recognizer(settings)
    if settings.otel_endpoint:
        yield await _answers("traces", settings.otel_endpoint, anything=True)


def _guarded(look: Callable[[Settings], Iterator[Finding]], settings: Settings) -> Iterator[Finding]:
    """An error of ours is a finding too, not the end of the examination."""
    try:
        yield from look(settings)
    except KefuError as exc:
        yield Finding(look.__name__.strip("_"), "wrong", str(exc))


def _configured(settings: Settings) -> Iterator[Finding]:
    file = "kefu.toml" if Path("kefu.toml").exists() else "no kefu.toml"
    variables = sorted(name for name in os.environ if name.startswith("KEFU_"))
    changed = [name for name, field in type(settings).model_fields.items() if getattr(settings, name) != field.default]
    yield Finding("settings", "ok", f"{file}; environment: {', '.join(variables) or 'none'}")
    if changed:
        yield Finding(
            "not as by default",
            "note",
            ", ".join(f"{name} = {_public(str(getattr(settings, name)))}" for name in changed),
        )


def _edge(settings: Settings) -> Iterator[Finding]:
    guard = Guard(settings)
    far = settings.host not in _HERE
    if settings.public_url is None and far:
        yield Finding("public_url", "note", "unset: only browsers on this machine can use the widget")
    elif settings.public_url and settings.public_url.startswith("http://") and far:
        yield Finding("public_url", "note", f"{settings.public_url}: without TLS, anybody on the way reads along")
    own = ", ".join(sorted(guard.own))
    if settings.origins:
        yield Finding("origins", "ok", f"{', '.join(settings.origins)}, and {own}")
    else:
        yield Finding("origins", "note", f"unset: only Kefu's own pages may carry the widget ({own})")


def _sessions(settings: Settings) -> Iterator[Finding]:
    if settings.session_key is not None:
        Sessions(settings)  # Checks both keys; with one given, it makes none.
        yield Finding("session_key", "ok", "set")
    elif settings.redis_url:
        yield Finding(
            "session_key", "note", f"unset, kept in {settings.data}: servers that share Redis have to share it too"
        )
    else:
        yield Finding("session_key", "ok", f"kept in {settings.data}")
    if read_key(settings.shop_key, "shop_key"):
        yield Finding("signed-in shoppers", "ok", "the shop can vouch for them")
    else:
        missing = "no shop_key: nobody can be signed in, so the forms on orders ask each shopper who they are"
        yield Finding("signed-in shoppers", "note", missing)


def _telemetry(settings: Settings) -> Iterator[Finding]:
    near = ", ".join(settings.trusted_proxies) or "nobody"
    who = "whoever has the token" if settings.metrics_token else f"{near}, asked straight"
    # A proxy that names nobody behind it would look near.
    open_door = settings.metrics_token is None and settings.public_url is not None
    detail = f"/metrics is for {who}" + ("; see that your proxy does not pass it on" if open_door else "")
    yield Finding("metrics", "note" if open_door else "ok", detail)
    if settings.log_text:
        yield Finding("log_text", "note", "what shoppers write stands in the log lines; for a test machine only")


def _knowledge(settings: Settings) -> Iterator[Finding]:
    knowledge = read_knowledge(settings.knowledge)
    yield Finding("knowledge", "ok", f"{len(knowledge.passages)} passages in {settings.knowledge}")
    for problem in knowledge.problems:
        yield Finding("knowledge", "wrong", f"left out: {problem}")
    stale = index_is_stale(settings)
    yield Finding("index", "note" if stale else "ok", "not current; `kefu index` builds it" if stale else "current")


def _dialogue(settings: Settings) -> Iterator[Finding]:
    domain = read_domain(settings.knowledge)
    read_hours(settings.desk_hours, settings.desk_timezone)
    rules = sum(path.is_rule for path in domain.paths)
    told = f"{len(domain.forms)} forms, {rules} rules, {len(domain.paths) - rules} ways through stories"
    yield Finding("dialogue", "ok", f"{len(domain.responses)} responses, {told}")
    for found in unsupported(domain):
        yield Finding("not as in Rasa", "note", str(found))
    for remark in remarks(domain):
        yield Finding("dialogue", "note", remark)


def _intents(settings: Settings) -> Iterator[Finding]:
    data = read_training_data(settings.knowledge / "intents")
    names = {example.intent for example in data.examples}
    stale = intents_are_stale(settings)
    trained = "not trained; `kefu train intents` does it" if stale else "trained"
    yield Finding("intents", "note" if stale else "ok", f"{len(names)} with {len(data.examples)} examples, {trained}")


def _models(settings: Settings) -> Iterator[Finding]:
    yield Finding("encoder", "ok", str(sentence_weights(settings.encoder).folder))
    yield _classifier(settings, "reader", READER, "passages stand in the order of the search")
    yield _classifier(settings, "support classifier", SUPPORT, "rules check alone")
    if settings.writer == "none" or settings.writer_url:
        return
    yield Finding("writer", "ok", str(writer_weights(settings.writer).folder))
    yield _adapter(settings)
    if importlib.util.find_spec("torch") is None:
        yield Finding("writer", "wrong", "torch is not installed (`pip install 'kefu[models]'`); passages are quoted")


def _classifier(settings: Settings, subject: str, folder: Path, without: str) -> Finding:
    read_card(folder)
    if is_exported(settings, folder) or can_export():
        return Finding(subject, "ok", str(folder))
    return Finding(subject, "note", f"cannot be exported without `pip install 'kefu[models]'`; {without}")


def _adapter(settings: Settings) -> Finding:
    adapter = find_adapter(settings.writer_adapter, settings.writer)
    if adapter is None:
        return Finding("writer's adapter", "ok", "none")
    gate = adapter.card.get("gate")
    if gate is None:
        return Finding("writer's adapter", "note", f"{adapter.folder}: nobody measured its replies")
    told = f"{adapter.folder}: {gate['tuned']:.2f} on held-out lessons, and quoting {gate['quoted']:.2f}"
    return Finding(
        "writer's adapter", "ok" if adapter.served else "note", told + ("" if adapter.served else "; not served")
    )


def _public(address: str) -> str:
    """An address without the password in it."""
    return re.sub(r"(?<=://)[^@/]*@", "…@", address)


async def _redis(settings: Settings) -> Finding:
    where = _public(settings.redis_url) if settings.redis_url else f"our own, {find_server()}"
    try:
        async with open_conversations(settings) as conversations:
            weak = await weaknesses(conversations.wire)
    except KefuError as exc:
        return Finding("redis", "wrong", f"{where}: {exc}")
    if weak:
        return Finding("redis", "wrong", f"{where}: {'; '.join(weak)}")
    return Finding("redis", "ok", where)


async def _writer_endpoint(settings: Settings) -> Finding:
    if not settings.writer_url:
        return Finding("writer endpoint", "ok", "none; the model runs here" if settings.writer != "none" else "none")
    return await _answers("writer endpoint", f"{settings.writer_url.rstrip('/')}/models")


async def _actions(settings: Settings) -> Finding:
    if not settings.actions_url:
        found = importlib.util.find_spec("rasa_sdk") is not None
        detail = (
            "started with Kefu, with its settings of the shop"
            if found
            else "rasa-sdk is not installed (`pip install 'kefu[actions]'`)"
        )
        return Finding("action server", "ok" if found else "wrong", detail)
    return await _answers("action server", f"{settings.actions_url.removesuffix('/webhook')}/health")


async def _shop_key(settings: Settings, url: str) -> Finding:
    """Whether the action server can read whom Kefu vouches for; without, signed-in shoppers are asked who they are."""
    try:
        key = read_key(settings.shop_key, "shop_key")
    except SettingError as exc:
        return Finding("shop_key", "wrong", str(exc))
    match = await _compared(url, key)
    if match is None:
        unknown = "the action server does not tell of its key; docs/actions.md says how one knows a signed-in shopper"
        return Finding("shop_key", "note" if key else "ok", unknown)
    if key is None:
        if match == "missing":
            return Finding("shop_key", "ok", "none, here and in the action server")
        return Finding("shop_key", "note", "none here, though the action server has one: the widget cannot sign in")
    if match == "same":
        return Finding("shop_key", "ok", "the action server has the same")
    other = "has none" if match == "missing" else "has another"
    return Finding("shop_key", "wrong", f"the action server {other}: KEFU_SHOP_KEY has to be the same there")


async def _compared(url: str, key: str | None) -> str | None:
    """What the action server's own check says of ``key``; None of a server that has no such check."""
    conversation = ConversationId("doctor")
    metadata = {"vouched": dict(told(Vouched("program"), conversation, key))} if key else {}
    tracker = {
        "sender_id": conversation,
        "slots": {},
        "latest_message": {"text": "", "intent": {}, "entities": [], "metadata": metadata},
        "events": [],
        "paused": False,
        "followup_action": None,
        "active_loop": {},
        "latest_action_name": None,
    }
    call = {"next_action": CHECK, "sender_id": conversation, "tracker": tracker, "domain": {}, "version": PROTOCOL}
    try:
        async with aiohttp.ClientSession(timeout=_SECONDS) as session, session.post(url, json=call) as answer:
            found = (await answer.json())["responses"][0]["custom"]["shop_key"]
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, str) else None


async def _recognizer(settings: Settings) -> Finding:
    """Which one reads, and where that is Rasa: whether it answers, and with which model."""
    try:
        if require_rasa(settings) is None:
            return Finding("recognizer", "ok", "embedded")
        async with aiohttp.ClientSession() as session:
            model = await server_of(settings, session).model()
    except SettingError as exc:
        return Finding("recognizer", "wrong", str(exc))
    except RasaUnavailable as exc:
        asked = settings.recognizer == "rasa"
        return Finding("recognizer", "wrong" if asked else "note", f"{exc}; the embedded one reads")
    where = f"Rasa at {_public(settings.rasa_url or '')}, model {model}"
    used = settings.recognizer == "rasa"
    return Finding("recognizer", "ok" if used else "note", where if used else f"embedded; not asked: {where}")


async def _answers(subject: str, url: str, *, anything: bool = False) -> Finding:
    """Whether ``url`` answers: well, or ``anything`` at all where it is not meant to be read."""
    try:
        async with aiohttp.ClientSession(timeout=_SECONDS) as session, session.get(url) as response:
            state: State = "ok" if response.status < 400 or anything else "wrong"
            return Finding(subject, state, f"{_public(url)} answers {response.status}")
    except (aiohttp.ClientError, TimeoutError) as exc:
        return Finding(subject, "wrong", f"{_public(url)} does not answer ({str(exc) or 'too slow'})")
