"""What all commands share: where they print, and how."""

import os
import sys
from collections.abc import Coroutine
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from bot.settings import Settings

out = Console()
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def on_all_cores(settings: Settings) -> Settings:
    """A command that encodes thousands of texts at once has the machine for itself; a server has not."""
    return settings.model_copy(update={"encoder_threads": os.cpu_count() or 1})


def report(figures: Any, as_json: bool) -> None:
    """Print figures by name, or as JSON."""
    if as_json:
        print_json(figures)
    else:
        for name, value in msgspec.to_builtins(figures).items():
            err.print(f"  {name.replace('_', ' ')}: {value}")


def print_json(value: Any) -> None:
    """Print a value of ours as JSON."""
    # Straight to the stream: rich would wrap and colour what a program wants to read.
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it to its end."""
    import uvloop

    return uvloop.run(coroutine)
