"""When a server refuses more: above its limits, until it is well below them again."""

from pathlib import Path
from typing import Any, cast

import pytest

from bot.channels.load import Gate, Load
from bot.conversations import Conversations
from bot.errors import Overloaded
from bot.settings import read_settings


def load(tmp_path: Path, **settings: Any) -> Load:
    return Load(cast(Conversations, None), read_settings({"data": tmp_path, **settings}))


def test_that_a_gate_does_not_flap_at_its_mark() -> None:
    gate = Gate(30.0)
    assert [gate.update(value) for value in (29.0, 31.0, 29.0, 16.0, 14.0, 29.0)] == [
        False,
        True,
        True,
        True,
        False,
        False,
    ]


def test_that_more_requests_than_may_wait_are_sent_away(tmp_path: Path) -> None:
    server = load(tmp_path, max_requests=2)
    with server.request(), server.request():
        with pytest.raises(Overloaded) as refused, server.request():
            pass
        assert refused.value.retry_after > 0
    with server.request():
        assert server.requests == 1


def test_that_a_request_which_fails_makes_room(tmp_path: Path) -> None:
    server = load(tmp_path, max_requests=1)
    with pytest.raises(ValueError, match="broken"), server.request():
        raise ValueError("broken")
    with server.request():
        pass


def test_that_a_server_which_stops_takes_nothing(tmp_path: Path) -> None:
    server = load(tmp_path)
    server.check()
    server.stop()
    with pytest.raises(Overloaded):
        server.check()
