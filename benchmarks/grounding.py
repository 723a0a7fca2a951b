"""How well the claim check tells attributable replies from others: BEGIN (dev), and this project's own sentences.

    python -m benchmarks.grounding [--data ../shared/data]

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

from bot.grounding.judge import judge
from bot.grounding.library import read_sources, spell
from bot.grounding.said import take_apart
from bot.grounding.verdict import GroundingChecker
from bot.grounding.words import tokens
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane
from bot.records import Kind, Passage, PassageId
from bot.settings import Settings
from tests.grounding_cases import cases


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Probability that a positive has a higher score than a negative; ties count half."""
    values = np.asarray(scores)
    truth = np.asarray(labels)
    positives, negatives = np.sort(values[truth]), np.sort(values[~truth])
    below = np.searchsorted(negatives, positives, "left") + np.searchsorted(negatives, positives, "right")
    return float(below.sum() / 2 / (len(positives) * len(negatives)))


async def begin(data: Path, lane: EncoderLane) -> None:
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


def share(reply: str, source: str) -> float:
    said = {token.low for token in tokens(reply) if token.is_word}
    return len(said & {token.low for token in tokens(source)}) / max(1, len(said))


async def own(lane: EncoderLane) -> None:
    checker = GroundingChecker(lane)
    started = time.perf_counter()
    verdicts = [(case.kind, await checker.check(case.sentence, case.sources, case.question)) for case in cases()]
    spent = time.perf_counter() - started
    print(f"Own sentences over the demo shop's passages: {len(verdicts)} in {spent / len(verdicts) * 1000:.1f} ms each")
    for kind, name in (
        ("true", "paraphrases shown"),
        ("hard", "changed hard claims refused"),
        ("soft", "bent refused"),
    ):
        group = [verdict.supported == (kind == "true") for k, verdict in verdicts if k == kind]
        print(f"  {name}: {sum(group)} of {len(group)}")
    overlap = [share(case.sentence, " ".join(source.text for source in case.sources)) for case in cases()]
    print(f"  AUROC of token overlap: {auroc(overlap, [case.kind == 'true' for case in cases()]):.3f}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments = parser.parse_args()
    lane = EncoderLane(open_encoders(Settings()))
    await own(lane)
    await begin(arguments.data, lane)
    await lane.close()


if __name__ == "__main__":
    asyncio.run(main())
