"""Measures the embedded recognizer and a real Rasa side by side: what each makes of the same examples, and the cost.

Both get the same files. Kefu trains and reads them as it does a shop's, in processes of their own, whose memory is then
theirs alone; Rasa trains with its default pipeline and is asked over HTTP on loopback, as Kefu asks it.
"""

import asyncio
import json
import multiprocessing
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import numpy as np
from rich.console import Console
from rich.table import Table

from bot.errors import ModelError, SettingError
from bot.evaluation.intents import Outcome, Row, read_set
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane
from bot.records import Intent, State
from bot.settings import Settings
from bot.understanding.annotations import Place
from bot.understanding.head import is_out_of_scope
from bot.understanding.rasa import RasaServer
from bot.understanding.rasa_server.environment import VERSION, ensure
from bot.understanding.rasa_server.model import serving, train
from bot.understanding.rasa_server.project import EPOCHS, plan_project
from bot.understanding.recognizer import INTENTS, HeadRecognizer
from bot.understanding.training import train_intents
from bot.understanding.training_data import Example, TrainingData, read_training_data

SETS = ("shop", "hint3/sofmattress", "hint3/curekart", "hint3/powerplay11", "hwu64", "banking77", "clinc150")
"""Those that can be measured, the quickest first; by default the shop and HINT3, minutes each."""

_BY_DEFAULT = SETS[:4]
_HELD_OUT = 5
"""Of the shop's own examples, one in so many is not learnt from and asked."""

_WARM = 20
"""Readings that are not counted: the first ones of a process load and compile."""

_PATIENCE = 60.0
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Task:
    """What is learnt from, and what is asked."""

    lessons: TrainingData
    questions: Sequence[Row]


@dataclass(frozen=True, slots=True)
class Side:
    """What one recognizer made of a task."""

    readings: Sequence[tuple[tuple[Intent, ...], float]]
    """Ranked intents and `in_scope`, by question."""
    milliseconds: Sequence[float]
    """Of each reading, one after the other."""
    training_seconds: float
    training_bytes: int
    """Most resident memory of the process that trained."""
    serving_bytes: int
    """Resident memory of the process that read, after the last reading."""

    def figures(self, questions: Sequence[Row]) -> dict[str, float]:
        """Everything that is compared, by name."""
        best = [next((i for i in ranked if not is_out_of_scope(i.name)), ranked[0]) for ranked, _ in self.readings]
        outcome = Outcome(
            truth=np.array([row.intent for row in questions]),
            best=np.array([intent.name for intent in best]),
            in_scope=np.array([scope for _, scope in self.readings], np.float32),
            confidence=np.array([intent.confidence for intent in best], np.float32),
        )
        p50, p95 = np.percentile(self.milliseconds, (50, 95))
        return {
            **{name.strip(): value for name, value in outcome.figures("").items()},
            "reading p50 (ms)": float(p50),
            "reading p95 (ms)": float(p95),
            "training (s)": self.training_seconds,
            "memory, training (MiB)": self.training_bytes / 2**20,
            "memory, serving (MiB)": self.serving_bytes / 2**20,
        }


def compare_with_rasa(
    settings: Settings,
    data: Path,
    out: Path,
    console: Console,
    *,
    sets: Sequence[str] | None = None,
    epochs: int = EPOCHS,
) -> dict[str, Any]:
    """Measure ``sets`` on both and return every figure; ``against-rasa.json`` goes to ``out``.

    Learns from the train and valid halves in ``data`` and asks the dev halves, which nothing was chosen by.

    Raises:
        SettingError: a set has another name.
        KnowledgeError: a set's files are not in ``data``.
        RasaUnavailable: there is no Python 3.10, or Rasa cannot be installed, trained or served.
    """
    chosen = [name for known in sets or _BY_DEFAULT for name in _expand(known)]
    program = ensure()
    report: dict[str, Any] = {"rasa": VERSION, "epochs": epochs, "sets": {}}
    for name in chosen:
        task = _task(settings, data, name)
        with console.status(f"{name}: the embedded recognizer …"):
            embedded = measure_embedded(settings, task)
        with console.status(f"{name}: Rasa, {len(task.lessons.examples)} examples, {epochs} epochs …"):
            rasa = measure_rasa(program, task, settings.data / "eval" / "rasa" / name.replace("/", "-"), epochs)
        sides = {side: of.figures(task.questions) for side, of in (("embedded", embedded), ("rasa", rasa))}
        report["sets"][name] = {
            "examples": len(task.lessons.examples),
            "intents": len(task.lessons.intents),
            "questions": len(task.questions),
            **{side: {key: round(value, 4) for key, value in figures.items()} for side, figures in sides.items()},
        }
        console.print(_table(name, task, sides, epochs))
    out.mkdir(parents=True, exist_ok=True)
    (out / "against-rasa.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


# ── The sets ──────────────────────────────────────────────────────────────────────────────────────


def _expand(name: str) -> list[str]:
    found = [known for known in SETS if known == name or known.startswith(f"{name}/")]
    if not found:
        raise SettingError(f"sets = {name!r}: no such set against Rasa. Sets are: {', '.join(SETS)}.")
    return found


def _task(settings: Settings, data: Path, name: str) -> Task:
    if name == "shop":
        return _own(read_training_data(settings.knowledge / INTENTS))
    family, _, bot = name.partition("/")
    learnt = [row for half in ("train", "valid") for row in read_set(data, family, half) if row.bot == bot]
    asked = [row for row in read_set(data, family, "dev") if row.bot == bot]
    lessons = (Example(_one_line(row.text), row.intent, (), Place(data, 0)) for row in learnt)
    return Task(TrainingData(examples=tuple(lessons)), asked)


def _own(data: TrainingData) -> Task:
    """The shop's examples, with everything that they mark, and each fifth held out."""
    fold = np.random.default_rng(0).permutation(len(data.examples)) % _HELD_OUT
    learnt = tuple(example for example, at in zip(data.examples, fold, strict=True) if at)
    asked = [Row(example.text, example.intent) for example, at in zip(data.examples, fold, strict=True) if not at]
    return Task(TrainingData(learnt, data.patterns, data.lookups, data.synonyms), asked)


def _one_line(text: str) -> str:
    """As a training file can hold it: one line, and no bracket that would mark an entity."""
    return " ".join(text.replace("[", "(").replace("]", ")").split()) or "-"


# ── Kefu ──────────────────────────────────────────────────────────────────────────────────────────


def measure_embedded(settings: Settings, task: Task) -> Side:
    """Train and read as `kefu serve` does, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="kefu-eval-") as folder:
        own = _shop(settings, task.lessons, Path(folder))
        seconds, training = _aside(_learn, own)
        readings, milliseconds, serving_bytes = _aside(_read, own, [row.text for row in task.questions])
    return Side(readings, milliseconds, seconds, training, serving_bytes)


def _shop(settings: Settings, lessons: TrainingData, folder: Path) -> Settings:
    """A shop with nothing but ``lessons``; the exported encoders are those of ``settings``."""
    plan_project(lessons).write(folder / "project")
    (folder / "knowledge").mkdir()
    shutil.move(folder / "project" / "data", folder / "knowledge" / INTENTS)
    (folder / "data").mkdir()
    models = settings.data / "models"
    models.mkdir(parents=True, exist_ok=True)
    (folder / "data" / "models").symlink_to(models.resolve())
    return settings.model_copy(update={"knowledge": folder / "knowledge", "data": folder / "data"})


def _aside(work: Callable[..., T], *arguments: Any) -> T:
    """Do it in a fresh process, so that its memory is that of the work."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _learn(settings: Settings) -> tuple[float, int]:
    report = train_intents(settings.model_copy(update={"encoder_threads": os.cpu_count() or 1}))
    return float(report["seconds"]), _memory("VmHWM")


def _read(settings: Settings, texts: Sequence[str]) -> tuple[list[tuple[tuple[Intent, ...], float]], list[float], int]:
    return asyncio.run(_read_all(settings, texts))


async def _read_all(
    settings: Settings, texts: Sequence[str]
) -> tuple[list[tuple[tuple[Intent, ...], float]], list[float], int]:
    lane = EncoderLane(open_encoders(settings))
    recognizer = HeadRecognizer.open(settings, lane)
    for number in range(_WARM):
        await recognizer.understand(f"warming up {number}", State())
    readings, milliseconds = [], []
    for text in texts:
        started = time.perf_counter()
        understood = await recognizer.understand(text, State())
        milliseconds.append(1000 * (time.perf_counter() - started))
        readings.append((understood.intents, understood.in_scope))
    await lane.close()
    return readings, milliseconds, _memory("VmRSS")


def _memory(what: str, process: int | str = "self") -> int:
    """Bytes that a process has in memory (``VmRSS``), or had at most (``VmHWM``), as Linux tells.

    ``ru_maxrss`` would count the memory of the process that it was started from.

    Raises:
        ModelError: this system tells neither.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))
    except (OSError, StopIteration) as exc:
        raise ModelError(f"Memory is measured on Linux only: /proc has no {what} of {process}.") from exc


# ── Rasa ──────────────────────────────────────────────────────────────────────────────────────────


def measure_rasa(program: Path, task: Task, folder: Path, epochs: int) -> Side:
    """Train, where the model of these lessons is not in ``folder`` yet, serve and ask."""
    trained = train(program, plan_project(task.lessons, epochs), folder)
    with serving(program, trained.path, _free_port(), folder / "rasa.log") as served:
        readings, milliseconds = asyncio.run(_ask_all(served.url, [row.text for row in task.questions]))
        memory = sum(_memory("VmRSS", process) for process in _family(served.pid))
    return Side(readings, milliseconds, trained.seconds, trained.memory, memory)


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
    return [process, *(member for child in children for member in _family(int(child)))]


async def _ask_all(url: str, texts: Sequence[str]) -> tuple[list[tuple[tuple[Intent, ...], float]], list[float]]:
    readings, milliseconds = [], []
    async with aiohttp.ClientSession() as session:
        server = RasaServer(session, url, _PATIENCE)
        for number in range(_WARM):
            await server.parse(f"warming up {number}")
        for text in texts:
            started = time.perf_counter()
            reading = await server.parse(text)
            milliseconds.append(1000 * (time.perf_counter() - started))
            readings.append((reading.intents or (Intent("", 0.0),), reading.in_scope))
    return readings, milliseconds


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ── The table ─────────────────────────────────────────────────────────────────────────────────────


def _table(name: str, task: Task, sides: dict[str, dict[str, float]], epochs: int) -> Table:
    table = Table(
        title=f"{name}: {len(task.lessons.examples)} examples of {len(task.lessons.intents)} intents, "
        f"{len(task.questions)} questions; Rasa {VERSION}, {epochs} epochs",
        title_justify="left",
    )
    table.add_column("figure")
    for side in sides:
        table.add_column(side, justify="right")
    for figure in sides["embedded"]:
        table.add_row(figure, *(_shown(figure, figures[figure]) for figures in sides.values()))
    return table


def _shown(figure: str, value: float) -> str:
    return f"{value:.1f}" if figure.endswith(")") else f"{100 * value:.1f} %"
