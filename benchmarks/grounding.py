"""How well the check tells attributable replies from others: BEGIN (dev), and this project's own sentences.

    python -m benchmarks.grounding [--data ../shared/data] [--classifier FOLDER]

Own sentences are judged by the rules alone, and by the rules with the support classifier (the one that is shipped, or
the one in FOLDER). What it tells apart of what rules do not, by kind of falsehood, is measured over the passages that
nothing was learnt from (``bot/lessons/checker.py``).

BEGIN is open-domain chat (Wikipedia, films, news) in lower-cased tokens, nothing like a shop: it is for orientation,
and nothing is tuned on it. The check decides yes or no; for an AUROC its reasons are counted: the share of claims and
words that stand in the source, and the cosine to it. Beside it stands plain token overlap, the share of the reply's
words that the source has.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bot.errors import ModelError
from bot.grounding.judge import judge
from bot.grounding.library import read_sources, spell
from bot.grounding.said import take_apart
from bot.grounding.verdict import GroundingChecker
from bot.grounding.window import read_as
from bot.lessons.checker import SEED, gather, measure, pass_rules
from bot.lessons.measures import auroc
from bot.lessons.measures import overlap as share
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane, PairLane
from bot.models.pairs import SUPPORT, PairClassifier, open_pairs
from bot.records import Kind, Passage, PassageId, Verdict
from bot.settings import Settings
from tests.grounding_cases import cases


async def begin(data: Path, lane: EncoderLane, classifier: PairClassifier | None) -> None:
    rows = [json.loads(line) for line in (data / "begin" / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    checker = GroundingChecker(lane)
    labels, ours, overlap, passed = [], [], [], []
    for number, row in enumerate(rows):
        source = Passage(PassageId(str(number)), Kind.POLICY, "", row["knowledge"], "begin")
        labels.append(row["label"] == "Fully attributable")
        ours.append(await graded(row["response"], source, row["message"], lane))
        overlap.append(share(row["response"], row["knowledge"]))
        passed.append((await checker.check(row["response"], [source], row["message"])).supported)
    truth, shown = np.asarray(labels), np.asarray(passed)
    print(f"BEGIN dev: {len(rows)} replies, {truth.sum()} fully attributable")
    print(f"  AUROC  token overlap {auroc(overlap, labels):.3f}   claim check, graded {auroc(ours, labels):.3f}")
    if classifier:
        pairs = [read_as("", row["knowledge"], take_apart(spell(row["response"])).statement) for row in rows]
        said = classifier.probabilities(pairs)
        print(f"         support classifier {auroc(said, labels):.3f}")
        print(f"         its mean rank with overlap's {auroc(_ranks(said) + _ranks(overlap), labels):.3f}")
    print(
        f"  shown: {shown[truth].mean():.1%} of the attributable, {shown[~truth].mean():.1%} of the others; "
        f"{truth[shown].mean():.1%} of what is shown is attributable ({truth.mean():.1%} of all)"
    )
    # Plain overlap, cut where it shows as many of the others.
    cut = float(np.quantile(np.asarray(overlap)[~truth], 1 - shown[~truth].mean()))
    reached = (np.asarray(overlap)[truth] > cut).mean()
    print(f"  token overlap, at that rate of others, shows {reached:.1%} of the attributable")


async def graded(reply: str, source: Passage, message: str, lane: EncoderLane) -> float:
    finding = judge(take_apart(spell(reply[:600])), read_sources([source]), spell(message[:600]))
    hard = [claim for claim in finding.claims if claim.kind != "statement"]
    held = sum(claim.supported for claim in hard) / len(hard) if hard else 1.0
    vectors = [(await lane.encode(text, "en"))[0] for text in (reply, source.text)]
    return held + share(reply, source.text) + float(np.dot(*vectors)) + 0.5 * finding.supported


def _ranks(values: Sequence[float]) -> np.ndarray:
    return np.argsort(np.argsort(np.asarray(values))).astype(float)


async def own(lane: EncoderLane, support: PairLane | None) -> None:
    alone = await _judged(GroundingChecker(lane))
    _print_own("rules", alone)
    if support:
        both = await _judged(GroundingChecker(lane, support=support))
        _print_own("rules and classifier", both)
        for case, rules, verdict in zip(cases(), alone, both, strict=True):
            if rules.supported and not verdict.supported:
                print(f"    {case.kind}, refused by the classifier: {verdict.sentence} {verdict.claims[-1].reason}")
    overlap = [share(case.sentence, " ".join(source.text for source in case.sources)) for case in cases()]
    print(f"  AUROC of token overlap: {auroc(overlap, [case.kind == 'true' for case in cases()]):.3f}")


async def _judged(checker: GroundingChecker) -> list[Verdict]:
    started = time.perf_counter()
    verdicts = [await checker.check(case.sentence, case.sources, case.question) for case in cases()]
    spent = (time.perf_counter() - started) / len(verdicts)
    print(f"Own sentences over the demo shop's passages: {len(verdicts)} in {spent * 1000:.1f} ms each")
    return verdicts


def _print_own(name: str, verdicts: Sequence[Verdict]) -> None:
    for kind, what in (
        ("true", "paraphrases shown"),
        ("hard", "changed hard claims refused"),
        ("soft", "bent refused"),
    ):
        group = [
            v.supported == (kind == "true") for case, v in zip(cases(), verdicts, strict=True) if case.kind == kind
        ]
        print(f"  {name}: {what}: {sum(group)} of {len(group)}")


async def held_out(classifier: PairClassifier) -> None:
    pairs = gather(None, SEED).held_out
    passed = await pass_rules(Settings(), pairs)
    reads = [pair.read for pair in pairs]
    started = time.perf_counter()
    said = classifier.probabilities(reads)
    spent = (time.perf_counter() - started) / len(reads)
    alone = _alone(classifier, reads[:200])
    figures = measure(pairs, said, passed, classifier.calibration)
    print(f"Held-out passages: {len(pairs)} pairs, {spent * 1000:.2f} ms each in batches, {alone * 1000:.2f} ms alone")
    for name, found in figures.items():
        print(f"  {name}: {found}")


def _alone(classifier: PairClassifier, pairs: Sequence[tuple[str, str]]) -> float:
    started = time.perf_counter()
    for pair in pairs:
        classifier.probabilities([pair])
    return (time.perf_counter() - started) / len(pairs)


def _open(folder: Path) -> PairClassifier | None:
    try:
        return open_pairs(Settings(), folder)
    except ModelError as exc:
        print(f"without the support classifier: {exc}")
        return None


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--classifier", type=Path, default=SUPPORT)
    arguments = parser.parse_args()
    lane = EncoderLane(open_encoders(Settings()))
    classifier = _open(arguments.classifier)
    support = PairLane(classifier) if classifier else None
    await own(lane, support)
    if classifier:
        await held_out(classifier)
    await begin(arguments.data, lane, classifier)
    await lane.close()
    if support:
        await support.close()


if __name__ == "__main__":
    asyncio.run(main())
