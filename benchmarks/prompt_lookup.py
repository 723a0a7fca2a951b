"""Whether replies come faster when the next words are guessed from the prompt: prompt lookup decoding (Saxena 2023).

    python -m benchmarks.prompt_lookup [--questions 16] [--threads 2]

Replies copy from their passage, so that a run of words after the last one written is likely what comes next; the model
checks a guess of several tokens in one step. transformers writes every reply alone, with and without it, in turns, with
the key-value cache and greedy both times. OpenVINO's own is not looked at: its paged cache serves eight shoppers
together, and a guess is worth least where steps are full.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.runtimes import prompts
from bot.generation.decoder import MAX_NEW_TOKENS
from bot.models.causal import open_causal

GUESSED = 10
"""Tokens that are guessed at once, as in transformers' own examples."""


def write(model: Any, tokenizer: Any, chat: Any, guessed: int | None) -> tuple[str, int, float]:
    """A reply, its tokens and its seconds."""
    text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    read = tokenizer(text, add_special_tokens=False, return_tensors="pt")
    began = time.perf_counter()
    with torch.inference_mode():
        written = model.generate(
            **read,
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            prompt_lookup_num_tokens=guessed,
            pad_token_id=tokenizer.eos_token_id,
        )[0][read.input_ids.shape[1] :]
    return tokenizer.decode(written, skip_special_tokens=True), len(written), time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--questions", type=int, default=16)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--data", type=Path, default=Path(".kefu"))
    chosen = options.parse_args()
    torch.set_num_threads(chosen.threads)
    model, tokenizer = open_causal("packaged", (chosen.data / "models").resolve(), "packaged")
    chats = prompts()
    asked = [chats[at * len(chats) // chosen.questions] for at in range(chosen.questions)]
    write(model, tokenizer, asked[0], None)
    write(model, tokenizer, asked[0], GUESSED)
    pairs = [(write(model, tokenizer, chat, None), write(model, tokenizer, chat, GUESSED)) for chat in asked]
    plain, guessed = zip(*pairs, strict=True)
    for name, replies in (("plain", plain), ("prompt lookup", guessed)):
        tokens, seconds = sum(reply[1] for reply in replies), sum(reply[2] for reply in replies)
        print(f"{name:14} {tokens / seconds:6.1f} tokens/s, {seconds / len(replies):.2f} s a reply")
    same = sum(one[0] == other[0] for one, other in zip(plain, guessed, strict=True))
    print(f"the same replies: {same} of {len(asked)}")


if __name__ == "__main__":
    main()
