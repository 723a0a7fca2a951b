"""Measures intents and out-of-scope rejection on public sets and, by cross-validation, on the shop's own examples."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from bot.errors import KnowledgeError, SettingError
from bot.evaluation.measures import auroc, calibration_error
from bot.evaluation.plots import plot_confusions, plot_scope
from bot.models.encoder import Encoder, open_encoders
from bot.settings import Settings
from bot.understanding.elsewhere import ELSEWHERE
from bot.understanding.head import Head, is_out_of_scope
from bot.understanding.learning import Lessons, learn, spoken_name
from bot.understanding.recognizer import INTENTS
from bot.understanding.training_data import read_training_data

SETS = ("clinc150", "banking77", "hint3", "hwu64", "bitext_support", "shop")

REJECT_BELOW = 0.5
"""`in_scope` below which a text counts as rejected: what calibration on the training data alone says it should be."""

_DRAWS = (11, 12, 13, 14, 15)
"""Seeds of the few-shot training sets; the figures are means over them (over the first three with a tuned encoder)."""

_FOLDS = 5

TARGETS: dict[str, tuple[float, float | None]] = {
    "clinc150 in-scope accuracy": (0.955, 0.968),
    "clinc150 out-of-scope AUROC": (0.975, 0.985),
    "banking77 accuracy": (0.935, 0.943),
    "banking77 10-shot accuracy": (0.855, 0.875),
    "banking77 5-shot accuracy": (0.825, 0.845),
    "hint3/sofmattress in-scope accuracy": (0.75, 0.79),
    "hint3/curekart in-scope accuracy": (0.83, 0.87),
    "hint3/sofmattress accuracy with rejection": (0.713, None),
    "hint3/curekart accuracy with rejection": (0.748, None),
}
"""Must and aim."""

Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text."""

    text: str
    intent: str
    bot: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a head said of a set's dev half."""

    truth: Strings
    best: Strings
    """The best intent that is in scope."""
    in_scope: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """Which texts are in scope."""
        return np.array([not is_out_of_scope(intent) for intent in self.truth])

    def figures(self, name: str) -> dict[str, float]:
        """Accuracies, calibration error and, where the set has strangers, how well they are told apart."""
        inside, right = self.inside, self.truth == self.best
        kind = "in-scope accuracy" if not inside.all() else "accuracy"
        figures = {
            f"{name} {kind}": float(right[inside].mean()),
            f"{name} calibration error": calibration_error(self.confidence[inside], right[inside]),
        }
        if not inside.all():
            kept = self.in_scope >= REJECT_BELOW
            figures[f"{name} out-of-scope AUROC"] = auroc(self.in_scope, inside)
            figures[f"{name} accuracy with rejection"] = float(np.where(inside, kept & right, ~kept).mean())
            figures[f"{name} out-of-scope recall"] = float((~kept[~inside]).mean())
            figures[f"{name} in-scope kept"] = float(kept[inside].mean())
        return figures


@dataclass(slots=True)
class Encodings:
    """Encodes texts once: vectors are kept below the data folder, under a name made of the encoder and the texts."""

    encoder: Encoder
    folder: Path

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of ``texts``, shape (texts, dimensions)."""
        digest = hashlib.sha256("\0".join([self.encoder.name, *texts]).encode()).hexdigest()[:24]
        path = self.folder / f"{digest}.npy"
        if path.is_file():
            kept: npt.NDArray[np.float32] = np.load(path, allow_pickle=False)
            return kept
        vectors = self.encoder.encode(texts)
        self.folder.mkdir(parents=True, exist_ok=True)
        np.save(path, vectors)
        return vectors


@dataclass(slots=True)
class _Bench:
    """What all measurements share."""

    settings: Settings
    data: Path
    out: Path
    encodings: Encodings
    tune: bool
    figures: dict[str, float] = field(default_factory=dict)

    def measure(self, name: str, train: Sequence[Row], test: Sequence[Row]) -> Outcome:
        """Learn from ``train``, say what ``test`` means."""
        encodings = self._tuned(train) if self.tune else self.encodings
        head = learn_rows(train, encodings)
        return read_rows(head, test, encodings)

    def _tuned(self, train: Sequence[Row]) -> Encodings:
        from bot.models.tune import tune_encoder

        rows = [row for row in train if not is_out_of_scope(row.intent)]
        names = sorted({row.intent for row in rows})
        texts = [*(row.text for row in rows), *map(spoken_name, names)]
        tuned = tune_encoder(self.settings, texts, [*(row.intent for row in rows), *names])
        return Encodings(tuned.for_language("en"), self.encodings.folder)

    def record(self, name: str, outcome: Outcome) -> None:
        """Keep the figures and draw the plots."""
        self.figures.update(outcome.figures(name))
        stem = name.replace("/", "-").replace(" ", "-")
        inside = outcome.inside
        plot_confusions(name, outcome.truth[inside], outcome.best[inside], self.out / f"intents-{stem}.png")
        if not inside.all():
            plot_scope(name, outcome.in_scope, inside, REJECT_BELOW, self.out / f"intents-{stem}-scope.png")


def evaluate_intents(
    settings: Settings,
    data: Path,
    out: Path,
    console: Console,
    *,
    sets: Sequence[str] | None = None,
    tune_encoder: bool = False,
) -> dict[str, Any]:
    """Measure ``sets`` (all by default) and return every figure; plots and ``intents.json`` go to ``out``.

    Heads learn from the train and valid halves of the public sets in ``data`` and are measured on the dev halves;
    nothing is chosen by looking at dev. The rejection threshold is fixed, and ``in_scope`` is calibrated on training
    data alone. ``tune_encoder`` fine-tunes the encoder on each training set first (minutes each; needs torch).

    Raises:
        SettingError: a set has another name.
        KnowledgeError: a set's files are not in ``data``.
        ModelError: the encoder cannot be opened.
    """
    chosen = list(sets or SETS)
    if unknown := set(chosen) - set(SETS):
        raise SettingError(f"sets = {min(unknown)!r}: no such set. Sets are: {', '.join(SETS)}.")
    out.mkdir(parents=True, exist_ok=True)
    encoder = open_encoders(settings).for_language("en")
    bench = _Bench(settings, data, out, Encodings(encoder, settings.data / "eval" / "encodings"), tune_encoder)
    for name in chosen:
        with console.status(f"Measuring {name} …"):
            _MEASURES[name](bench)
    published = _published(data, chosen)
    console.print(_table(bench.figures, published, tune_encoder))
    report: dict[str, Any] = {
        "encoder": encoder.name,
        "tuned": tune_encoder,
        "figures": {name: round(value, 4) for name, value in bench.figures.items()},
        "targets": {name: {"must": must, "aim": aim} for name, (must, aim) in TARGETS.items()},
        "published": published,
    }
    (out / "intents.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


# ── The sets ──────────────────────────────────────────────────────────────────────────────────────


def _clinc150(bench: _Bench) -> None:
    train = [*_rows(bench, "clinc150/train"), *_rows(bench, "clinc150/valid")]
    bench.record("clinc150", bench.measure("clinc150", train, _rows(bench, "clinc150/dev")))


def _banking77(bench: _Bench) -> None:
    train, test = _rows(bench, "banking77/train"), _rows(bench, "banking77/dev")
    bench.record("banking77", bench.measure("banking77", train, test))
    seeds = _DRAWS[:3] if bench.tune else _DRAWS
    for shots in (10, 5):
        draws = [bench.measure(f"{shots}-shot", _few(train, shots, seed), test) for seed in seeds]
        rights = [float((outcome.truth == outcome.best).mean()) for outcome in draws]
        bench.figures[f"banking77 {shots}-shot accuracy"] = float(np.mean(rights))
        bench.figures[f"banking77 {shots}-shot spread"] = float(np.std(rights))


def _hint3(bench: _Bench) -> None:
    train, test = _rows(bench, "hint3/train"), _rows(bench, "hint3/dev")
    for shop in ("sofmattress", "curekart", "powerplay11"):
        name = f"hint3/{shop}"
        own = [row for row in train if row.bot == shop], [row for row in test if row.bot == shop]
        bench.record(name, bench.measure(name, *own))


def _hwu64(bench: _Bench) -> None:
    bench.record("hwu64", bench.measure("hwu64", _rows(bench, "hwu64/train"), _rows(bench, "hwu64/dev")))


def _bitext_support(bench: _Bench) -> None:
    train = [*_rows(bench, "bitext_support/train"), *_rows(bench, "bitext_support/valid")]
    bench.record("bitext_support", bench.measure("bitext_support", train, _rows(bench, "bitext_support/dev")))


def _shop(bench: _Bench) -> None:
    """The shop's own intents, in each encoder's languages: every example is read by a head that did not learn it."""
    from bot.understanding.training import by_encoder

    data = read_training_data(bench.settings.knowledge / INTENTS)
    for encoder, examples in by_encoder(data, open_encoders(bench.settings)):
        encodings = Encodings(encoder, bench.encodings.folder)
        rows = [Row(example.text, example.intent) for example in examples]
        fold = np.random.default_rng(0).permutation(len(rows)) % _FOLDS
        parts = [
            read_rows(
                learn_rows([row for row, at in zip(rows, fold, strict=True) if at != number], encodings),
                [row for row, at in zip(rows, fold, strict=True) if at == number],
                encodings,
            )
            for number in range(_FOLDS)
        ]
        bench.record(f"shop ({encoder.name.partition('-')[0]})", _joined(parts))


_MEASURES: dict[str, Callable[[_Bench], None]] = {
    "clinc150": _clinc150,
    "banking77": _banking77,
    "hint3": _hint3,
    "hwu64": _hwu64,
    "bitext_support": _bitext_support,
    "shop": _shop,
}


def _rows(bench: _Bench, name: str) -> list[Row]:
    return read_set(bench.data, *name.split("/"), needed=True)


def read_set(data: Path, name: str, half: str, *, needed: bool = False) -> list[Row]:
    """One half of a public set: ``train``, ``valid`` or ``dev``; nothing where a set has no ``valid`` one.

    Raises:
        KnowledgeError: its file is not in ``data``.
    """
    path = data / name / f"{half}.jsonl"
    if half == "valid" and not needed and not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise KnowledgeError(f"{path}: cannot be read. Give the folder of the public sets with --data.") from exc
    records = [json.loads(line) for line in lines]
    return [Row(record["text"], record["intent"], record.get("bot", "")) for record in records]


def _few(rows: Sequence[Row], shots: int, seed: int) -> list[Row]:
    draw = np.random.default_rng(seed)
    chosen: list[Row] = []
    for intent in sorted({row.intent for row in rows}):
        members = [row for row in rows if row.intent == intent]
        chosen += [members[at] for at in draw.permutation(len(members))[:shots]]
    return chosen


def learn_rows(rows: Sequence[Row], encodings: Encodings) -> Head:
    """A head learnt from ``rows``, exactly as the shop's is."""
    intents = tuple(sorted({row.intent for row in rows}))
    number = {intent: at for at, intent in enumerate(intents)}
    texts = [row.text for row in rows]
    strangers = [line for line in ELSEWHERE if line.isascii() or "e5" in encodings.encoder.name]
    return learn(
        Lessons(
            texts=texts,
            vectors=encodings(texts),
            labels=np.array([number[row.intent] for row in rows], np.intp),
            intents=intents,
            names=encodings([spoken_name(intent) for intent in intents]),
            strangers=strangers,
            stranger_vectors=encodings(strangers),
        ),
        encodings.encoder.name,
        "evaluation",
    )


def read_rows(head: Head, rows: Sequence[Row], encodings: Encodings) -> Outcome:
    """What ``head`` says of ``rows``."""
    texts = [row.text for row in rows]
    readings = head.read(texts, encodings(texts))
    best = [next(intent for intent in ranked if not is_out_of_scope(intent.name)) for ranked, _ in readings]
    return Outcome(
        truth=np.array([row.intent for row in rows]),
        best=np.array([intent.name for intent in best]),
        in_scope=np.array([scope for _, scope in readings], np.float32),
        confidence=np.array([intent.confidence for intent in best], np.float32),
    )


def _joined(parts: Sequence[Outcome]) -> Outcome:
    def gather(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in parts])

    return Outcome(gather("truth"), gather("best"), gather("in_scope"), gather("confidence"))


# ── The table ─────────────────────────────────────────────────────────────────────────────────────


def _published(data: Path, sets: Iterable[str]) -> dict[str, dict[str, float]]:
    """Accuracy with rejection of each published platform at the threshold that suits it best on these rows."""
    path = data / "hint3" / "published_baselines_dev.json"
    if "hint3" not in sets or not path.is_file():
        return {}
    best: dict[str, dict[str, float]] = {}
    for key, thresholds in json.loads(path.read_text(encoding="utf-8")).items():
        parts = key.split("/")
        platform, shop = parts[0], "/".join(parts[1:])
        at = {threshold: figure["accuracy"] for threshold, figure in thresholds.items()}
        best.setdefault(f"hint3/{shop}", {})[platform] = max(at.values())
    return best


def _table(figures: dict[str, float], published: dict[str, dict[str, float]], tuned: bool) -> Table:
    table = Table(title=f"Intents, {'tuned' if tuned else 'frozen'} encoder (per cent)", title_justify="left")
    table.add_column("figure")
    for column in ("value", "must", "aim", ""):
        table.add_column(column, justify="right")
    for name, value in figures.items():
        must, aim = TARGETS.get(name, (None, None))
        others = published.get(name.partition(" ")[0], {}) if name.endswith("with rejection") else {}
        if others:
            rival = max(others, key=lambda platform: others[platform])
            name = f"{name} [dim](best published, at its best threshold: {rival} {others[rival]:.1%})[/]"
        reached = "" if must is None else _mark(value, must, aim)
        table.add_row(name, f"{100 * value:.1f}", _percent(must), _percent(aim), reached)
    return table


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _mark(value: float, must: float, aim: float | None) -> str:
    if value < must:
        return "[red]below must[/]"
    return "[green]aim[/]" if aim is None or value >= aim else "[yellow]must[/]"
