"""Builds the virtual environment that Rasa runs in: Python 3.10, the last that it knows, and pinned packages."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from bot.errors import RasaUnavailable

VERSION = "3.6.21"
"""The last of Rasa Open Source, of 2024."""

PYTHON = "3.10"
"""Rasa's metadata allows 3.8 to 3.10, its TensorFlow 2.12 has wheels for these."""

ENVIRONMENT = Path(".venv-rasa")
"""2.7 GB, made once."""

CONSTRAINTS = Path(__file__).with_name("constraints.txt")

_DONE = f"kefu-rasa-{VERSION}.txt"
"""File in the environment that holds what was installed; there only once everything is."""

_TAIL = 2000
"""Characters of another program's output that an error shows."""


def ensure(environment: Path = ENVIRONMENT) -> Path:
    """The ``rasa`` program in ``environment``, which is built if it is not there or holds other versions.

    It takes about a minute and a half, and a package index.

    Raises:
        RasaUnavailable: there is no Python 3.10, or a package cannot be installed; says what to do.
    """
    program = environment.resolve() / "bin" / "rasa"
    wanted = CONSTRAINTS.read_text(encoding="utf-8")
    done = environment / _DONE
    if program.is_file() and done.is_file() and done.read_text(encoding="utf-8") == wanted:
        return program
    python = find_python()
    _clear(environment)
    _run(str(python), "-m", "venv", str(environment))
    _run(
        *(str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
        *("--no-compile", "--constraint", str(CONSTRAINTS), f"rasa=={VERSION}", "setuptools"),
    )
    done.write_text(wanted, encoding="utf-8")
    return program


def _clear(environment: Path) -> None:
    """Remove an environment of before, and nothing that is none."""
    if environment.exists() and not (environment / "pyvenv.cfg").is_file() and any(environment.iterdir()):
        raise RasaUnavailable(f"{environment} is there and is no virtual environment. Name another folder for Rasa's.")
    shutil.rmtree(environment, ignore_errors=True)


def find_python() -> Path:
    """A Python 3.10 on this machine.

    Raises:
        RasaUnavailable: there is none; says where it was looked for and what to do.
    """
    looked = list(_candidates())
    for python in looked:
        if _is_right(python):
            return python
    raise RasaUnavailable(
        f"No Python {PYTHON} here, and Rasa {VERSION} runs on none later. Looked for it on the PATH and at "
        f"{', '.join(sorted({str(python.parent) for python in looked}))}. Install it, for instance with "
        f"`pyenv install {PYTHON}`, and try again; Kefu's own recognizer needs nothing of this."
    )


def _candidates() -> Iterator[Path]:
    """On the PATH, then pyenv's, the latest first: its shim on the PATH only works where 3.10 is chosen."""
    if found := shutil.which(f"python{PYTHON}"):
        yield Path(found)
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    versions = (root / "versions").glob(f"{PYTHON}.*")
    for version in sorted(
        versions, key=lambda path: [int(n) for n in path.name.split(".") if n.isdigit()], reverse=True
    ):
        yield version / "bin" / f"python{PYTHON}"
    yield root / "versions" / PYTHON / "bin" / f"python{PYTHON}"


def _is_right(python: Path) -> bool:
    """Whether it runs, is of the right version and can make environments (Debian's may lack ``ensurepip``)."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.stdout.strip() == PYTHON


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        raise RasaUnavailable(
            f"`{' '.join(command)}` failed:\n{(done.stderr or done.stdout)[-_TAIL:]}\nIs a package index reachable?"
        )
