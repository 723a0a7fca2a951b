"""`kefu train …`: learn from the shop's own data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.console import AsJson, err, on_all_cores, report, run
from bot.settings import Settings, read_settings

train = typer.Typer(no_args_is_help=True, help="Learn from the shop's own data.")


@train.command("intents")
def train_intents(
    tune_encoder: Annotated[bool, typer.Option(help="Fine-tune the encoder too (minutes, needs torch).")] = False,
    as_json: AsJson = False,
) -> None:
    """Learn the intents from the Rasa NLU files of the knowledge folder."""
    from bot.understanding.training import train_intents as learn

    report(learn(on_all_cores(read_settings()), tune_encoder=tune_encoder), as_json)


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
    rows = gather(settings, plan, run(_agents(settings)) if agents else None)
    recipe = Recipe(epochs=epochs, rank=rank, alpha=2 * rank, rate=rate, seed=seed)
    with _training_bar() as tell:
        card = learn(settings, plan, recipe, rows, tell, lambda line: err.print(line, highlight=False))
    report(card, as_json)
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
    epochs: Annotated[float, typer.Option(min=0.01, help="How often each pair is read in the first stage.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Chooses falsehoods, order and first weights.")] = 7,
    start: Annotated[
        Path | None, typer.Option(help="Folder of a classifier to go on from, with the second stage.", exists=True)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train what tells a reply that its source supports from one that bends it. Some 40 minutes on two cores."""
    from bot.lessons.checker import gather
    from bot.lessons.checker import train_checker as learn

    settings = on_all_cores(read_settings())
    material = gather(public, seed)
    for bad in material.bad:
        err.print(f"left out: {bad}", highlight=False)
    with _training_bar() as tell:
        card = learn(settings, out_folder, material, tell, epochs=epochs, seed=seed, start=start)
    report(card, as_json)


@train.command("reader")
def train_reader(
    public: Annotated[
        Path | None, typer.Option(help="Folder of public sets to learn from too.", exists=True, file_okay=False)
    ] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="Folder for the reader and its card.")] = Path(
        ".kefu/reader"
    ),
    epochs: Annotated[float, typer.Option(min=0.01, help="How often each pair is read.")] = 0.9,
    seed: Annotated[int, typer.Option(help="Chooses pairs, order and first weights.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Train what tells a passage that answers a question from one that does not. Some 10 minutes on two cores."""
    from bot.lessons.reader import gather_readings
    from bot.lessons.reader import train_reader as learn
    from bot.models.pair_tune import Recipe

    pairs = gather_readings(read_settings(), public, seed)
    with _training_bar() as tell:
        card = learn(pairs, out_folder, Recipe(epochs=epochs, seed=seed), tell)
    report(card, as_json)


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
