"""`make rasa`: builds the environment, trains on the knowledge folder and serves; what is there already is used again.

    python -m bot.understanding.rasa_server [--port 5006] [--epochs 100] [--train-only]

In the end this process becomes the Rasa server, so that whoever stops it stops that.
"""

import argparse
import os
import sys
from pathlib import Path

from bot.errors import KefuError
from bot.settings import read_settings
from bot.understanding.rasa_server.environment import ENVIRONMENT, VERSION, ensure
from bot.understanding.rasa_server.model import HERE, environment, serve_command, train
from bot.understanding.rasa_server.project import EPOCHS, plan_project
from bot.understanding.recognizer import INTENTS
from bot.understanding.training_data import read_training_data

PORT = 5006
"""One above Kefu's own, which is Rasa's."""

FOLDER = "rasa"
"""Below the data folder: the model."""


def main() -> None:
    """Read the command line and do it; an error of ours is one line, not a traceback."""
    options = _options()
    try:
        command = _prepare(options)
    except KefuError as exc:
        sys.exit(str(exc))
    if command:
        url = f"http://{options.host}:{options.port}"
        _say(f"Serving on {url}. Let Kefu ask it:\n  KEFU_RECOGNIZER=rasa KEFU_RASA_URL={url} kefu serve")
        os.execve(command[0], command, environment())  # noqa: S606 - a program of ours


def _prepare(options: argparse.Namespace) -> list[str] | None:
    """Make what is missing; the command that serves it, where it shall be served."""
    settings = read_settings()
    project = plan_project(read_training_data(settings.knowledge / INTENTS), options.epochs)
    if options.write_project:
        project.write(options.write_project)
        _say(f"Wrote the Rasa project to {options.write_project}.")
        return None
    _say(f"Rasa {VERSION} in {options.environment} (minutes and 2.7 GB where it is not there yet) …")
    rasa = ensure(options.environment)
    _say(f"The model of {settings.knowledge / INTENTS} (minutes where it changed) …")
    trained = train(rasa, project, settings.data / FOLDER)
    _say(f"{trained.path}: " + ("nothing changed" if trained.kept else f"trained in {trained.seconds:.0f} s"))
    return None if options.train_only else serve_command(rasa, trained.path, options.port, options.host)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environment", type=Path, default=ENVIRONMENT, help="where Rasa is installed")
    parser.add_argument("--host", default=HERE, help="address to listen on; anybody who reaches it may ask")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer are faster and worse")
    parser.add_argument("--train-only", action="store_true", help="do not serve")
    parser.add_argument("--write-project", type=Path, metavar="FOLDER", help="only write the Rasa project there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
