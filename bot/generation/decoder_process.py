"""The writer's own process, ``python -m bot.generation.decoder_process``: prompts in, pieces out, as JSON lines.

Its own process because decoding wants whole cores: here it can be niced behind the server, be killed for memory
without taking conversations along, and never holds the event loop's interpreter lock.

In: ``{"join": 7, "chat": […]}``, ``{"leave": 7}``. Out: ``{"ready": true}`` or ``{"failed": "why"}`` once, then
``{"reply": 7, "text": "…", "last": false}`` and ``{"reply": 7, "refused": "why"}``.
"""

import json
import os
import queue
import sys
import threading
from collections import deque
from pathlib import Path
from typing import Any, Literal, TextIO

Runtime = Literal["auto", "openvino", "transformers"]

NICENESS = 5
"""Answers that need no writer go first when cores are short."""


def main(
    name: str, models: Path, seats: int, threads: int, runtime: Runtime = "transformers", adapter: str = "none"
) -> None:
    """Decode until the parent closes standard input.

    ``auto`` is OpenVINO where it knows model and processor, and transformers elsewhere.
    """
    os.nice(NICENESS)
    # Libraries print what they like; only protocol lines may reach the parent.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()

    from bot.errors import ModelError

    try:
        from bot.models.causal import plain_folder

        decoder = _open(plain_folder(name, models, adapter), seats, threads, runtime)
    except ModelError as exc:
        _say(out, [{"failed": str(exc)}])
        return
    _say(out, [{"ready": True}])
    _serve(decoder, orders, out)


def _open(folder: Path, seats: int, threads: int, runtime: Runtime) -> Any:
    from bot.errors import ModelError

    if runtime == "transformers":
        return open_transformers(folder, seats, threads)
    try:
        return open_openvino(folder, seats, threads)
    except ModelError as exc:
        if runtime == "openvino":
            raise
        print(f"The writer runs on transformers: {exc}", file=sys.stderr)  # noqa: T201 - a process has no logger
        return open_transformers(folder, seats, threads)


def open_openvino(folder: Path, seats: int, threads: int) -> Any:
    """A decoder on OpenVINO; torch is never imported, which leaves 300 MB to others.

    Raises:
        ModelError: OpenVINO is missing, or does not know this model or processor.
    """
    from bot.generation.decoder import CONTEXT, Decoder
    from bot.models.chat import read_speech
    from bot.models.paged import open_paged

    return Decoder(open_paged(folder, seats, CONTEXT, threads), read_speech(folder))


def open_transformers(folder: Path, seats: int, threads: int) -> Any:
    """A decoder on torch, for any causal model that transformers knows.

    Raises:
        ModelError: the model cannot be loaded.
    """
    from bot.errors import ModelError
    from bot.models.causal import load

    try:
        import torch
    except ImportError as exc:
        raise ModelError(f"The writer needs the packages of kefu[models]: {exc}.") from exc
    from bot.generation.decoder import CONTEXT, Decoder
    from bot.generation.torch_rows import TorchRows, speech_of

    torch.set_num_threads(threads)
    model, tokenizer = load(folder)
    return Decoder(TorchRows(model, seats, CONTEXT), speech_of(model, tokenizer))


def _listen(orders: queue.SimpleQueue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    # The parent is gone, perhaps killed: nobody reads any more, and a step may be far from its end.
    os._exit(0)


def _serve(decoder: Any, orders: queue.SimpleQueue[dict[str, Any]], out: TextIO) -> None:
    from bot.generation.decoder import PromptTooLong

    waiting: deque[dict[str, Any]] = deque()
    while True:
        _take(orders, waiting, decoder)
        lines: list[dict[str, Any]] = []
        if waiting and not decoder.full:
            order = waiting.popleft()
            try:
                lines.append(_line(decoder.join(order["join"], order["chat"])))
            except PromptTooLong as exc:
                lines.append({"reply": order["join"], "refused": str(exc)})
        elif decoder.active:
            lines += [_line(piece) for piece in decoder.step()]
        _say(out, lines)


def _take(orders: queue.SimpleQueue[dict[str, Any]], waiting: deque[dict[str, Any]], decoder: Any) -> None:
    """Take all orders that have come, and wait for one when there is nothing to do."""
    while not orders.empty() or not (waiting or decoder.active):
        order = orders.get()
        if "join" in order:
            waiting.append(order)
            continue
        decoder.leave(order["leave"])
        for queued in [queued for queued in waiting if queued["join"] == order["leave"]]:
            waiting.remove(queued)


def _line(piece: Any) -> dict[str, Any]:
    return {"reply": piece.reply, "text": piece.text, "last": piece.last}


def _say(out: TextIO, lines: list[dict[str, Any]]) -> None:
    if lines:
        out.write("".join(f"{json.dumps(line)}\n" for line in lines))
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:])  # type: ignore[arg-type]
