"""Log lines carry ids and no word of a shopper, also where an error quotes one."""

import asyncio
import json
import logging

import pytest

from bot.errors import BadRequest, StoreUnavailable
from bot.telemetry.logs import JsonFormatter

SECRET = "my card is 4111"


def line(*, text: bool = False, error: BaseException | None = None, **extra: object) -> dict[str, object]:
    record = logging.makeLogRecord({"name": "bot.test", "levelname": "ERROR", "msg": "it failed", **extra})
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    told: dict[str, object] = json.loads(JsonFormatter(text=text).format(record))
    return told


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as exc:
        return exc


def test_that_ids_become_fields() -> None:
    told = line(conversation="rest:anna", turn="1-0")
    assert (told["event"], told["conversation"], told["turn"]) == ("it failed", "rest:anna", "1-0")


def test_that_what_was_said_is_written_only_when_asked_for() -> None:
    assert SECRET not in json.dumps(line(said=SECRET))
    assert line(text=True, said=SECRET)["said"] == SECRET


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"could not convert {SECRET!r}"),
        KeyError(SECRET),
        BadRequest(f"metadata: has to be an object, not {SECRET!r}"),
        ExceptionGroup(SECRET, [ValueError(SECRET)]),
        UnicodeEncodeError("utf-8", SECRET, 0, 1, "surrogates not allowed"),
    ],
)
def test_that_an_error_which_quotes_the_shopper_is_told_without_its_words(error: BaseException) -> None:
    told = str(line(error=raised(error))["exception"])
    assert SECRET not in told
    assert type(error).__name__ in told
    assert "test_logs.py" in told  # Where it happened is what somebody has to know.


def test_that_the_cause_of_an_error_is_told_without_its_words_too() -> None:
    told = str(line(error=raised(StoreUnavailable("Redis is away"), cause=ValueError(SECRET)))["exception"])
    assert "StoreUnavailable: Redis is away" in told
    assert "builtins.ValueError" in told
    assert SECRET not in told


def test_that_notes_on_an_error_are_left_out() -> None:
    error = ValueError("x")
    error.add_note(SECRET)
    assert SECRET not in str(line(error=raised(error)))


def test_that_an_error_in_a_circle_is_told_once() -> None:
    first, second = ValueError("a"), KeyError("b")
    first.__context__, second.__context__ = second, first
    assert str(line(error=first)["exception"]).count("ValueError") == 1


async def test_that_a_task_which_nobody_asked_shows_no_words(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    loop = asyncio.get_running_loop()
    loop.default_exception_handler({"message": "never retrieved", "task": task, "exception": task.exception()})
    told = JsonFormatter().format(caplog.records[-1])
    assert SECRET in caplog.text
    assert SECRET not in told
    assert "never retrieved" in told
