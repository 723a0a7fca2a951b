"""Programs call the REST channel, and some are wrong: each is told what was wrong, and none breaks the server."""

import json
from typing import Any

import aiohttp
import pytest

from tests.journeys.conftest import Server
from tests.journeys.evidence import entries, turns

HOOK = "/webhooks/rest/webhook"
JSON = "application/json"

WRONG: dict[str, tuple[bytes, str, int, str]] = {
    # What is sent, as what, the status, and a word of the message that the client's author needs.
    "no JSON": (b"hello", JSON, 400, "JSON"),
    "an empty body": (b"", JSON, 400, "JSON"),
    "a list": (b"[]", JSON, 400, "object"),
    "no message": (b'{"sender": "a"}', JSON, 400, "message"),
    "a number as message": (b'{"sender": "a", "message": 5}', JSON, 400, "message"),
    "null as message": (b'{"sender": "a", "message": null}', JSON, 400, "message"),
    "a list as sender": (b'{"sender": ["a"], "message": "Hello"}', JSON, 400, "sender"),
    "an empty sender": (b'{"sender": "", "message": "Hello"}', JSON, 400, "sender"),
    "a sender of 300 characters": (json.dumps({"sender": "a" * 300, "message": "Hi"}).encode(), JSON, 400, "sender"),
    "an object as message_id": (b'{"sender": "a", "message": "Hello", "message_id": {}}', JSON, 400, "message_id"),
    "a list as metadata": (b'{"sender": "a", "message": "Hello", "metadata": [1]}', JSON, 400, "metadata"),
    "half a character in the message": (b'{"sender": "a", "message": "Hello \\ud800"}', JSON, 400, ""),
    "half a character in the sender": (b'{"sender": "a\\ud800", "message": "Hello"}', JSON, 400, ""),
    "half a character in the message_id": (
        b'{"sender": "a", "message": "Hello", "message_id": "\\ud800"}',
        JSON,
        400,
        "",
    ),
    "half a character in the metadata": (
        b'{"sender": "a", "message": "Hello", "metadata": {"a": "\\ud800"}}',
        JSON,
        400,
        "",
    ),
    "brackets without end": (b"[" * 60_000, JSON, 400, ""),
    "deep metadata": (
        b'{"sender": "a", "message": "Hello", "metadata": {"a": %s%s}}' % (b"[" * 20_000, b"]" * 20_000),
        JSON,
        400,
        "",
    ),
    "a body of 70 KB": (json.dumps({"sender": "a", "message": "a" * 70_000}).encode(), JSON, 413, ""),
    "bytes that are no UTF-8": (b'{"sender": "a", "message": "\xff\xfe"}', JSON, 400, ""),
}


async def post(server: Server, body: bytes, content_type: str = JSON, query: str = "") -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(server.url) as session,
        session.post(HOOK + query, data=body, headers={"Content-Type": content_type}) as answer,
    ):
        assert answer.content_type == JSON, await answer.text()
        return answer.status, await answer.json()


@pytest.mark.parametrize("query", ["", "?stream=true"], ids=["whole", "streamed"])
@pytest.mark.parametrize("wrong", WRONG)
async def test_that_a_wrong_request_is_told_what_is_wrong(shop: Server, wrong: str, query: str) -> None:
    body, content_type, status, word = WRONG[wrong]
    answered, failure = await post(shop, body, content_type, query)
    assert answered == status, failure
    assert failure["status"] == "failure"
    assert failure["code"] == status
    assert failure["reason"]
    assert word in failure["message"]
    assert 10 < len(failure["message"]) < 600, "a sentence for people, not their whole body back"
    assert "Traceback" not in failure["message"]
    assert (await shop.shopper().say("Hello")).text, "and the next client is served"


async def test_that_a_charset_that_nobody_knows_is_read_as_what_json_is(shop: Server) -> None:
    """JSON between systems is UTF-8, whatever the header says (RFC 8259, section 8.1)."""
    for charset in ("klingon", "utf-16", ""):
        status, rows = await post(shop, '{"sender": "李伟", "message": "你好"}'.encode(), f"{JSON}; charset={charset}")
        assert status == 200, rows
        assert "您好" in rows[0]["text"]
        assert rows[0]["recipient_id"] == "李伟"


async def test_that_a_number_is_good_enough_for_a_sender(shop: Server) -> None:
    status, rows = await post(shop, b'{"sender": 4711, "message": "Hello"}')
    assert status == 200
    assert {row["recipient_id"] for row in rows} == {"4711"}


async def test_that_senders_without_a_name_are_not_one_person(shop: Server) -> None:
    names = []
    for _ in range(2):
        status, rows = await post(shop, b'{"message": "Hello"}')
        assert status == 200
        (name,) = {row["recipient_id"] for row in rows}
        assert len(turns(await entries(shop, name))) == 1, "a conversation of its own"
        names.append(name)
    assert names[0] != names[1]
    assert not await entries(shop, "default")

    again = shop.shopper()
    again.sender = names[0]
    assert (await again.say("Hello")).text
    assert len(turns(await entries(shop, names[0]))) == 2, "told its name, it can go on"
