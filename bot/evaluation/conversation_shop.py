"""A shop's database for each task: filled once from tau-bench's files, put back fast, and compared with the right one.

What belongs to the actions runs in processes of its own (`python -m actions.shop`), as the action server does.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import KefuError
from bot.evaluation.conversation_tasks import Task

DATABASE = "shop.db"
"""What the action server of a data folder opens."""

_COMMAND = (sys.executable, "-m", "actions.shop")
_LINE_BYTES = 64 * 1024 * 1024
"""A line of JSON with every change of a task is far shorter."""


class ShopUnavailable(KefuError):
    """The actions' own command failed."""


def fill(folder: Path, data: Path | None) -> Path:
    """Make a database with tau-bench's ``data``, else the demo; its file, which nobody opens but `restore`.

    Raises:
        ShopUnavailable: the command failed.
    """
    prepared = folder / "prepared.db"
    command = ("tau", str(data)) if data else ("demo",)
    done = subprocess.run(  # noqa: S603 - our own command
        [*_COMMAND, *command],
        env=_environment(prepared),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ShopUnavailable(f"python -m actions.shop {' '.join(command)}: {done.stderr.strip()}")
    return prepared


def restore(prepared: Path, live: Path) -> None:
    """Make ``live`` what ``prepared`` is; whoever has it open sees that as one change."""
    with closing(sqlite3.connect(prepared)) as source, closing(sqlite3.connect(live, timeout=30)) as target:
        source.backup(target)


def _environment(database: Path) -> dict[str, str]:
    return {**os.environ, "KEFU_SHOP_URL": f"sqlite:///{database}", "KEFU_SHOP_DEMO": "false"}


@contextmanager
def only_shop(database: Path | None) -> Iterator[None]:
    """Inside the block no process that is started opens another shop: never the one that takes orders."""
    names = ("KEFU_SHOP_URL", "KEFU_SHOP_DEMO", "KEFU_SHOP_RETURN_DAYS", "KEFU_SHOP_CURRENCY")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    if database:
        os.environ |= {"KEFU_SHOP_URL": f"sqlite:///{database}", "KEFU_SHOP_DEMO": "false"}
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ |= before


@dataclass(slots=True)
class Reader:
    """A command that answers each line with a line of JSON."""

    process: asyncio.subprocess.Process

    async def ask(self, line: str) -> Any:
        """The answer to a line.

        Raises:
            ShopUnavailable: the command ended.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(line.encode() + b"\n")
            await self.process.stdin.drain()
            answer = await self.process.stdout.readline()
        except ConnectionError as exc:
            raise ShopUnavailable(f"python -m actions.shop ended ({exc}).") from exc
        if not answer:
            raise ShopUnavailable("python -m actions.shop ended; its words stand above.")
        return json.loads(answer)


@asynccontextmanager
async def reader(command: str, folder: Path) -> AsyncIterator[Reader]:
    """The command ``command`` over the folder of tau-bench's data, open inside the block."""
    process = await asyncio.create_subprocess_exec(
        *(*_COMMAND, command, str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    try:
        yield Reader(process)
    finally:
        if process.returncode is None:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


async def right_changes(tasks: Sequence[Task], folder: Path) -> list[list[str]]:
    """What each task's own calls change."""
    async with reader("play", folder) as played:
        rows = [await played.ask(json.dumps(list(task.calls))) for task in tasks]
    return [row["changes"] for row in rows]
