"""What a program that calls this server reads when something went wrong: one shape for all of HTTP, Rasa's."""

import math

from aiohttp import web

from bot.errors import (
    BadRequest,
    FileRefused,
    FileTooBig,
    KefuError,
    MailboxFull,
    NotAllowed,
    OriginRefused,
    Overloaded,
    RateLimited,
    Unavailable,
)

_REASONS = {
    400: "BadRequest",
    401: "NotAllowed",
    403: "NotAllowed",
    404: "NotFound",
    405: "MethodNotAllowed",
    408: "Timeout",
    413: "TooLarge",
    415: "UnsupportedType",
    429: "TooManyRequests",
    500: "ServerError",
    503: "Unavailable",
    504: "Timeout",
}

_STATUSES: tuple[tuple[type[KefuError], int], ...] = (
    (FileTooBig, 413),
    (FileRefused, 415),
    (BadRequest, 400),
    (OriginRefused, 403),
    (NotAllowed, 401),
    (RateLimited, 429),
    (MailboxFull, 429),
    (Unavailable, 503),
)
"""A class before those it comes from."""

SOON = 1.0
"""Seconds to wait where nothing better is known."""


def failure(status: int, message: str, retry_after: float = SOON) -> web.Response:
    """A refusal as Rasa words it. ``retry_after`` (seconds) goes out with those that time may heal, rounded up.

    Source: https://rasa.com/docs/rasa/pages/http-api (the schema ``Error``).
    """
    body = {"status": "failure", "reason": _REASONS.get(status, "Failure"), "message": message, "code": status}
    response = web.json_response(body, status=status)
    if status in (429, 503, 504):
        response.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def status_of(error: KefuError) -> int:
    """The status that says what ``error`` says; 500 where it is none of the caller's business."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)


def explain(error: KefuError) -> web.Response | None:
    """What the caller is told of an error that a handler raised; None for one that is our own fault."""
    if (status := status_of(error)) == 500:
        return None
    retry_after = error.retry_after if isinstance(error, RateLimited | Overloaded) else SOON
    if status == 503 and not isinstance(error, Overloaded):
        # What Redis or a library said of its sockets and paths stays here; the log has it.
        return failure(503, "Something that this needs does not answer now. Try again.", retry_after)
    return failure(status, str(error), retry_after)
