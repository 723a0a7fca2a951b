"""The writer hangs, answers nonsense, or is not there: the shopper gets the next rung, never silence."""

import asyncio
import socket
from pathlib import Path

from bot.records import Rung
from tests.journeys.conftest import Server, serving
from tests.journeys.endpoint import Endpoint
from tests.journeys.evidence import last_turn

QUESTION = "How does an exchange work for me when my size is sold out?"


async def answered(server: Server) -> None:
    """The shop's own words to the question, with their source, and a note of why they are no writer's."""
    mila = server.shopper()
    reply = await mila.stream(QUESTION)
    assert "waiting list" in reply.text
    assert reply.sources
    trace = await last_turn(server, mila)
    assert trace.rung is Rung.QUOTED
    assert trace.notes


async def test_that_a_writer_that_hangs_is_not_waited_for(made: Path, tmp_path: Path) -> None:
    release = asyncio.Event()
    async with (
        Endpoint(lambda messages: "", held=release).serving() as endpoint,
        serving(made, tmp_path / "d", writer_url=endpoint.url) as server,
    ):
        try:
            await answered(server)
            assert endpoint.asked == 1
            assert endpoint.pending == 1, "the reply came while the endpoint still hung"
        finally:
            release.set()


async def test_that_a_writer_that_is_gone_is_not_missed(made: Path, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # Taken, so nobody else gets it; not listening, so whoever connects is refused.
        port = closed.getsockname()[1]
        async with serving(made, tmp_path / "d", writer_url=f"http://127.0.0.1:{port}/v1") as server:
            await answered(server)


async def test_that_personal_data_does_not_leave_the_machine(made: Path, tmp_path: Path) -> None:
    async with (
        Endpoint(lambda messages: "Nothing.").serving() as endpoint,
        serving(made, tmp_path / "d", writer_url=endpoint.url) as server,
    ):
        await server.shopper().say(f"I am mila.devries@mail.example, my number is +31 6 12345678. {QUESTION}")
        sent = str(endpoint.prompts)
        assert endpoint.asked == 1
        assert "mila.devries" not in sent
        assert "12345678" not in sent
