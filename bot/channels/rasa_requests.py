"""What programs ask Rasa's API, read and checked.

Source: rasa/server.py of Rasa 3.6.21 (`event_verbosity_parameter`, `validate_request_body`).
"""

import json
from typing import Any

from aiohttp import web

from bot.channels.bodies import read_body
from bot.channels.rasa_access import bad_request
from bot.channels.tracker import Verbosity


def read_values(entities: Any) -> dict[str, Any]:
    """Entities as Rasa takes them: a mapping, or a list of ``{"entity": …, "value": …}``.

    Raises:
        ErrorResponse: they are neither.
    """
    if isinstance(entities, dict):
        return entities
    if isinstance(entities, list) and all(isinstance(e, dict) and isinstance(e.get("entity"), str) for e in entities):
        return {entity["entity"]: entity.get("value") for entity in entities}
    raise bad_request("entities: has to be an object of names and values, or a list of entities.", "entities")


def read_verbosity(request: web.Request) -> Verbosity:
    """Which events are wanted: ``include_events``.

    Raises:
        ErrorResponse: names what is allowed.
    """
    try:
        return Verbosity(request.query.get("include_events", Verbosity.AFTER_RESTART).upper())
    except ValueError as exc:
        told = f"Invalid parameter value for 'include_events'. Should be one of {', '.join(Verbosity)}."
        raise bad_request(told, "include_events", "query") from exc


def read_flag(request: web.Request, name: str) -> bool:
    """Whether a parameter of the query is ``true``."""
    return request.query.get(name, "").lower() == "true"


async def read_json(request: web.Request, missing: str) -> Any:
    """The body; ``missing`` is said where there is none.

    Raises:
        ErrorResponse: it is no JSON.
    """
    body = await read_body(request)
    if not body:
        raise bad_request(missing, "")
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise bad_request("The body is not valid JSON in UTF-8.", "") from exc


async def read_object(request: web.Request, missing: str) -> dict[str, Any]:
    """The body, where it is an object.

    Raises:
        ErrorResponse: it is none.
    """
    body = await read_json(request, missing)
    if not isinstance(body, dict):
        raise bad_request("The body has to be a JSON object.", "")
    return body
