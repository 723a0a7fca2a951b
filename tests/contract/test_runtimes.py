"""What a decoder promises on either runtime, transformers or OpenVINO, over the packaged model and over small ones."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import ModelError
from bot.generation.decoder import CONTEXT, Decoder, PromptTooLong
from bot.generation.decoder_process import _open
from bot.generation.prompt import build_prompt
from bot.generation.sentences import CUT
from bot.models.causal import plain_folder
from bot.models.chat import read_speech
from bot.models.paged import PagedRows, open_paged
from bot.records import Kind, Passage, PassageId

DATA = Path(__file__).parents[2] / ".kefu"
TOKENS = 14

RETURNS = "You can return unused items within 30 days after delivery. Returns are free in the Netherlands."
CHATS = [
    build_prompt(question, [Passage(PassageId("p"), Kind.POLICY, "Returns", RETURNS, "p.md")], "en")
    for question in ("How long can I return?", "Are returns free?", "Where do I live?")
] + [[{"role": "user", "content": "请用中文说：你好，欢迎光临！😀"}]]

Open = Callable[..., Decoder]


@pytest.fixture(scope="module")
def folder() -> Path:
    return plain_folder("packaged", DATA / "models")


@pytest.fixture(scope="module")
def rows(folder: Path) -> Iterator[dict[str, Any]]:
    import torch

    from bot.generation.torch_rows import TorchRows
    from bot.models.causal import load

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    exact, _ = load(folder, exact=True)
    yield {
        "transformers": TorchRows(exact, 3, CONTEXT),
        "openvino": open_paged(folder, 3, CONTEXT, threads=1),
    }
    torch.set_num_threads(before)


@pytest.fixture(params=["transformers", "openvino"])
def opened(request: pytest.FixtureRequest, rows: dict[str, Any], folder: Path) -> Open:
    """Opens decoders of three seats on one runtime; what they hold of those before does not show."""
    return lambda max_new=TOKENS: Decoder(rows[request.param], read_speech(folder), max_new)


def run(decoder: Decoder, joins: dict[int, int], leaves: dict[int, int] | None = None) -> dict[int, str]:
    """Decode CHATS[i], joining before step ``joins[i]``; ``leaves`` maps a reply to the step before which it goes."""
    replies = dict.fromkeys(joins, "")
    step = 0
    while decoder.active or step <= max(joins.values()):
        pieces = [decoder.join(number, CHATS[number]) for number, at in joins.items() if at == step]
        for number in [number for number, at in (leaves or {}).items() if at == step]:
            decoder.leave(number)
        pieces += decoder.step() if decoder.active else []
        for piece in pieces:
            replies[piece.reply] += piece.text
        step += 1
    return replies


def likeness(one: str, other: str) -> float:
    """F1 of the words of two texts."""
    common = Counter(one.split()) & Counter(other.split())
    return 2 * common.total() / (len(one.split()) + len(other.split()))


def test_that_replies_decoded_together_are_those_decoded_alone(opened: Open) -> None:
    decoder = opened()
    alone = {number: run(decoder, {number: 0})[number] for number in range(4)}
    # The fourth joins when seats are free again: 14 tokens end the others before step 16.
    together = run(opened(), {0: 0, 1: 0, 2: 3, 3: 18})
    assert together.keys() == alone.keys()
    assert sum(together[number] == alone[number] for number in alone) >= 3
    assert min(likeness(together[number], alone[number]) for number in alone) > 0.3


def test_that_a_reply_that_leaves_lets_the_others_go_on(opened: Open) -> None:
    decoder = opened()
    alone = {number: run(decoder, {number: 0})[number] for number in (0, 1, 2)}
    together = run(decoder, {0: 0, 1: 0, 2: 2}, leaves={0: 4})
    assert alone[0].startswith(together[0])
    assert len(together[0]) < len(alone[0])
    assert likeness(together[1], alone[1]) > 0.7
    assert likeness(together[2], alone[2]) > 0.7


def test_that_it_is_full_when_all_seats_are_taken_and_free_when_all_have_left(opened: Open) -> None:
    decoder = opened()
    for number in range(3):
        assert not decoder.full
        decoder.join(number, CHATS[number])
    assert (decoder.full, decoder.active) == (True, 3)
    for number in (1, 0, 2, 7):  # Nobody is 7: leaving twice, or never having joined, is no mistake.
        decoder.leave(number)
    assert (decoder.full, decoder.active) == (False, 0)


def test_that_a_reply_is_cut_at_its_limit_and_says_so(opened: Open) -> None:
    decoder = opened(max_new=3)
    pieces = [decoder.join(5, CHATS[0])]
    while decoder.active:
        pieces += decoder.step()
    assert [piece.last for piece in pieces] == [False, False, True]
    assert {piece.reply for piece in pieces} == {5}
    assert pieces[-1].text.endswith(CUT)


def test_that_a_reply_that_ends_by_itself_is_not_cut(opened: Open) -> None:
    text = run(opened(max_new=80), {1: 0})[1]
    assert text.strip()
    assert not text.endswith(CUT)
    assert "<|im_" not in text


def test_that_a_prompt_without_room_for_a_reply_is_refused_and_harms_nobody(opened: Open) -> None:
    decoder = opened()
    first = decoder.join(0, CHATS[0]).text
    with pytest.raises(PromptTooLong):
        decoder.join(1, [{"role": "user", "content": "word " * CONTEXT}])
    assert decoder.active == 1
    while decoder.active:
        first += "".join(piece.text for piece in decoder.step())
    assert first == run(opened(), {0: 0})[0]


def test_that_a_prompt_may_fill_all_the_room_there_is(opened: Open) -> None:
    decoder = opened()
    for words in range(CONTEXT, 0, -1):
        try:
            decoder.join(0, [{"role": "user", "content": "word " * words}])
            break
        except PromptTooLong:
            continue
    while decoder.active:
        decoder.step()


def test_that_both_runtimes_mostly_choose_the_same_words(rows: dict[str, Any], folder: Path) -> None:
    """One different word changes all that follow, so each choice is compared after the same words before it."""
    speech = read_speech(folder)
    agreed = total = 0
    for number, chat in enumerate(CHATS):
        reply = run(Decoder(rows["transformers"], speech, 40), {number: 0})[number].removesuffix(CUT)
        prompt = speech.tokenizer.encode(speech.render(chat), add_special_tokens=False).ids
        words = speech.tokenizer.encode(reply, add_special_tokens=False).ids
        for at in range(len(words)):
            tokens, start = (prompt, 0) if at == 0 else (words[at - 1 : at], len(prompt) + at - 1)
            chosen = {name: int(found.read(0, [tokens], [start])[0].argmax()) for name, found in rows.items()}
            agreed += len(set(chosen.values())) == 1
            total += 1
    assert agreed / total > 0.9


def test_that_chats_are_rendered_as_transformers_renders_them(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    for chat in CHATS:
        expected = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        assert read_speech(folder).render(chat) == expected


@pytest.mark.parametrize("change", [{}, {"tie_word_embeddings": True}, {"num_key_value_heads": 4}, {"head_dim": 32}])
def test_that_any_plain_llama_scores_as_in_transformers(tmp_path: Path, change: dict[str, Any]) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    settings = {"num_key_value_heads": 2, "tie_word_embeddings": False} | change
    config = LlamaConfig(
        vocab_size=320, hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, **settings
    )
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(tmp_path, max_shard_size="100KB")
    tokens = torch.randint(0, 320, (2, 50)).tolist()
    with torch.inference_mode():
        expected = model(torch.tensor(tokens)).logits[:, -1].numpy()
    paged = open_paged(tmp_path, rows=3, tokens=64, threads=1)
    for row in (0, 1):
        paged.read(row, [tokens[row][:40]], [0])
    paged.copy(1, 2, 40)
    # Each is good until the next call only.
    found = np.concatenate([paged.read(row, [tokens[at][40:]], [40]).copy() for row, at in ((0, 0), (2, 1))])
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "qwen2"},
        {"rope_parameters": {"rope_type": "yarn"}},
        {"attention_bias": True},
        {"hidden_act": "gelu"},
    ],
)
def test_that_what_is_no_plain_llama_is_refused_by_name(folder: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | change), encoding="utf-8")
    with pytest.raises(ModelError, match=next(iter(change))):
        open_paged(tmp_path, 1, CONTEXT, threads=1)


def test_that_auto_takes_openvino_and_falls_back_on_transformers(folder: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

    from bot.generation.torch_rows import TorchRows

    config = Qwen2Config(
        vocab_size=49152, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
    )
    Qwen2ForCausalLM(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(tmp_path)
    threads = torch.get_num_threads()
    assert isinstance(_open(folder, 1, threads, "auto")._rows, PagedRows)
    assert isinstance(_open(tmp_path, 1, threads, "auto")._rows, TorchRows)
    with pytest.raises(ModelError, match="qwen2"):
        _open(tmp_path, 1, threads, "openvino")


def test_that_a_damaged_model_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="cannot load"):
        open_paged(tmp_path, 1, CONTEXT, threads=1)


def test_that_openvino_reports_to_nobody() -> None:
    """Its package comes with one that sends what it is used for to Google Analytics."""
    seen = (
        "import sys, bot.models.llama; print(sys.modules.get('openvino_telemetry', 'asked'), 'openvino' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "True"]
