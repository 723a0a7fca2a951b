"""The `kefu` command."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from bot import __version__
from bot.errors import KefuError
from bot.records import Turn
from bot.settings import Settings, read_settings

out = Console()
err = Console(stderr=True)

cli = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
train = typer.Typer(no_args_is_help=True, help="Learn from the shop's own data.")
evaluate = typer.Typer(no_args_is_help=True, help="Measure how good Kefu is.")
cli.add_typer(train, name="train")
cli.add_typer(evaluate, name="eval")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Data = Annotated[Path, typer.Option(help="Folder of the public evaluation sets.", exists=True, file_okay=False)]
Out = Annotated[Path, typer.Option("--out", "--out-folder", help="Folder for reports and plots.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Only this set; repeat for several.")]


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
    _run(_serve(settings))


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
    """Bring what is made from the knowledge up to date, in processes of their own: training needs far more memory."""
    from bot.retrieval.build import is_stale as index_is_stale
    from bot.understanding.training import is_stale as intents_are_stale

    for stale, command in ((intents_are_stale, ("train", "intents")), (index_is_stale, ("index",))):
        if stale(settings):
            done = subprocess.run([sys.executable, "-m", "bot.cli", *command], check=False)  # noqa: S603 - our own
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
    _run(talk(url or f"http://{settings.host}:{settings.port}", sender, out))


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="What a shopper would write.")],
    as_json: AsJson = False,
) -> None:
    """Print one reply, its sources, and why it was given; needs no running server."""
    from bot.channels.terminal import show_turn

    settings = read_settings()
    prepare(settings)
    turn = _run(_ask(settings, question))
    if as_json:
        _print_json(turn)
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

    findings = _run(look(read_settings()))
    if as_json:
        _print_json(findings)
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

    _print_json(_run(collect(read_settings())))


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
    err.print(f"{_run(delete(read_settings()))} conversations of {shopper!r} erased.")


@cli.command()
def index(as_json: AsJson = False) -> None:
    """Read the knowledge folder and build the search index; says what it could not read."""
    from bot.models.encoder import open_encoders
    from bot.retrieval.build import build_index

    settings = _on_all_cores(read_settings())
    report = build_index(settings, open_encoders(settings))
    _report(report, as_json)


@train.command("intents")
def train_intents(
    tune_encoder: Annotated[bool, typer.Option(help="Fine-tune the encoder too (minutes, needs torch).")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn the intents from the Rasa NLU files of the knowledge folder."""
    from bot.understanding.training import train_intents as learn

    _report(learn(_on_all_cores(read_settings()), tune_encoder=tune_encoder), as_json)


@train.command("writer")
def train_writer(
    data: Annotated[
        list[Path] | None, typer.Option(help="Lessons as JSON lines (docs/writer.md); repeat for several.", exists=True)
    ] = None,
    public: Annotated[
        Path | None, typer.Option(help="Folder of public sets to learn from too.", exists=True, file_okay=False)
    ] = None,
    written: Annotated[bool, typer.Option(help="The lessons that come with Kefu, some thousands.")] = False,
    shop: Annotated[bool, typer.Option(help="Lessons made from the knowledge folder.")] = True,
    agents: Annotated[bool, typer.Option(help="What your agents answered in closed conversations, masked.")] = False,
    model: Annotated[str, typer.Option(help="`packaged`, or a causal model by hub name or folder.")] = "packaged",
    start: Annotated[
        str, typer.Option(help="Adapter to go on from: `packaged`, `none`, or a folder; `none` for another model.")
    ] = "packaged",
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the adapter, its log and its curves.")] = Path(
        ".kefu/writer"
    ),
    epochs: Annotated[float, typer.Option(min=0.01, help="How often each lesson is shown.")] = 2.0,
    rank: Annotated[int, typer.Option(min=1, max=256, help="Rank of the LoRA matrices.")] = 16,
    rate: Annotated[float, typer.Option(min=1e-6, max=0.1, help="Highest learning rate.")] = 1e-3,
    refusals: Annotated[float, typer.Option(min=0, max=1, help="Lessons without a reply, as a share of all.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Chooses order, showings and first weights.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Fine-tune the writer with LoRA; goes on where it was killed. Some minutes for 200 lessons on two cores."""
    from bot.generation.finetune import Recipe
    from bot.lessons.training import Plan, gather
    from bot.lessons.training import train_writer as learn

    settings = read_settings()
    plan = Plan(
        out_folder,
        tuple(data or ()),
        shop,
        written,
        public,
        model=model,
        start=start if model == "packaged" or start != "packaged" else "none",
        refusals=refusals,
    )
    rows = gather(settings, plan, _run(_agents(settings)) if agents else None)
    recipe = Recipe(epochs=epochs, rank=rank, alpha=2 * rank, rate=rate, seed=seed)
    with _training_bar() as tell:
        card = learn(settings, plan, recipe, rows, tell, lambda line: err.print(line, highlight=False))
    _report(card, as_json)
    if card["gate"]["passed"]:
        err.print(f"\nServe it: [bold]KEFU_WRITER_ADAPTER={out_folder}[/] kefu serve")
    else:
        err.print("\n[yellow]Its replies are no better than quoting the passage, so it would not be served.[/]")


@train.command("checker")
def train_checker(
    public: Annotated[
        Path | None, typer.Option(help="Folder of public sets to learn from too.", exists=True, file_okay=False)
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the classifier and its card.")] = Path(
        ".kefu/checker"
    ),
    epochs: Annotated[float | None, typer.Option(min=0.01, help="How often each pair is read.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses falsehoods, order and first weights.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Train what tells a reply that its source supports from one that bends it. Some 20 minutes on two cores."""
    from bot.lessons.checker import gather
    from bot.lessons.checker import train_checker as learn

    settings = _on_all_cores(read_settings())
    material = gather(public, seed)
    for bad in material.bad:
        err.print(f"left out: {bad}", highlight=False)
    with _training_bar() as tell:
        card = learn(settings, out_folder, material, tell, epochs=epochs, seed=seed)
    _report(card, as_json)


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


@contextmanager
def _training_bar() -> Iterator[Callable[[Any], None]]:
    """Shows how far training is, and a line for every look at the held-out lessons."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=err) as bar:
        task = bar.add_task("reading lessons …", total=None)

        def tell(progress: Any) -> None:
            bar.update(task, total=progress.steps, completed=progress.step, description=f"loss {progress.loss:.3f}")
            if progress.look:
                told = ", ".join(f"{name} {value:g}" for name, value in progress.look.items() if name != "step")
                bar.console.print(f"step {progress.step}: {told}", highlight=False)

        yield tell


async def _agents(settings: Settings) -> Any:
    """The lessons that lie in the conversations of this server's Redis."""
    from bot.lessons.agents import agents_lessons

    return await agents_lessons(settings)


@evaluate.command("intents")
def eval_intents(
    data: Data,
    out_folder: Out = Path(".kefu/eval"),
    sets: Sets = None,
    tune_encoder: Annotated[bool, typer.Option(help="Fine-tune the encoder for each set first (hours).")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure intents and out-of-scope rejection on public sets, with a confusion plot."""
    from bot.evaluation.intents import evaluate_intents

    settings, console = _on_all_cores(read_settings()), err if as_json else out
    figures = evaluate_intents(settings, data, out_folder, console, sets=sets, tune_encoder=tune_encoder)
    if as_json:
        _print_json(figures)


@evaluate.command("retrieval")
def eval_retrieval(
    data: Data, out_folder: Out = Path(".kefu/eval"), sets: Sets = None, as_json: AsJson = False
) -> None:
    """Measure search on public sets and on the shop's own questions."""
    from bot.evaluation.retrieval import evaluate_retrieval

    figures = evaluate_retrieval(_on_all_cores(read_settings()), data, out_folder, err if as_json else out, sets=sets)
    if as_json:
        _print_json(figures)


@evaluate.command("answers")
def eval_answers(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the public sets; without it, the shop's own.", exists=True, file_okay=False),
    ] = None,
    out_folder: Out = Path(".kefu/eval"),
    sets: Sets = None,
    most: Annotated[int, typer.Option(min=1, help="Questions of each set, taken evenly.")] = 200,
    adapter: Annotated[
        str | None, typer.Option(help="`packaged`, `none`, or a folder; default: the one in the settings.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what is said: right, with a source, or honestly nothing; writes a report to read in a browser."""
    from bot.evaluation.answers import evaluate_answers

    settings, console = _on_all_cores(read_settings()), err if as_json else out
    if adapter:
        settings = settings.model_copy(update={"writer_adapter": adapter})
    figures = _run(evaluate_answers(settings, data, out_folder, console, sets=sets, most=most))
    if as_json:
        _print_json(figures)
    else:
        err.print(f"\nRead it: [bold]{out_folder / 'answers.html'}[/]")


def _on_all_cores(settings: Settings) -> Settings:
    """A command that encodes thousands of texts at once has the machine for itself; a server has not."""
    return settings.model_copy(update={"encoder_threads": os.cpu_count() or 1})


def _report(figures: Any, as_json: bool) -> None:
    if as_json:
        _print_json(figures)
    else:
        for name, value in msgspec.to_builtins(figures).items():
            err.print(f"  {name.replace('_', ' ')}: {value}")


def _print_json(value: Any) -> None:
    # Straight to the stream: rich would wrap and colour what a program wants to read.
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    import uvloop

    return uvloop.run(coroutine)


def main() -> None:
    """Run the command; an error of ours is one clear line, not a stack trace."""
    try:
        cli()
    except KefuError as exc:
        err.print(f"[bold red]{type(exc).__name__}[/]: {exc}", highlight=False)
        raise SystemExit(1) from exc


if __name__ == "__main__":
    main()
