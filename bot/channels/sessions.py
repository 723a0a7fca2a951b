"""Shoppers' sessions: short signed tokens, and the shop's own word for who is signed in.

Tokens are JWTs (RFC 7519, HS256). Nothing of them is kept here: whoever holds the key can check them, so any number of
servers may share the work, and a token is good until it ends.
"""

import json
import os
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jwt
from aiohttp import web
from jwt.exceptions import InvalidSubjectError
from pydantic import SecretStr

from bot.channels.bodies import read_body
from bot.errors import BadRequest, NotAllowed, SettingError
from bot.records import ConversationId, Vouched
from bot.settings import Settings

CHANNEL = "web"
"""Conversations of the widget are named ``web:<shopper>``."""

SIGNED_IN = "user-"
"""Before the shop's own id in the name of a shopper whom it vouched for; visitors are called otherwise."""

ISSUER = "kefu"

VOUCHED_FOR = timedelta(days=1)
"""Longest that the shop's word for a shopper holds, as does every token that comes of it."""

_ALGORITHM = "HS256"
"""The only one that is believed, whatever a token's head says (RFC 8725, 3.1)."""

_KEY_CHARACTERS = 32
"""HS256 asks for a key of 256 bits at least (RFC 7518, 3.2)."""

_SKEW = timedelta(minutes=1)
"""How far the clock of the shop's site may be off."""

_PROFILE = ("name", "email")

_LONGEST: Mapping[str, int] = MappingProxyType({"sub": 200, "name": 200, "email": 320})
"""Characters of what the shop may say of a shopper; the id becomes part of Redis keys."""


Admit = Callable[[web.Request], Awaitable[None]]
"""Let a request for a session pass, or raise `RateLimited`."""


async def anybody(request: web.Request) -> None:
    """Bound nothing."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who writes, and until when that is known."""

    shopper: str
    expires_at: datetime
    profile: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """``name`` and ``email``, where the shop vouched for them."""

    @property
    def conversation(self) -> ConversationId:
        """The shopper's conversation in the widget."""
        return ConversationId(f"{CHANNEL}:{self.shopper}")

    @property
    def vouched(self) -> Vouched | None:
        """Whom the shop vouched for; None of a visitor whom nobody knows."""
        return vouched_in(self.conversation, self.profile.get("email"))


def vouched_in(conversation: ConversationId, email: str | None = None) -> Vouched | None:
    """Whose conversation this is by the shop's word, which alone opens one of that name; None of all others."""
    named = f"{CHANNEL}:{SIGNED_IN}"
    return Vouched("shop", conversation.removeprefix(named), email) if conversation.startswith(named) else None


class Sessions:
    """Makes and checks tokens, and `POST /api/session`."""

    def __init__(self, settings: Settings, admit: Admit = anybody) -> None:
        """Read the keys, or make the one that signs sessions; ``admit`` bounds how many somebody opens.

        Raises:
            SettingError: a key is too short, or both are the same.
        """
        self._session_key = read_key(settings.session_key, "session_key") or kept_key(settings.data / "session.key")
        self._shop_key = read_key(settings.shop_key, "shop_key")
        if self._shop_key == self._session_key:
            raise SettingError("shop_key (KEFU_SHOP_KEY) has to differ from session_key: the shop would sign sessions.")
        self._lifetime = settings.session_lifetime
        self._resume_lifetime = settings.resume_lifetime
        self._admit = admit

    def routes(self) -> list[web.RouteDef]:
        """Where sessions are given out."""
        return [web.post("/api/session", self.open)]

    async def open(self, request: web.Request) -> web.Response:
        """Give out a session, for a new shopper or one who proves to be an older one.

        Raises:
            BadRequest, NotAllowed: as `read_request` and `grant`.
            RateLimited: as ``admit`` says.
        """
        await self._admit(request)
        pair = self.grant(read_request(await read_body(request)))
        return web.json_response(pair, headers={"Cache-Control": "no-store"})

    def grant(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """The answer to ``{}``, ``{"resume": …}`` or ``{"user": …}``, as docs/widget.md has it.

        Raises:
            NotAllowed: the token is missing its key, forged, of another kind or too old.
        """
        now = int(time.time())
        resume_ends = now + int(self._resume_lifetime.total_seconds())
        if "user" in asked:
            known = self._vouched(asked["user"])
            resume_ends = min(resume_ends, now + int(VOUCHED_FOR.total_seconds()))
        elif "resume" in asked:
            known = _decode(asked["resume"], self._session_key, "resume")
            if known["sub"].startswith(SIGNED_IN):
                # The shop's word is not made longer by resuming: after a day it has to be given again.
                resume_ends = min(resume_ends, known["exp"])
        else:
            known = {"sub": f"visitor-{uuid.uuid4().hex}"}
        claims = {name: known[name] for name in _LONGEST if name in known}
        ends = min(now + int(self._lifetime.total_seconds()), resume_ends)
        return {
            "token": self._sign(claims, "session", ends),
            "expires_in": ends - now,
            "resume": self._sign(claims, "resume", resume_ends),
            "resume_expires_in": resume_ends - now,
            "shopper": known["sub"],
            "conversation": f"{CHANNEL}:{known['sub']}",
        }

    def verify(self, token: str) -> Session:
        """Who holds ``token``, a session's.

        Raises:
            NotAllowed: it is forged, of another kind or too old.
        """
        claims = _decode(token, self._session_key, "session")
        profile = {name: str(claims[name]) for name in _PROFILE if name in claims}
        return Session(claims["sub"], datetime.fromtimestamp(claims["exp"], UTC), MappingProxyType(profile))

    def _sign(self, claims: Mapping[str, Any], audience: str, ends: int) -> str:
        return jwt.encode({**claims, "iss": ISSUER, "aud": audience, "exp": ends}, self._session_key, _ALGORITHM)

    def _vouched(self, token: str) -> dict[str, Any]:
        """What the shop says of a signed-in shopper, with ``sub`` as we name them."""
        if self._shop_key is None:
            raise NotAllowed("This server knows no key of a shop, so it cannot check who is signed in.")
        claims = _decode(token, self._shop_key, None)
        if claims["exp"] > time.time() + (VOUCHED_FOR + _SKEW).total_seconds():
            raise NotAllowed("The shop's token ends more than a day from now; it has to end sooner.")
        said = {name: claims[name] for name in _LONGEST if name in claims}
        for name, value in said.items():
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST[name] or not value.isprintable():
                raise NotAllowed(f"{name} in the shop's token has to be text of 1 to {_LONGEST[name]} characters.")
        return said | {"sub": f"{SIGNED_IN}{said['sub']}"}


def _decode(token: str, key: str, audience: str | None) -> dict[str, Any]:
    """The claims of a token that ``key`` signed; the shop's (no ``audience``) may be off by a minute."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=ISSUER if audience else None,
            leeway=0 if audience else _SKEW,
            options={"require": ["sub", "exp"], "verify_aud": audience is not None},
        )
    except jwt.ExpiredSignatureError as exc:
        raise NotAllowed("The token has ended.") from exc
    except (jwt.MissingRequiredClaimError, InvalidSubjectError) as exc:
        raise NotAllowed("The token has to say who (sub) and until when (exp).") from exc
    except (jwt.InvalidTokenError, ValueError, RecursionError) as exc:
        # Not which check failed: a forger would learn from it.
        raise NotAllowed("The token is not valid.") from exc
    return claims


def read_request(body: bytes) -> Mapping[str, str]:
    """What `POST /api/session` is asked for: a JSON object with at most one of ``resume`` and ``user``.

    Raises:
        BadRequest: names what is wrong.
    """
    try:
        asked = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise BadRequest("The body is not valid JSON in UTF-8.") from exc
    if not isinstance(asked, dict):
        raise BadRequest("The body has to be a JSON object.")
    tokens = {name: asked[name] for name in ("resume", "user") if asked.get(name) is not None}
    if len(tokens) > 1:
        raise BadRequest("resume, user: only one of them can say who the shopper is.")
    for name, token in tokens.items():
        if not isinstance(token, str):
            raise BadRequest(f"{name}: has to be a string.")
    return tokens


def kept_key(path: Path) -> str:
    """The key that lies at ``path``; made where there is none. Processes that start at once get the same.

    Raises:
        SettingError: what lies there is no key, or nothing can be written there.
    """
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _keep(secrets.token_urlsafe(48), path)
        key = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingError(f"data (KEFU_DATA): {path} cannot be read or made: {exc}.") from exc
    if len(key) < _KEY_CHARACTERS:
        raise SettingError(f"data (KEFU_DATA): {path} has to hold a key of {_KEY_CHARACTERS} characters or more.")
    return key


def _keep(key: str, path: Path) -> None:
    """Write ``key`` to ``path`` for this user's eyes only, whole, unless another process was quicker."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # Its key is ours too.
    finally:
        draft.unlink(missing_ok=True)


def read_key(secret: SecretStr | None, name: str) -> str | None:
    """The key of a setting; None where it is not set.

    Raises:
        SettingError: it is too short.
    """
    if secret is None:
        return None
    key = secret.get_secret_value()
    if len(key) < _KEY_CHARACTERS:
        raise SettingError(f"{name} (KEFU_{name.upper()}): has to have {_KEY_CHARACTERS} characters or more.")
    return key
