"""The commands that serve, ask, and look after a shop's server."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot import __version__
from bot.cli.console import AsJson, err, on_all_cores, out, print_json, report, run
from bot.cli.evaluate import evaluate
from bot.cli.train import train
from bot.errors import KefuError
from bot.records import Turn
from bot.settings import Settings, read_settings

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
cli.add_typer(train, name="train")
cli.add_typer(evaluate, name="eval")


@cli.callback()
def _about(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    """Kefu: a self-hosted customer-service chat server for online shops."""
    if version:
        out.print(__version__)
        raise typer.Exit


@cli.command()
def serve() -> None:
    """Start the chat server, with its Redis and its action server; Ctrl-C stops all of them."""
    from bot.telemetry import configure_logging

    settings = read_settings()
    configure_logging(settings.log_level, text=settings.log_text)
    prepare(settings)
    run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from bot.app import serve as serve_until

    until = asyncio.Event()

    def stop(name: signal.Signals) -> None:
        if until.is_set():
            os._exit(128 + name)  # Told twice: at once. Everything accepted is in Redis, as if this had been killed.
        until.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop, name)

    def announce(address: str) -> None:
        err.print(f"\n[bold green]Kefu is ready.[/] Click [bold]{address}/[/] or, in a second terminal:")
        err.print('  kefu chat\n  kefu ask "How much is shipping to Belgium?"\n')

    await serve_until(settings, announce, until)


def prepare(settings: Settings) -> None:
    """Bring what is made from models and knowledge up to date, in processes of their own: it needs far more memory."""
    from bot.models.prepared import is_stale as models_are_stale
    from bot.retrieval.build import is_stale as index_is_stale
    from bot.understanding.training import is_stale as intents_are_stale

    for stale, command in (
        (intents_are_stale, ("bot.cli", "train", "intents")),
        (index_is_stale, ("bot.cli", "index")),
        (models_are_stale, ("bot.models.prepared",)),
    ):
        if stale(settings):
            done = subprocess.run([sys.executable, "-m", *command], check=False)  # noqa: S603 - our own
            if done.returncode:
                raise typer.Exit(done.returncode)


@cli.command()
def chat(
    url: Annotated[str | None, typer.Option(help="Address of the server; default: the one in the settings.")] = None,
    sender: Annotated[str, typer.Option(help="Who you are; the same name goes on with the same conversation.")] = "",
) -> None:
    """Talk to a running server in the terminal."""
    from bot.channels.terminal import talk

    settings = read_settings()
    run(talk(url or f"http://{settings.host}:{settings.port}", sender, out))


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="What a shopper would write.")],
    as_json: AsJson = False,
) -> None:
    """Print one reply, its sources, and why it was given; needs no running server."""
    from bot.channels.terminal import show_turn

    settings = read_settings()
    prepare(settings)
    turn = run(_ask(settings, question))
    if as_json:
        print_json(turn)
    else:
        show_turn(turn, out)


async def _ask(settings: Settings, question: str) -> Turn:
    """Make one turn for a shopper nobody knows, in this process and without Redis."""
    from bot.app import open_assistant
    from bot.channels.terminal import Forgetful, Spoken, first_message

    spoken = Spoken()
    async with open_assistant(settings, Forgetful(), warm=True) as assistant:
        turn = await assistant.handle(first_message(question), spoken)
    return replace(turn, utterances=(*spoken.utterances, *turn.utterances))


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is configured, found and missing; ends with 1 when something is wrong."""
    from bot.doctor import Finding, examine

    async def look(settings: Settings) -> list[Finding]:
        return [finding async for finding in examine(settings)]

    findings = run(look(read_settings()))
    if as_json:
        print_json(findings)
    marks = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "wrong": "[red]✗[/]"}
    for finding in () if as_json else findings:
        out.print(f"{marks[finding.state]} [bold]{finding.subject}[/]: {escape(finding.detail)}", highlight=False)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)


@cli.command()
def export(
    shopper: Annotated[str, typer.Argument(help="The shopper's id on the channel, as the REST `sender`.")],
) -> None:
    """Print everything that is kept about a shopper, as JSON."""
    from bot.conversations import open_conversations, privacy
    from bot.conversations.files import Files

    async def collect(settings: Settings) -> dict[str, Any]:
        async with open_conversations(settings) as conversations:
            return await privacy.export(conversations, shopper, Files(settings))

    print_json(run(collect(read_settings())))


@cli.command()
def erase(
    shopper: Annotated[str, typer.Argument(help="The shopper's id on the channel, as the REST `sender`.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything that is kept about a shopper. It cannot be undone."""
    from bot.conversations import open_conversations, privacy
    from bot.conversations.files import Files

    async def delete(settings: Settings) -> int:
        async with open_conversations(settings) as conversations:
            return await privacy.erase(conversations, shopper, Files(settings))

    if not yes:
        typer.confirm(f"Erase all conversations of {shopper!r}?", abort=True)
    err.print(f"{run(delete(read_settings()))} conversations of {shopper!r} erased.")


@cli.command()
def index(as_json: AsJson = False) -> None:
    """Read the knowledge folder and build the search index; says what it could not read."""
    from bot.models.encoder import open_encoders
    from bot.retrieval.build import build_index

    settings = on_all_cores(read_settings())
    built = build_index(settings, open_encoders(settings))
    report(built, as_json)


@cli.command()
def merge(
    out_folder: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.")],
    model: Annotated[str | None, typer.Option(help="Default: the writer of the settings.")] = None,
    adapter: Annotated[str | None, typer.Option(help="Default: the adapter of the settings.")] = None,
) -> None:
    """Write the writer with its adapter merged in as a plain model folder, which vLLM and others serve."""
    from bot.models.causal import merge_into

    settings = read_settings()
    merge_into(out_folder, model or settings.writer, settings.data / "models", adapter or settings.writer_adapter)
    err.print(f"{out_folder}: serve it with [bold]vllm serve {out_folder}[/], and set KEFU_WRITER_URL.")


def main() -> None:
    """Run the command; an error of ours is one clear line, not a stack trace."""
    try:
        cli()
    except KefuError as exc:
        err.print(f"[bold red]{type(exc).__name__}[/]: {exc}", highlight=False)
        raise SystemExit(1) from exc
