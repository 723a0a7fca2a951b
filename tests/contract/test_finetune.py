"""`kefu train writer` as a shop runs it, on a tiny real model: killed and resumed, fed badly, loaded wrongly."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from bot.errors import ModelError
from bot.generation.packing import GRAIN, Row, pack, size
from bot.models.adapter import CARD, SHIPPED, WEIGHTS, find_adapter, is_worth_serving
from bot.models.causal import load, open_causal, plain_folder
from tests.tiny_model import make_tiny_model

ROOT = Path(__file__).parents[2]
MODELS = ROOT / ".kefu" / "models"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"), MODELS)


@pytest.fixture(scope="module")
def lessons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 lessons, five to a passage."""
    path = tmp_path_factory.mktemp("lessons") / "my.jsonl"
    rows = [
        {
            "passages": [
                {"title": "Opening", "text": f"Shop {number // 5} opens at {number // 5 % 12}:00. It is big."}
            ],
            "question": f"when does shop {number // 5} open, {number}?",
            "reply": f"Shop {number // 5} opens at {number // 5 % 12}:00.",
        }
        for number in range(200)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def command(tiny: Path, lessons: Path, out: Path, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "bot.cli", "train", "writer", "--model", str(tiny), "--start", "none", "--no-shop",
        "--data", str(lessons), "--out", str(out), "--epochs", "6", "--rate", "0.01", *more,
    ]  # fmt: skip


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KEFU_")}
    environment |= {"KEFU_DATA": str(folder), "COLUMNS": "200"}
    return subprocess.run(
        arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def trained(tiny: Path, lessons: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of an undisturbed training."""
    out = tmp_path_factory.mktemp("out") / "whole"
    done = run(command(tiny, lessons, out), out.parent)
    assert done.returncode == 0, done.stderr
    return out


def test_that_training_leaves_an_adapter_its_card_its_curves_and_its_log(trained: Path) -> None:
    assert {path.name for path in trained.iterdir()} >= {
        WEIGHTS,
        "adapter_config.json",
        CARD,
        "log.jsonl",
        "curves.png",
    }
    assert not [*trained.glob("*checkpoint*")]
    card = json.loads((trained / CARD).read_text(encoding="utf-8"))
    assert card["lessons"] == {"my": 160}
    assert card["held_out"] == 40
    assert set(card["gate"]) == {"passed", "tuned", "quoted"}
    steps = [line for line in lines(trained) if "loss" in line]
    assert [line["step"] for line in steps] == list(range(1, card["steps"] + 1))
    assert steps[-1]["loss"] < steps[0]["loss"] - 0.1


def test_that_a_training_killed_half_way_ends_where_an_undisturbed_one_does(
    tiny: Path, lessons: Path, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    environment = os.environ | {"KEFU_DATA": str(tmp_path)}
    with subprocess.Popen(
        command(tiny, lessons, out), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 120
        while not [*out.glob("checkpoint-*/state.json")]:
            assert process.poll() is None, "it ended before its first checkpoint"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not (out / CARD).exists()
    done = run(command(tiny, lessons, out), tmp_path)
    assert done.returncode == 0, done.stderr
    card = json.loads((out / CARD).read_text(encoding="utf-8"))
    assert card["resumed_at"] > 0
    whole, resumed = lines(trained)[-1], lines(out)[-1]
    assert resumed["step"] == whole["step"]
    assert math.isclose(resumed["held_out_loss"], whole["held_out_loss"], rel_tol=0.01)
    assert [line["step"] for line in lines(out) if "loss" in line] == list(range(1, card["steps"] + 1))


def test_that_other_lessons_do_not_go_on_with_the_old_run(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    out = tmp_path / "other"
    assert run(command(tiny, lessons, out, "--epochs", "1"), tmp_path).returncode == 0
    assert run(command(tiny, lessons, out, "--epochs", "1", "--seed", "8"), tmp_path).returncode == 0
    assert json.loads((out / CARD).read_text(encoding="utf-8"))["resumed_at"] == 0


def test_that_bad_rows_are_told_and_too_few_lessons_are_an_error(tiny: Path, lessons: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(["{broken", *lessons.read_text(encoding="utf-8").splitlines()[:5]]), encoding="utf-8")
    done = run(command(tiny, few, tmp_path / "o"), tmp_path)
    assert done.returncode == 1
    assert "5 lessons with a reply, and 20 are the least" in done.stderr
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    done = run(command(tiny, empty, tmp_path / "o"), tmp_path)
    assert "empty.jsonl: holds no lesson" in done.stderr
    assert "Traceback" not in done.stderr
    some = tmp_path / "some.jsonl"
    some.write_text("\n".join(["{broken", *lessons.read_text(encoding="utf-8").splitlines()]), encoding="utf-8")
    done = run(command(tiny, some, tmp_path / "p", "--epochs", "0.5"), tmp_path)
    assert f"left out: {some}:1: not JSON" in done.stderr


# ── Adapters ──────────────────────────────────────────────────────────────────────────────────────


def test_that_a_merged_model_computes_what_model_and_adapter_do(tiny: Path, trained: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_bytes((trained / "adapter_config.json").read_bytes())
    torch.manual_seed(3)
    changes = {name: torch.randn_like(weight) * 0.1 for name, weight in load_file(trained / WEIGHTS).items()}
    save_file(changes, adapter / WEIGHTS, metadata={"format": "pt"})
    merged, tokenizer = load(plain_folder(str(tiny), tmp_path, str(adapter)), exact=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        beside = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32), adapter)
    tokens = tokenizer("When does shop 3 open?", return_tensors="pt").input_ids
    with torch.inference_mode():
        base = load(tiny, exact=True)[0](tokens).logits
        rounded = (merged(tokens).logits - beside(tokens).logits).abs().mean()
        learnt = (merged(tokens).logits - base).abs().mean()
    assert rounded < 0.25 * learnt, (rounded, learnt)
    assert plain_folder(str(tiny), tmp_path, str(adapter)) == plain_folder(str(tiny), tmp_path, str(adapter))


def test_that_kefu_merge_writes_a_folder_that_needs_nothing_of_ours(tiny: Path, trained: Path, tmp_path: Path) -> None:
    """What `vllm serve FOLDER` reads: a configuration, a tokenizer with its chat template, and safetensors."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    out = tmp_path / "merged"
    told = [sys.executable, "-m", "bot.cli", "merge", str(out), "--model", str(tiny), "--adapter", str(trained)]
    assert run(told, tmp_path).returncode == 0
    names = {path.name for path in out.iterdir()}
    assert {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"} <= names
    assert "adapter_config.json" not in names
    model = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(out, local_files_only=True)
    chat = [{"role": "user", "content": "When does shop 3 open?"}]
    tokens = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    ours, _ = load(plain_folder(str(tiny), tmp_path, str(trained)), exact=True)
    with torch.inference_mode():
        assert torch.equal(model(**tokens).logits, ours(**tokens).logits)
    again = run(told, tmp_path)
    assert again.returncode == 1
    assert str(out) in again.stderr


def test_that_an_adapter_that_is_no_better_than_quoting_is_not_served(
    tiny: Path, trained: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert find_adapter(str(trained), str(tiny)) is not None
    for passed in (True, False):
        folder = tmp_path / str(passed)
        shutil.copytree(trained, folder)
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        card["gate"]["passed"] = passed
        (folder / CARD).write_text(json.dumps(card), encoding="utf-8")
        assert is_worth_serving(str(tiny), str(folder)) is passed
    assert "quoting is better" in caplog.text


def test_that_a_corrupt_adapter_is_named(tiny: Path, trained: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in trained.iterdir():
        if path.is_file():
            (broken / path.name).write_bytes(path.read_bytes())
    weights = (broken / WEIGHTS).read_bytes()
    (broken / WEIGHTS).write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match=r"broken: the adapter is damaged"):
        open_causal(str(tiny), tmp_path / "models", str(broken))
    assert not list((tmp_path / "models").glob("*")), "half a model was left behind"
    (broken / WEIGHTS).unlink()
    with pytest.raises(ModelError, match="no adapter there"):
        open_causal(str(tiny), tmp_path / "models", str(broken))


def test_that_an_adapter_of_another_model_is_refused(tiny: Path, trained: Path, tmp_path: Path) -> None:
    other = make_tiny_model(tmp_path / "other", MODELS, width=64)
    with pytest.raises(ModelError, match=r"was trained on .*, not on other"):
        open_causal(str(other), tmp_path / "models", str(trained))
    (bare := tmp_path / "bare").mkdir()
    for name in (WEIGHTS, "adapter_config.json"):
        (bare / name).write_bytes((trained / name).read_bytes())
    with pytest.raises(ModelError, match="damaged or of another model"):
        open_causal(str(other), tmp_path / "models", str(bare))


def test_that_the_shipped_adapter_is_small_passed_its_gate_and_fits_the_packaged_model() -> None:
    adapter = find_adapter("packaged", "packaged")
    assert adapter is not None
    assert adapter.served
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 12_000_000
    assert find_adapter("packaged", str(ROOT)) is None


# ── Packs ─────────────────────────────────────────────────────────────────────────────────────────


def test_that_a_pack_has_the_loss_of_its_rows_read_one_by_one(tiny: Path) -> None:
    model, _ = load(tiny, exact=True)
    rows = [
        Row((1, 5, 6, 7, 8), (9, 10, 2)),
        Row((1, 5, 6, 7, 11, 12), (13, 2)),
        Row((1, 5, 6, 7, 8), (9, 14, 2)),
        Row((3, 4), (5, 2)),
        Row((1, 5, 6, 7, 8), (9, 10, 2)),
    ]
    packed = pack(rows)
    assert size(rows) < sum(len(row.prompt) + len(row.reply) for row in rows)
    assert size(rows) <= len(packed.tokens) < size(rows) + GRAIN
    with torch.inference_mode():
        scores = model(
            input_ids=packed.tokens[None],
            position_ids=packed.positions[None],
            attention_mask=packed.mask[None, None],
            logits_to_keep=packed.asked,
            use_cache=False,
        ).logits[0]
        together = torch.nn.functional.cross_entropy(scores, packed.wanted, reduction="sum")
        alone = 0.0
        for row in rows:
            logits = model(torch.tensor([[*row.prompt, *row.reply]])).logits[0, len(row.prompt) - 1 : -1]
            alone += float(torch.nn.functional.cross_entropy(logits, torch.tensor(row.reply), reduction="sum"))
    assert math.isclose(float(together), alone, rel_tol=1e-4)
