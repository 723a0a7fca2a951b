"""How a model's chats become text and tokens, and its tokens text again; read from its folder without torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tokenizers import Tokenizer

from bot.errors import ModelError

Chat = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Speech:
    """What a decoder has to know of a model besides its scores."""

    render: Callable[[Chat], str]
    """The chat as the model was trained to see it, up to where its reply begins."""
    tokenizer: Tokenizer
    ends: frozenset[int]
    """Tokens that end a reply."""


def read_speech(folder: Path) -> Speech:
    """The speech of the model in ``folder``, with the template rendered as transformers renders it.

    Raises:
        ModelError: it has no chat template, or no ``tokenizer.json``.
    """
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as exc:  # tokenizers raises bare ones, for a file that is missing too.
        raise ModelError(f"{folder / 'tokenizer.json'}: cannot be read ({exc}).") from exc
    config = _read(folder / "tokenizer_config.json")
    special = {
        name: value["content"] if isinstance(value, dict) else value
        for name, value in config.items()
        if name.endswith("_token") and value
    }
    return Speech(_renderer(folder, config, special), tokenizer, _ends(folder, tokenizer, special.get("eos_token")))


def _renderer(folder: Path, config: Mapping[str, Any], special: Mapping[str, str]) -> Callable[[Chat], str]:
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    file = folder / "chat_template.jinja"
    source = file.read_text(encoding="utf-8") if file.is_file() else config.get("chat_template")
    if not isinstance(source, str):
        raise ModelError(f"{folder}: no chat template.")
    # A template comes with the weights, from whoever made them, so it runs in a sandbox.
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.globals["raise_exception"] = _refuse
    template = environment.from_string(source)
    return lambda chat: template.render(messages=list(chat), add_generation_prompt=True, **special)


def _refuse(reason: str) -> NoReturn:
    raise ModelError(f"The model's chat template refuses: {reason}")


def _ends(folder: Path, tokenizer: Tokenizer, said: str | None) -> frozenset[int]:
    found = _read(folder / "generation_config.json").get("eos_token_id")
    ends = set(found if isinstance(found, list) else [found])
    if said:
        ends.add(tokenizer.token_to_id(said))
    return frozenset(ends - {None})


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
