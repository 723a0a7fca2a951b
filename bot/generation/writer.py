"""The writer on this machine: a causal language model in a process of its own, shared by all shoppers who wait."""

import asyncio
import json
import logging
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from bot.errors import WriterUnavailable
from bot.models.packaged import PACKAGED
from bot.settings import Settings
from bot.telemetry.metrics import WRITER_PIECES, WRITER_REPLIES

log = logging.getLogger(__name__)

_QUEUED = 4
"""Shoppers for each seat who may be waiting or writing; one more would wait longer than anybody does."""

_PAUSES = (1.0, 5.0, 30.0, 300.0)
"""Seconds before a process that died is started again; the last one repeats."""

_STOP_SECONDS = 0.5
"""It ends as soon as its input does, with nothing to lose; longer means that it hangs, and a stop has ten seconds."""

_ENVIRONMENT = {
    # A spinning thread that waits for one which lost its core to the server makes a step ten times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "0",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
}


class TransformersWriter:
    """Writes with the model of the settings; loads in the background, and until then says that it is unavailable."""

    languages = frozenset({"en"})
    """SmolLM2 was trained on English alone."""

    def __init__(self, settings: Settings) -> None:
        self._command = [
            sys.executable,
            "-m",
            "bot.generation.decoder_process",
            settings.writer,
            str((settings.data / "models").resolve()),
            str(settings.writer_batch),
            str(min(settings.writer_threads, os.cpu_count() or 1)),
            settings.writer_runtime,
            settings.writer_adapter,
        ]
        self.passages = 1 if settings.writer == PACKAGED else 3
        """The packaged one learnt to phrase an answer over one."""
        self._most = settings.writer_batch * _QUEUED
        self._process: Process | None = None
        self._life: asyncio.Task[None] | None = None
        self._replies: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._last = 0
        self._failure = ""
        self._settled = asyncio.Event()
        """Set while the model is ready, or has failed for good."""

    @property
    def status(self) -> Literal["loading", "ready", "failed"]:
        """Whether it can write now, may later, or never will."""
        if self._failure:
            return "failed"
        return "ready" if self._settled.is_set() else "loading"

    def start(self) -> None:
        """Begin to load; returns at once."""
        if self._life is None:
            self._life = asyncio.create_task(self._live(), name="writer")

    async def ready(self) -> None:
        """Wait until the model is loaded.

        Raises:
            WriterUnavailable: it cannot be loaded.
        """
        self.start()
        await self._settled.wait()
        if self._failure:
            raise WriterUnavailable(self._failure)

    async def write(self, chat: Sequence[Mapping[str, str]]) -> AsyncGenerator[str, None]:
        """Stream the reply to ``chat``; closing the iterator frees the seat.

        Raises:
            WriterUnavailable: it is loading, failed, has too many shoppers waiting, or its process died.
        """
        if self.status != "ready" or self._process is None:
            raise WriterUnavailable(self._failure or "The writer is still loading.")
        if len(self._replies) >= self._most:
            raise WriterUnavailable("Too many shoppers wait for the writer.")
        self._last += 1
        reply, pieces = self._last, asyncio.Queue[dict[str, Any]]()
        self._replies[reply] = pieces
        WRITER_REPLIES.inc()
        self._order({"join": reply, "chat": [dict(message) for message in chat]})
        last = False
        try:
            while not last:
                line = await pieces.get()
                if reason := line.get("refused"):
                    last = True
                    raise WriterUnavailable(reason)
                last = line["last"]
                WRITER_PIECES.inc()
                if line["text"]:
                    yield line["text"]
        finally:
            self._replies.pop(reply, None)
            WRITER_REPLIES.dec()
            if not last:
                self._order({"leave": reply})

    async def close(self) -> None:
        """End the process and every reply under way."""
        if self._life is not None:
            self._life.cancel()
            with suppress(asyncio.CancelledError):
                await self._life
        self._failure = self._failure or "The writer is closed."
        self._settled.set()

    def _order(self, order: Mapping[str, Any]) -> None:
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(f"{json.dumps(order)}\n".encode())

    async def _live(self) -> None:
        """Keep the process alive until the model fails for good."""
        deaths = 0
        while not self._failure:
            await self._run()
            if not self._failure:
                pause = _PAUSES[min(deaths, len(_PAUSES) - 1)]
                deaths += 1
                log.error("writer process died", extra={"restart_in": pause})
                await asyncio.sleep(pause)

    async def _run(self) -> None:
        """Start the process and hand its lines out until it ends."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | _ENVIRONMENT,
        )
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                self._hand_out(json.loads(line))
        finally:
            if not self._failure:
                self._settled.clear()
            self._process = None
            for pieces in self._replies.values():
                pieces.put_nowait({"refused": "The writer's process ended."})
            await _end(process)

    def _hand_out(self, line: dict[str, Any]) -> None:
        if "ready" in line:
            self._settled.set()
        elif "failed" in line:
            self._failure = line["failed"]
            self._settled.set()
            log.error("writer failed", extra={"reason": self._failure})
        elif (pieces := self._replies.get(line["reply"])) is not None:
            pieces.put_nowait(line)


async def _end(process: Process) -> None:
    """End the process: it leaves when its input closes, and is killed if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
