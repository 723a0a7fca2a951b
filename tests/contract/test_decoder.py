"""Decoding together changes nothing but the speed: in float32 every reply is the one that it would be alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.generation import decoder as decoding
from bot.generation.decoder import CONTEXT, Decoder, PromptTooLong
from bot.generation.sentences import CUT
from bot.generation.torch_rows import TorchRows, speech_of
from bot.models.causal import open_causal

DATA = Path(__file__).parents[2] / ".kefu"
TOKENS = 14

CHATS = [
    [{"role": "user", "content": content}]
    for content in (
        "Returns are free within 30 days. How long can I return?",
        "Returns are free within 30 days. What is your favourite tent, and why do you like it so much?",
        "Name three colours.",
        "请用中文说：你好，欢迎光临！😀",
    )
]


@pytest.fixture(scope="module")
def model() -> Iterator[tuple[Any, Any]]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield open_causal("packaged", DATA / "models", exact=True)
    torch.set_num_threads(before)


def decoder_of(model: tuple[Any, Any], seats: int) -> Decoder:
    return Decoder(TorchRows(model[0], seats, CONTEXT), speech_of(*model), TOKENS)


def run(decoder: Decoder, joins: Sequence[int], leaves: dict[int, int] | None = None) -> dict[int, str]:
    """Decode CHATS[i], joining before step ``joins[i]``; ``leaves`` maps a reply to the step before which it goes."""
    replies = dict.fromkeys(range(len(joins)), "")
    step = 0
    while decoder.active or step <= max(joins):
        pieces = [decoder.join(number, CHATS[number]) for number, at in enumerate(joins) if at == step]
        for number, at in (leaves or {}).items():
            if at == step:
                decoder.leave(number)
        pieces += decoder.step() if decoder.active else []
        for piece in pieces:
            replies[piece.reply] += piece.text
        step += 1
    return replies


def alone(model: tuple[Any, Any], number: int) -> str:
    decoder = decoder_of(model, 1)
    text = decoder.join(number, CHATS[number]).text
    while decoder.active:
        text += "".join(piece.text for piece in decoder.step())
    return text


def test_that_replies_decoded_together_are_those_decoded_alone(model: tuple[Any, Any]) -> None:
    expected = {number: alone(model, number) for number in range(len(CHATS))}
    assert run(decoder_of(model, 4), [0, 0, 3, 5]) == expected


def test_that_a_reply_that_leaves_changes_no_other(model: tuple[Any, Any]) -> None:
    together = run(decoder_of(model, 4), [0, 0, 2, 2], leaves={0: 4})
    assert {number: together[number] for number in (1, 2, 3)} == {number: alone(model, number) for number in (1, 2, 3)}
    assert alone(model, 0).startswith(together[0])


def test_that_a_seat_serves_one_reply_after_another(model: tuple[Any, Any]) -> None:
    decoder = decoder_of(model, 1)
    for number in (0, 1, 0):  # The second and third read what they share with the one before from its seat.
        text = decoder.join(number, CHATS[number]).text
        assert decoder.full
        while decoder.active:
            text += "".join(piece.text for piece in decoder.step())
        assert text == alone(model, number)


def test_that_without_penalty_it_is_the_greedy_search_of_transformers(
    model: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "REPETITION_PENALTY", 1.0)
    language_model, tokenizer = model
    inputs = tokenizer.apply_chat_template(CHATS[1], add_generation_prompt=True, return_tensors="pt", return_dict=True)
    tokens = language_model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
    expected = tokenizer.decode(tokens[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert alone(model, 1) == expected + CUT


def test_that_a_prompt_without_room_for_a_reply_is_refused_and_harms_nobody(model: tuple[Any, Any]) -> None:
    decoder = decoder_of(model, 2)
    decoder.join(0, CHATS[0])
    with pytest.raises(PromptTooLong):
        decoder.join(1, [{"role": "user", "content": "word " * CONTEXT}])
    assert decoder.active == 1
