"""What every writer promises, whether scripted, decoded in a process here, or streamed from a real server."""

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bot.errors import WriterUnavailable
from bot.generation.endpoint import EndpointWriter
from bot.generation.writer import TransformersWriter
from bot.models.causal import open_causal
from bot.settings import read_settings
from tests.writers import ScriptedWriter

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = Path(__file__).parents[2] / ".kefu"
CHAT = [
    {"role": "system", "content": "You answer customers of a shop in one short sentence."},
    {"role": "user", "content": "Facts: returns are free within 30 days. Question: how long can I return?"},
]

Writer = ScriptedWriter | TransformersWriter | EndpointWriter


@pytest.fixture(scope="module")
def folder() -> Path:
    """The packaged writer as a folder of safetensors."""
    model, _ = open_causal("packaged", DATA / "models")
    return Path(model.config.name_or_path)


@pytest.fixture(scope="module")
def served(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`transformers serve`, a real OpenAI-compatible server, over the packaged model."""
    home = tmp_path_factory.mktemp("hub")
    (home / "hub").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder), "--host", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--port", str(port), "--device", "cpu"],
        env=os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until_healthy(server, f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(10)


def _wait_until_healthy(server: subprocess.Popen[bytes], url: str) -> None:
    for _ in range(600):
        assert server.poll() is None, "transformers serve has ended"
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise AssertionError("transformers serve does not answer")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["scripted", "transformers", "endpoint"])
async def writer(request: pytest.FixtureRequest) -> AsyncIterator[Writer]:
    match request.param:
        case "scripted":
            yield ScriptedWriter()
        case "transformers":
            decoded = TransformersWriter(read_settings({"data": DATA, "writer_threads": 1}))
            await decoded.ready()
            yield decoded
            await decoded.close()
        case _:
            settings = read_settings(
                {
                    "writer_url": request.getfixturevalue("served"),
                    "writer_model": str(request.getfixturevalue("folder")),
                    "writer_timeout": 30,
                }
            )
            async with aiohttp.ClientSession() as session:
                yield EndpointWriter(session, settings)


async def test_that_it_streams_a_reply_in_pieces(writer: Writer) -> None:
    pieces = [piece async for piece in writer.write(CHAT)]
    assert len(pieces) > 1
    assert "".join(pieces).strip()
    assert "<|im_" not in "".join(pieces)


async def test_that_the_same_prompt_gets_the_same_reply(writer: Writer) -> None:
    replies = ["".join([piece async for piece in writer.write(CHAT)]) for _ in range(2)]
    assert replies[0] == replies[1]


async def test_that_shoppers_who_write_at_once_all_get_a_reply(writer: Writer) -> None:
    async def reply(number: int) -> str:
        chat = [*CHAT[:1], {"role": "user", "content": f"Say the number {number}."}]
        return "".join([piece async for piece in writer.write(chat)])

    assert all(await asyncio.gather(*(reply(number) for number in range(5))))


async def test_that_leaving_early_harms_nobody(writer: Writer) -> None:
    async with aclosing(writer.write(CHAT)) as pieces:
        assert await anext(pieces)
    assert [piece async for piece in writer.write(CHAT)]


async def test_that_it_says_that_it_is_ready_and_speaks_english(writer: Writer) -> None:
    await writer.ready()
    assert writer.status == "ready"
    assert "en" in writer.languages


async def test_that_a_writer_that_is_still_loading_is_unavailable_at_once(tmp_path: Path) -> None:
    writer = TransformersWriter(read_settings({"data": DATA}))
    with pytest.raises(WriterUnavailable, match="loading"):
        await anext(writer.write(CHAT))
    await writer.close()


async def test_that_a_model_that_cannot_be_loaded_says_why_and_is_not_tried_again(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    writer = TransformersWriter(read_settings({"data": tmp_path, "writer": str(tmp_path)}))
    with pytest.raises(WriterUnavailable, match="pickled"):
        await writer.ready()
    assert writer.status == "failed"
    with pytest.raises(WriterUnavailable, match="pickled"):
        await anext(writer.write(CHAT))
    await writer.close()


async def test_that_a_killed_process_frees_its_shoppers_and_is_started_again() -> None:
    writer = TransformersWriter(read_settings({"data": DATA, "writer_threads": 1}))
    await writer.ready()
    pieces = writer.write(CHAT)
    await anext(pieces)
    assert writer._process is not None
    writer._process.kill()
    with pytest.raises(WriterUnavailable):
        async for _ in pieces:
            pass
    assert writer.status == "loading"
    await writer.ready()
    assert [piece async for piece in writer.write(CHAT)]
    await writer.close()


async def test_that_a_crowd_is_told_to_go_on_without_the_writer() -> None:
    writer = TransformersWriter(read_settings({"data": DATA, "writer_threads": 1, "writer_batch": 1}))
    await writer.ready()
    crowd = [writer.write(CHAT) for _ in range(5)]
    first = [asyncio.ensure_future(anext(pieces)) for pieces in crowd]
    results = await asyncio.gather(*first[4:], return_exceptions=True)
    assert isinstance(results[0], WriterUnavailable)
    for pieces, task in zip(crowd[:4], first, strict=False):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await pieces.aclose()
    await writer.close()
