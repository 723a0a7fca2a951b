"""What serves the writer fastest: transformers, OpenVINO and, where it is installed, CTranslate2, in one run.

    python -m benchmarks.runtimes [--rounds 3] [--threads 1] [--model packaged]

Every runtime has a process of its own, so that memory is its own, and the rounds alternate, so that whatever else the
machine does falls on all alike. On a busy machine believe the tokens for each second of CPU: with one thread they are
what a free core gives. Each round asks new questions over the demo shop's FAQ, one alone and then eight at once; a
reply runs to its own end or its token limit, and a piece of the stream is a token. CTranslate2 cannot let a shopper
join a batch under way: it is given all eight at once, which flatters it; its seconds to load include the conversion.
"""

import argparse
import importlib.util
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bot.generation.decoder import MAX_NEW_TOKENS, REPETITION_PENALTY
from bot.generation.decoder_process import NICENESS, _listen
from bot.generation.prompt import build_prompt
from bot.generation.sentences import boundary
from bot.generation.writer import _ENVIRONMENT
from bot.models.causal import plain_folder
from bot.models.chat import read_speech
from bot.records import Kind
from bot.retrieval.sources import read_knowledge

CROWD = 8
Chat = list[dict[str, str]]


@dataclass
class Reply:
    """One reply, with seconds since it was asked for."""

    first: float = 0.0
    sentence: float = 0.0
    tokens: int = 0
    text: str = ""


class Runtime:
    """A decoder's process, asked over its protocol."""

    def __init__(self, name: str, model: str, models: Path, threads: int) -> None:
        arguments = [model, str(models), str(CROWD), str(threads)]
        module = ["bot.generation.decoder_process", *arguments, name]
        if name == "ctranslate2":
            module = ["benchmarks.runtimes", "--serve", *arguments]
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | _ENVIRONMENT,
            text=True,
        )
        self._usage = psutil.Process(self._process.pid)
        if failure := self._line().get("failed"):
            raise SystemExit(f"{name}: {failure}")
        self.loaded = time.perf_counter() - started

    def ask(self, chats: Sequence[Chat]) -> dict[str, float]:
        """Ask all ``chats`` at once and wait for the last word."""
        replies = [Reply() for _ in chats]
        started, worked = time.perf_counter(), self._cpu_seconds()
        assert self._process.stdin
        for number, chat in enumerate(chats):
            self._process.stdin.write(f"{json.dumps({'join': number, 'chat': chat})}\n")
        self._process.stdin.flush()
        open_replies = len(chats)
        while open_replies:
            line = self._line()
            now, reply = time.perf_counter() - started, replies[line["reply"]]
            reply.text += line["text"]
            reply.first = reply.first or now
            reply.tokens += bool(line["text"]) or not line["last"]
            if not reply.sentence and (line["last"] or boundary(reply.text)):
                reply.sentence = now
            open_replies -= line["last"]
        tokens = sum(reply.tokens for reply in replies)
        return {
            "tokens/s": tokens / (time.perf_counter() - started),
            "tokens/CPU second": tokens / (self._cpu_seconds() - worked),
            "seconds to first token": statistics.median(reply.first for reply in replies),
            "seconds to first sentence": statistics.median(reply.sentence for reply in replies),
        }

    def memory(self) -> float:
        """Resident GiB of the process."""
        return float(self._usage.memory_info().rss) / 2**30

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _cpu_seconds(self) -> float:
        spent = self._usage.cpu_times()
        return float(spent.user + spent.system)

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line: dict[str, Any] = json.loads(self._process.stdout.readline())
        return line


def prompts() -> list[Chat]:
    """A prompt for every question of the demo shop's FAQ, over its answer and the two after it."""
    asked = [
        passage
        for passage in read_knowledge(Path("knowledge")).passages
        if passage.kind is Kind.FAQ and passage.title.isascii()
    ]
    return [
        build_prompt(passage.title.rpartition("›")[2].strip(), asked[at : at + 3], "en")
        for at, passage in enumerate(asked[:-2])
    ]


def measure(names: Sequence[str], rounds: int, threads: int, model: str, models: Path) -> dict[str, dict[str, float]]:
    """Medians of every runtime, after one warm-up round."""
    plain_folder(model, models)  # Unpacked before any clock runs.
    runtimes = {name: Runtime(name, model, models, threads) for name in names}
    chats = prompts()
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for at in range(rounds + 1):
        # A stride that shares no factor with the FAQ's topics takes each round through all of them.
        asked = [chats[(at * (CROWD + 1) + number) * 7 % len(chats)] for number in range(CROWD + 1)]
        for name, runtime in runtimes.items():
            alone, crowd = runtime.ask(asked[:1]), runtime.ask(asked[1:])
            if at:
                one = {f"{what}, one shopper": value for what, value in alone.items()}
                found[name].append(one | {f"{what}, {CROWD} shoppers": value for what, value in crowd.items()})
    results = {}
    for name, runtime in runtimes.items():
        results[name] = {what: statistics.median(each[what] for each in found[name]) for what in found[name][0]}
        results[name] |= {"resident GiB": runtime.memory(), "seconds to load": runtime.loaded}
        runtime.close()
    return results


def show(results: dict[str, dict[str, float]]) -> None:
    """One line a figure: each runtime's, and in brackets its ratio to the first one's."""
    names = list(results)
    print(f"{'':38}" + "".join(f"{name:>18}" for name in names))
    for what, base in results[names[0]].items():
        cells = [f"{base:18.2f}"]
        cells += [f"{results[name][what]:10.2f} ({results[name][what] / base:4.2f}x)" for name in names[1:]]
        print(f"{what:38}" + "".join(cells))


def serve(model: str, models: str, seats: str, threads: str) -> None:
    """CTranslate2 behind the decoder's protocol; what has come by the time that it is free is its next batch."""
    os.nice(NICENESS)
    import ctranslate2
    from ctranslate2.converters import TransformersConverter
    from tokenizers.decoders import DecodeStream

    source = plain_folder(model, Path(models))
    speech = read_speech(source)
    with tempfile.TemporaryDirectory() as folder:
        TransformersConverter(str(source)).convert(folder, quantization="int8", force=True)
        generator = ctranslate2.Generator(folder, intra_threads=int(threads), compute_type="int8")
    orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    print(json.dumps({"ready": True}), flush=True)
    while True:
        batch = [orders.get()]
        time.sleep(0.005)
        while not orders.empty() and len(batch) < int(seats):
            batch.append(orders.get())
        streams = [DecodeStream(skip_special_tokens=True) for _ in batch]

        def tell(step: Any, batch: Any = batch, streams: Any = streams) -> bool:
            text = streams[step.batch_id].step(speech.tokenizer, step.token_id) or ""
            print(json.dumps({"reply": batch[step.batch_id]["join"], "text": text, "last": step.is_last}), flush=True)
            return False

        generator.generate_batch(
            [speech.tokenizer.encode(speech.render(order["chat"]), add_special_tokens=False).tokens for order in batch],
            max_length=MAX_NEW_TOKENS,
            sampling_topk=1,
            repetition_penalty=REPETITION_PENALTY,
            end_token=list(speech.ends),
            include_prompt_in_result=False,
            callback=tell,
        )


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:])
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--model", default="packaged")
    options.add_argument("--data", type=Path, default=Path(".kefu"))
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    names = ["transformers", "openvino"] + ["ctranslate2"] * bool(importlib.util.find_spec("ctranslate2"))
    results = measure(names, chosen.rounds, chosen.threads, chosen.model, (chosen.data / "models").resolve())
    if chosen.json:
        print(json.dumps(results, indent=2))
    else:
        show(results)


if __name__ == "__main__":
    main()
