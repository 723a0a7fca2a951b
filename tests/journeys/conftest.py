"""A whole Kefu for each story: the `kefu serve` process, spoken to over HTTP as a shopper's page would."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

ROOT = Path(__file__).parents[2]
START_SECONDS = 120
ANNOUNCED = re.compile(r"Click\s+http://127\.0\.0\.1:(\d+)/")
"""What a server says when it listens."""


@dataclass
class Reply:
    """What came back for one message."""

    rows: list[dict[str, Any]]

    @property
    def text(self) -> str:
        return " ".join(row["text"] for row in self.rows if row.get("text"))

    @property
    def sources(self) -> list[str]:
        return [source["source"] for row in self.rows for source in row.get("custom", {}).get("sources", ())]

    @property
    def products(self) -> list[str]:
        return [product["sku"] for row in self.rows for product in row.get("custom", {}).get("products", ())]

    @property
    def buttons(self) -> list[str]:
        return [button["title"] for row in self.rows for button in row.get("buttons", ())]


@dataclass
class Server:
    """A `kefu serve` process over a data folder; several may share one Redis."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    """Where it starts, and looks for a `kefu.toml`."""
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> "Server":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
        environment |= {
            "KEFU_DATA": str(self.data),
            "KEFU_PORT": "0",
            "KEFU_KNOWLEDGE": str(ROOT / "knowledge"),
            "PYTHONPATH": str(ROOT),
        }
        with (self.data / "server.log").open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a millisecond, and nothing else runs
                [sys.executable, "-m", "bot.cli", "serve"],
                env=environment | self.environment,
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        for _ in range(START_SECONDS * 20):
            assert self.process.poll() is None, self.log()
            announced = ANNOUNCED.search((self.data / "server.log").read_bytes()[before:].decode(errors="replace"))
            if announced:
                self.port = int(announced[1])
                if await self._is_ready():
                    return self
            await asyncio.sleep(0.05)
        raise AssertionError(f"not ready within {START_SECONDS} s:\n{self.log()}")

    async def _is_ready(self) -> bool:
        """Whether it takes messages, and its writer writes."""
        async with aiohttp.ClientSession(self.url) as session, session.get("/readyz") as response:
            return response.status == 200 and (await response.json())["writer"] in ("ready", "none")

    def log(self) -> str:
        return (self.data / "server.log").read_text()[-5000:]

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(30)

    def shopper(self) -> "Shopper":
        return Shopper(self.url, f"shopper-{uuid.uuid4().hex[:8]}")


@dataclass
class Shopper:
    """One person who writes over REST."""

    url: str
    sender: str

    async def say(self, message: str, message_id: str | None = None, **more: Any) -> Reply:
        body = {"sender": self.sender, "message": message, **more} | ({"message_id": message_id} if message_id else {})
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.post("/webhooks/rest/webhook", json=body) as answer,
        ):
            rows = await answer.json()
            assert answer.status == 200, rows
            assert {row["recipient_id"] for row in rows} <= {self.sender}
            return Reply(rows)

    async def stream(self, message: str) -> Reply:
        body = {"sender": self.sender, "message": message}
        async with (
            aiohttp.ClientSession(self.url) as session,
            session.post("/webhooks/rest/webhook?stream=true", json=body) as answer,
        ):
            return Reply([json.loads(line) async for line in answer.content])


def furnish(made: Path, folder: Path) -> None:
    """Put what was made into a data folder: the models, which nobody writes to, by links to the very files.

    Copies of them took a gigabyte a story, and half a minute of a busy disk.
    """
    for name in ("models", "intents", "index"):
        copy = _link if name == "models" else shutil.copy2
        shutil.copytree(made / name, folder / name, copy_function=copy, dirs_exist_ok=True)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileExistsError:
        pass  # A server of the same module was here before.
    except OSError:  # The folders are on different disks.
        shutil.copy2(source, target)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the encoder exported, the intents trained and the demo shop indexed: made once."""
    data = tmp_path_factory.mktemp("made")
    for name in ("models", "intents", "index"):
        if (ROOT / ".kefu" / name).exists():
            shutil.copytree(ROOT / ".kefu" / name, data / name, copy_function=_link)
    # What is there and current is kept: `make serve` was here before.
    made = "from bot.cli import prepare; from bot.settings import read_settings; prepare(read_settings())"
    environment = os.environ | {"KEFU_DATA": str(data)}
    subprocess.run([sys.executable, "-c", made], env=environment, cwd=ROOT, check=True)
    return data


@asynccontextmanager
async def serving(made: Path, folder: Path, **settings: str) -> AsyncIterator[Server]:
    """A server over what was made, with ``settings`` as ``KEFU_…`` variables."""
    furnish(made, folder)
    server = Server(folder, {f"KEFU_{name.upper()}": value for name, value in settings.items()})
    await server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short, because a unix socket's path has to be."""
    return tmp_path_factory.mktemp("k")


@pytest.fixture(scope="module")
def shop(made: Path, folder: Path) -> Iterator[Server]:
    """The demo shop with its writer, shared by the stories of a module.

    No busy machine can time its writer out, and its desk is open by night too.
    """
    furnish(made, folder)
    server = Server(folder, {"KEFU_WRITER_TIMEOUT": "20", "KEFU_DESK_HOURS": "always"})
    asyncio.run(server.start())
    yield server
    assert server.stop() == 0, server.log()
