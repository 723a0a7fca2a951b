"""Who may use Rasa's HTTP API, and what everybody else is told: Rasa's two ways in, and its shape of an error.

Source: rasa/server.py of Rasa 3.6.21 (`requires_auth`, `ErrorResponse`).
"""

import hmac
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot import __version__
from bot.channels.failures import SOON, status_of
from bot.channels.rasa_names import is_own
from bot.channels.rasa_tokens import Tokens
from bot.errors import BadRequest, KefuError, NotAllowed, Overloaded, RateLimited, SettingError
from bot.settings import Settings

_TOKEN_CHARACTERS = 16
"""Whoever has the token reads every shopper's words; a shorter one can be guessed."""

HELP = "docs/rasa-clients.md"


class ErrorResponse(Exception):
    """A refusal, as Rasa's clients read it."""

    def __init__(self, status: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details = details or {}

    def response(self, retry_after: float | None = None) -> web.Response:
        """What goes out; ``retry_after`` in seconds."""
        body = {
            "version": __version__,
            "status": "failure",
            "reason": self.reason,
            "message": self.message,
            "details": self.details,
            "help": HELP,
            "code": self.status,
        }
        response = web.json_response(body, status=self.status)
        if self.status == 401:
            response.headers["WWW-Authenticate"] = "Bearer"
        if retry_after is not None:
            response.headers["Retry-After"] = str(max(1, round(retry_after)))
        return response


def bad_request(message: str, parameter: str, place: str = "body") -> ErrorResponse:
    """What is wrong with a parameter; ``place`` is ``body`` or ``query``."""
    return ErrorResponse(400, "BadRequest", message, {"parameter": parameter, "in": place})


def explained(error: KefuError) -> web.Response:
    """An error of ours in Rasa's shape; nothing of what lies within where it is not the caller's to mend."""
    status = status_of(error)
    if isinstance(error, BadRequest):
        return ErrorResponse(400, "BadRequest", str(error)).response()
    if isinstance(error, RateLimited | Overloaded):
        reason = "TooManyRequests" if status == 429 else "Unavailable"
        return ErrorResponse(status, reason, str(error)).response(error.retry_after)
    if status in (429, 503):
        told = "Something that this needs does not answer now. Try again."
        return ErrorResponse(status, "Unavailable", told).response(SOON)
    return ErrorResponse(500, "ConversationError", "An unexpected error occurred. It has been logged.").response()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: a program of the shop's, or one shopper."""

    user: str | None = None
    """The shopper, who may touch their own conversation alone; None for who may touch all."""


@dataclass(frozen=True, slots=True)
class Access:
    """The ways in that the settings open."""

    token: str | None
    tokens: Tokens | None

    @classmethod
    def read(cls, settings: Settings) -> "Access | None":
        """None where neither a token nor a secret is set: then there is no API.

        Raises:
            SettingError: one of them is too short.
        """
        token = settings.rasa_token.get_secret_value() if settings.rasa_token else None
        if token is not None and len(token) < _TOKEN_CHARACTERS:
            raise SettingError(f"rasa_token (KEFU_RASA_TOKEN): has to have {_TOKEN_CHARACTERS} characters or more.")
        tokens = Tokens.read("rasa_jwt_secret", settings.rasa_jwt_secret, settings.rasa_jwt_method)
        return cls(token, tokens) if token is not None or tokens is not None else None

    def admit(self, request: web.Request, conversation: str | None, *, users: bool) -> Caller:
        """Who sends ``request``, about a ``conversation`` or the assistant; ``users`` says whether its shopper may.

        Raises:
            ErrorResponse: 401 for who is not known, 403 for who is and may not.
        """
        told = request.query.get("token", "")
        if self.token is not None and hmac.compare_digest(told.encode(), self.token.encode()):
            return Caller()
        user = self._user(request)
        name = user.get("username")
        if user.get("role") == "admin":
            return Caller()
        if user.get("role") == "user" and users and isinstance(name, str) and is_own(name, conversation or ""):
            return Caller(name)
        raise ErrorResponse(403, "NotAuthorized", "User has insufficient permissions.")

    def _user(self, request: web.Request) -> dict[str, Any]:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            if self.tokens is None or scheme.lower() != "bearer":
                raise NotAllowed("There is no token.")
            user = self.tokens.read_token(token).get("user")
        except NotAllowed as exc:
            raise ErrorResponse(401, "NotAuthenticated", "User is not authenticated.") from exc
        return user if isinstance(user, dict) else {}
