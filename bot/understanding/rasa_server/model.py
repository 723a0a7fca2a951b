"""Trains a Rasa model, which is kept, and serves one: the two programs of Rasa that are started from here."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.errors import RasaUnavailable
from bot.understanding.rasa_server.project import Project

HERE = "127.0.0.1"
MODEL = "model.tar.gz"
_COST = "training.json"
_TRAINING = "training-"

_START_SECONDS = 600.0
"""It takes a quarter of a minute on a machine that has nothing else to do, and took 150 s on one that trains beside."""

_STOP_SECONDS = 10.0
_TAIL = 2000
"""Characters of Rasa's output that an error shows."""

_QUIET = {
    "RASA_TELEMETRY_ENABLED": "false",  # It would ask a server on the internet at each start.
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """A model, and what it cost."""

    path: Path
    seconds: float
    """How long the training took, the time in which Rasa starts included."""
    memory: int
    """Most resident bytes of that process."""
    kept: bool
    """It was there already."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    url: str
    pid: int
    seconds: float
    """From its start until it answered."""


def train(rasa: Path, project: Project, folder: Path, *, whole: bool = False) -> Trained:
    """The model of ``project`` below ``folder``, trained with the program ``rasa`` if it is not there.

    ``whole`` trains the dialogue too, where a project has one. Models of other projects in ``folder`` are removed, so
    that those of training data long changed do not pile up.

    Raises:
        RasaUnavailable: Rasa refuses the project; shows what it said.
    """
    kept = folder / project.fingerprint / MODEL
    if kept.is_file():
        cost = json.loads(kept.with_name(_COST).read_text(encoding="utf-8"))
        return Trained(kept.resolve(), cost["seconds"], cost["memory"], kept=True)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=_TRAINING, dir=folder) as place:
        work = Path(place).resolve()
        project.write(work / "project")
        what = () if whole else ("nlu",)
        data = ("--data" if whole else "--nlu", "data", "--domain", "domain.yml", "--config", "config.yml")
        seconds, memory = _train(
            work, str(rasa), "train", *what, *data, "--out", str(work), "--fixed-model-name", MODEL
        )
        for old in folder.iterdir():
            if old.is_dir() and not old.name.startswith(_TRAINING):
                shutil.rmtree(old)
        kept.parent.mkdir()
        kept.with_name(_COST).write_text(json.dumps({"seconds": seconds, "memory": memory}), encoding="utf-8")
        (work / MODEL).replace(kept)
    return Trained(kept.resolve(), seconds, memory, kept=False)


def _train(work: Path, *command: str) -> tuple[float, int]:
    """Run ``command``, which leaves a model in ``work``: seconds, and the most bytes that were resident."""
    started = time.monotonic()
    log = work / "training.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, cwd=work / "project", env=environment(), stdout=output, stderr=output
        )
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not (work / MODEL).is_file():
        raise RasaUnavailable(f"`{' '.join(command)}` failed:\n{log.read_text('utf-8', 'replace')[-_TAIL:]}")
    return time.monotonic() - started, usage.ru_maxrss * 1024


def serve_command(rasa: Path, model: Path, port: int, host: str = HERE) -> list[str]:
    """The command that serves ``model`` with Rasa's HTTP API."""
    return [
        *(str(rasa), "run", "--enable-api", "--model", str(model)),
        *("--interface", host, "--port", str(port)),
    ]


def environment() -> Mapping[str, str]:
    """The environment variables that Rasa runs with."""
    return {**os.environ, **_QUIET}


@contextmanager
def serving(rasa: Path, model: Path, port: int, log: Path, *options: str) -> Iterator[Served]:
    """A Rasa server on loopback inside the block; what it prints goes to ``log``.

    Raises:
        RasaUnavailable: it ended, or did not answer within ten minutes.
    """
    started = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [*serve_command(rasa, model, port), *options],
            cwd=log.parent,
            env=environment(),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        url = f"http://{HERE}:{port}"
        _wait(f"{url}/status", process, log)
        yield Served(url, process.pid, time.monotonic() - started)
    finally:
        _stop(process)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        # Rasa answers 409 until its model is loaded.
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of ours
            return
        time.sleep(0.1)
    said = log.read_text("utf-8", "replace")[-_TAIL:]
    end = "did not answer in time" if process.poll() is None else f"ended with {process.returncode}"
    raise RasaUnavailable(f"The Rasa server {end}:\n{said}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask politely, then end the whole group."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
