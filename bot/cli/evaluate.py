"""`kefu eval …`: measure how good Kefu is."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.console import AsJson, err, on_all_cores, out, print_json, run
from bot.settings import read_settings

evaluate = typer.Typer(no_args_is_help=True, help="Measure how good Kefu is.")


class Rival(StrEnum):
    """What can be measured beside Kefu."""

    RASA = "rasa"


Data = Annotated[Path, typer.Option(help="Folder of the public evaluation sets.", exists=True, file_okay=False)]
Out = Annotated[Path, typer.Option("--out", "--out-folder", help="Folder for reports and plots.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Only this set; repeat for several.")]


@evaluate.command("intents")
def eval_intents(
    data: Data,
    out_folder: Out = Path(".kefu/eval"),
    sets: Sets = None,
    tune_encoder: Annotated[bool, typer.Option(help="Fine-tune the encoder for each set first (hours).")] = False,
    against: Annotated[
        Rival | None, typer.Option(help="Train this on the same examples too and print both side by side (minutes).")
    ] = None,
    rasa_epochs: Annotated[int, typer.Option(min=1, help="Epochs of Rasa's training; 100 is its default.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Measure intents and out-of-scope rejection on public sets, with a confusion plot."""
    settings, console = read_settings(), err if as_json else out
    if against is None:
        from bot.evaluation.intents import evaluate_intents

        on_all = on_all_cores(settings)
        figures = evaluate_intents(on_all, data, out_folder, console, sets=sets, tune_encoder=tune_encoder)
    elif tune_encoder:
        raise typer.BadParameter("a tuned encoder is not measured against Rasa; leave out --tune-encoder or --against")
    else:
        from bot.evaluation.against import compare_with_rasa

        figures = compare_with_rasa(settings, data, out_folder, console, sets=sets, epochs=rasa_epochs)
    if as_json:
        print_json(figures)


@evaluate.command("retrieval")
def eval_retrieval(
    data: Data, out_folder: Out = Path(".kefu/eval"), sets: Sets = None, as_json: AsJson = False
) -> None:
    """Measure search on public sets and on the shop's own questions."""
    from bot.evaluation.retrieval import evaluate_retrieval

    figures = evaluate_retrieval(on_all_cores(read_settings()), data, out_folder, err if as_json else out, sets=sets)
    if as_json:
        print_json(figures)


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

    settings, console = on_all_cores(read_settings()), err if as_json else out
    if adapter:
        settings = settings.model_copy(update={"writer_adapter": adapter})
    figures = run(evaluate_answers(settings, data, out_folder, console, sets=sets, most=most))
    if as_json:
        print_json(figures)
    else:
        err.print(f"\nRead it: [bold]{out_folder / 'answers.html'}[/]")


@evaluate.command("conversations")
def eval_conversations(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the public sets, with tau_retail in it.", exists=True, file_okay=False),
    ] = None,
    stories: Annotated[
        Path | None, typer.Option(help="Test stories of Rasa's format to play instead.", exists=True)
    ] = None,
    wishes: Annotated[
        Path | None, typer.Option(help="Wishes below their intents, to be said once each.", exists=True, dir_okay=False)
    ] = None,
    out_folder: Out = Path(".kefu/eval"),
    split: Annotated[str, typer.Option(help="Which tasks: `dev` measures; look at failures on `train`.")] = "dev",
    most: Annotated[int | None, typer.Option(min=1, help="Tasks at most, taken evenly.")] = None,
    own_words: Annotated[bool, typer.Option(help="The shopper answers in its own words, not with options.")] = False,
    hurriedly: Annotated[bool, typer.Option(help="It states wishes in loose words, as people in a hurry do.")] = False,
    trusting: Annotated[bool, typer.Option(help="It says yes to every summary without reading it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure what conversations get done: tau-bench retail's tasks, your own stories, or wishes; writes a report."""
    from bot.cli.kefu import prepare
    from bot.evaluation.conversations import evaluate_conversations
    from bot.evaluation.first_words import WROTE, evaluate_wishes
    from bot.evaluation.story_player import evaluate_stories

    if sum(named is not None for named in (data, stories, wishes)) != 1:
        raise typer.BadParameter("name a folder with --data, or a file with --stories or --wishes.")
    settings, console = read_settings(), err if as_json else out
    prepare(settings.model_copy(update={"writer": "none"}))  # Which is not measured here.
    if stories is not None:
        figures, wrote = run(evaluate_stories(settings, stories, out_folder, console)), "stories.txt"
    elif wishes is not None:
        figures, wrote = run(evaluate_wishes(settings, wishes, out_folder, console)), WROTE
    else:
        assert data is not None
        figures = run(
            evaluate_conversations(
                *(settings, data, out_folder, console),
                split=split,
                most=most,
                own_words=own_words,
                hurriedly=hurriedly,
                trusting=trusting,
            )
        )
        wrote = "conversations.html"
    if as_json:
        print_json(figures)
    else:
        err.print(f"\nRead it: [bold]{out_folder / wrote}[/]")
    if stories is not None and figures["stories"] > figures["passed"]:
        raise typer.Exit(1)
