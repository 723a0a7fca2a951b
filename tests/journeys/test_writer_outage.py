"""The writer hangs, answers nonsense, or is not there: the shopper gets the next rung, never silence."""

from pathlib import Path

from tests.journeys.conftest import Server, free_port, serving
from tests.journeys.endpoint import Endpoint

QUESTION = "How does an exchange work for me when my size is sold out?"


async def answered(server: Server) -> None:
    reply = await server.shopper().stream(QUESTION)
    assert reply.text
    assert reply.sources


async def test_that_a_writer_that_hangs_is_not_waited_for(made: Path, tmp_path: Path) -> None:
    async with (
        Endpoint(lambda messages: "", hangs=True).serving() as endpoint,
        serving(made, tmp_path / "d", writer_url=endpoint.url) as server,
    ):
        await answered(server)
        assert endpoint.asked == 1


async def test_that_a_writer_that_is_gone_is_not_missed(made: Path, tmp_path: Path) -> None:
    async with serving(made, tmp_path / "d", writer_url=f"http://127.0.0.1:{free_port()}/v1") as server:
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
