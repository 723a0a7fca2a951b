"""A team points Kefu at its Rasa project and its action server, and its shoppers go on over REST."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.contract.test_rasa_project import until_up
from tests.journeys.conftest import ROOT, Server, serving


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "rasa_sdk", "--actions", "tests.teashop.actions", "--port", str(port)]
    with (tmp_path_factory.mktemp("teashop") / "actions.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        until_up(process, port)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # Sanic has workers of its own.
        process.wait()


@pytest.fixture
async def teashop(made: Path, folder: Path, actions: str) -> AsyncIterator[Server]:
    knowledge = str(ROOT / "tests" / "teashop")
    async with serving(made, folder, knowledge=knowledge, actions_url=actions, writer="none") as server:
        yield server


async def test_that_a_foreign_project_takes_a_booking(teashop: Server) -> None:
    mei = teashop.shopper()
    met = await mei.say("hello")
    assert met.text == "Nice to meet you. Welcome to the tea house."
    assert met.buttons == ["Book a table", "Yes"]
    asked = await mei.say("/book_table")
    assert asked.text == "For how many guests?"
    assert asked.rows[-1]["custom"] == {"ask": "guests", "options": []}
    assert (await mei.say("we are 20 people")).text == "We have twelve chairs. For how many guests?"
    assert (await mei.say("4 guests")).buttons == ["Green", "Black"]
    # A question in between is answered by its rule, and the form goes on.
    assert (await mei.say("what are your opening hours?")).text == "We open at nine. Which tea shall we prepare?"
    assert (await mei.say("the oolong one")).text == "Would you like to sit outside?"
    assert (await mei.say("no thanks")).text == "Any wishes for 4.0 guests and oolong tea?"
    assert (await mei.say("a quiet corner")).rows[-1]["custom"] == {
        "ask": "confirmed",
        "options": ["yes", "no"],
        "table": "4.0",
    }
    booked = await mei.say("yes please")
    assert "We look forward to it." in booked.text
    assert {"recipient_id": mei.sender, "attachment": "https://tea.example/map.pdf"} in booked.rows


async def test_that_retrieval_intents_and_stories_are_followed(teashop: Server) -> None:
    ann = teashop.shopper()
    assert (await ann.say("what is your name?")).text == "I am the tea house."
    assert (await ann.say("I feel very sad today")).text == "Tea helps. Did that help?"
    assert (await ann.say("not at all")).text == "What a pity."


async def test_that_what_is_not_understood_is_affirmed_then_rephrased_then_given_up(teashop: Server) -> None:
    lin = teashop.shopper()
    guess = await lin.say("qwertz uiop")
    assert guess.text.startswith("Did you mean this: ")
    assert guess.buttons == ["Yes", "No"]
    assert "other words" in (await lin.say("No")).text
    assert (await lin.say("asdf yxcv")).text.startswith("Did you mean this: ")
    assert "did not understand" in (await lin.say("No")).text
    # And the next question is heard as any.
    assert (await lin.say("what are your opening hours?")).text == "We open at nine."
