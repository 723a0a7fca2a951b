"""Fine-tunes a causal language model with LoRA on chats and their replies: resumable, on a GPU where there is one.

LoRA: Hu et al. 2021. The adapter's weights are trained in float32 and used in bfloat16, as they are shipped; the
model's own stay as they are. Needs torch, transformers and peft.
"""

import hashlib
import json
import math
import os
import random
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError

from bot.errors import ModelError
from bot.generation.checkpoint import Checkpoint, forget_checkpoints, keep_checkpoint, last_checkpoint
from bot.generation.packing import Pack, Row, in_packs, pack

LOG = "log.jsonl"
FORMAT = 1
"""Part of a run's name: raise it when the same recipe trains differently."""

ROW_TOKENS = 700
"""Longest row; a longer one is left out and counted."""

REPLY_TOKENS = 60
"""Longest reply that is written to be judged."""


@dataclass(frozen=True, slots=True)
class Example:
    """A chat (``role`` and ``content``) and the reply that the writer shall learn to give."""

    chat: tuple[Mapping[str, str], ...]
    reply: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. With 1.4 epochs, these values made the adapter that is shipped."""

    epochs: float = 2.0
    rank: int = 16
    alpha: int = 32
    rate: float = 1e-3
    warm_up: float = 0.03
    """Share of the steps until the rate is reached; from there it falls by a cosine to a twentieth."""
    packs_a_step: int = 2
    """About 1,200 tokens."""
    looks: int = 5
    """How often the held-out rows are looked at."""
    patience: int = 4
    """Looks without a better reply after which training ends early."""
    seed: int = 7
    threads: int = 0
    """Of torch on the CPU; 0 takes all."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What training tells: after every step its loss, after every look what the look found."""

    step: int
    steps: int
    loss: float
    look: Mapping[str, float] | None = None


Judge = Callable[[Sequence[str]], Mapping[str, float]]
"""Measures of replies to the held-out examples, in their order; ``score`` is what the best adapter is chosen by."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training."""

    steps: int
    best_step: int
    seconds: float
    """Of this process: what was done before a kill does not count."""
    left_out: int
    """Rows that were too long."""
    looks: tuple[Mapping[str, float], ...]
    resumed_at: int


def finetune(
    model: Any,
    tokenizer: Any,
    epochs: Callable[[int], Sequence[Example]],
    held_out: Sequence[Example],
    recipe: Recipe,
    folder: Path,
    judge: Judge,
    tell: Callable[[Progress], None],
    start: Path | None = None,
) -> Outcome:
    """Train an adapter into ``folder``: the best one by ``judge``, with ``log.jsonl`` beside it.

    ``start`` is an adapter of the same model to go on from; its rank is kept.
    ``epochs`` gives the examples of each epoch, which may show one lesson in several ways. A run that was killed goes
    on at its last checkpoint when called with the same model, examples and recipe.

    Raises:
        ModelError: the model takes no LoRA adapter.
    """
    run = _Run(model, tokenizer, epochs, held_out, recipe, folder, judge, tell, start)
    return run.train()


class _Run:
    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        epochs: Callable[[int], Sequence[Example]],
        held_out: Sequence[Example],
        recipe: Recipe,
        folder: Path,
        judge: Judge,
        tell: Callable[[Progress], None],
        start: Path | None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        if recipe.threads:
            torch.set_num_threads(recipe.threads)
        self._tokenizer = tokenizer
        self._recipe = recipe
        self._folder = folder
        self._judge, self._tell = judge, tell
        self._left_out = 0
        whole = math.ceil(recipe.epochs)
        self._plan = [packs for at in range(whole) for packs in self._steps_of(at, epochs(at))]
        self._held_out = [*self._rows(held_out)]
        self._chats = held_out
        self._plan = self._plan[: round(len(self._plan) * recipe.epochs / whole)]
        self._every = max(1, math.ceil(len(self._plan) / recipe.looks))
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._digest = self._name(model, start)
        self._model = _with_adapter(model, recipe, start).to(self._device)
        self._named = [(name, weight) for name, weight in self._model.named_parameters() if weight.requires_grad]
        # bfloat16 has 8 bits: small steps would be rounded away, so the steps are made on copies in float32.
        self._masters = [weight.detach().float().clone() for _, weight in self._named]
        self._optimizer = torch.optim.AdamW(self._masters, lr=recipe.rate, weight_decay=0.0)
        self._looks: list[dict[str, float]] = []

    def train(self) -> Outcome:
        began = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        first = self._resume()
        if not self._looks:
            self._write(look := self._look(0))
            self._tell(Progress(0, len(self._plan), look["held_out_loss"], look))
        for step in range(first, len(self._plan)):
            rate = self._rate(step)
            loss = self._step(step, rate)
            self._write({"step": step + 1, "loss": round(loss, 4), "rate": rate, "seconds": _spent(began)})
            self._tell(Progress(step + 1, len(self._plan), loss))
            if (step + 1) % self._every == 0 or step + 1 == len(self._plan):
                look = self._look(step + 1)
                self._write({"step": step + 1, **look, "seconds": _spent(began)})
                self._tell(Progress(step + 1, len(self._plan), loss, look))
                self._save(step + 1)
                if self._is_over():
                    break
        forget_checkpoints(self._folder)
        best = self._best()
        return Outcome(
            int(self._looks[-1]["step"]), int(best["step"]), _spent(began), self._left_out, tuple(self._looks), first
        )

    def _steps_of(self, epoch: int, examples: Sequence[Example]) -> list[list[list[Row]]]:
        """The packs of each step of one epoch, in an order that the seed gives."""
        draw = random.Random(f"{self._recipe.seed}/{epoch}")  # noqa: S311 - an order, not a secret
        packs = [*in_packs(sorted(self._rows(examples), key=lambda row: row.prompt), draw)]
        draw.shuffle(packs)
        wide = self._recipe.packs_a_step
        return [packs[at : at + wide] for at in range(0, len(packs), wide)]

    def _rows(self, examples: Sequence[Example]) -> Iterator[Row]:
        end = self._tokenizer.eos_token_id
        for example in examples:
            text = self._tokenizer.apply_chat_template(
                [dict(message) for message in example.chat], add_generation_prompt=True, tokenize=False
            )
            prompt = self._tokenizer(text, add_special_tokens=False).input_ids
            reply = self._tokenizer(example.reply, add_special_tokens=False).input_ids
            if len(prompt) + len(reply) >= ROW_TOKENS:
                self._left_out += 1
                continue
            yield Row(tuple(prompt), (*reply, end))

    def _step(self, step: int, rate: float) -> float:
        self._model.train()
        packs = [pack(rows) for rows in self._plan[step]]
        words = sum(each.words for each in packs)
        total = 0.0
        for each in packs:
            loss = self._loss(each) / words
            loss.backward()
            total += float(loss.detach())
        for master, (_, weight) in zip(self._masters, self._named, strict=True):
            master.grad = weight.grad.float()
            weight.grad = None
        torch.nn.utils.clip_grad_norm_(self._masters, 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.step()
        self._use(self._masters)
        return total

    def _loss(self, each: Pack) -> torch.Tensor:
        """The sum of the loss over all words of the replies of a pack."""
        hidden = torch.finfo(self._model.dtype).min
        mask = torch.zeros(each.mask.shape, dtype=self._model.dtype).masked_fill(~each.mask, hidden)
        scores = self._model(
            input_ids=each.tokens[None].to(self._device),
            position_ids=each.positions[None].to(self._device),
            attention_mask=mask[None, None].to(self._device),
            logits_to_keep=each.asked.to(self._device),
            use_cache=False,
        ).logits[0]
        return torch.nn.functional.cross_entropy(scores.float(), each.wanted.to(self._device), reduction="sum")

    def _rate(self, step: int) -> float:
        warm = max(1, round(self._recipe.warm_up * len(self._plan)))
        if step < warm:
            return self._recipe.rate * (step + 1) / warm
        done = (step - warm) / max(1, len(self._plan) - warm)
        return self._recipe.rate * (0.05 + 0.95 * (1 + math.cos(math.pi * done)) / 2)

    def _look(self, step: int) -> dict[str, float]:
        """Loss and replies on the held-out examples; the adapter is kept if its replies are the best so far."""
        self._model.eval()
        lost = words = 0.0
        with torch.inference_mode():
            for rows in in_packs(sorted(self._held_out, key=lambda row: row.prompt), None):
                each = pack(rows)
                lost += float(self._loss(each))
                words += each.words
        look = {"step": float(step), "held_out_loss": round(lost / max(1, words), 4)}
        look |= self._judge(self._replies())
        self._looks.append(look)
        if look == self._best():
            self._keep()
        return look

    def _replies(self) -> list[str]:
        """What the model writes to the held-out chats, greedily, sixteen at a time."""
        replies: list[str] = []
        tokenizer = self._tokenizer
        tokenizer.padding_side = "left"
        for at in range(0, len(self._chats), 16):
            texts = [
                tokenizer.apply_chat_template([*map(dict, one.chat)], add_generation_prompt=True, tokenize=False)
                for one in self._chats[at : at + 16]
            ]
            read = tokenizer(texts, add_special_tokens=False, return_tensors="pt", padding=True).to(self._device)
            with torch.inference_mode():
                written = self._model.generate(
                    **read, max_new_tokens=REPLY_TOKENS, do_sample=False, pad_token_id=tokenizer.eos_token_id
                )
            replies += tokenizer.batch_decode(written[:, read.input_ids.shape[1] :], skip_special_tokens=True)
        return [reply.strip() for reply in replies]

    def _best(self) -> dict[str, float]:
        return max(self._looks, key=lambda look: (look["score"], -look["held_out_loss"]))

    def _is_over(self) -> bool:
        since = len(self._looks) - 1 - self._looks.index(self._best())
        return since >= self._recipe.patience

    def _keep(self) -> None:
        """Save the adapter as peft reads it."""
        work = self._folder / ".keeping"
        shutil.rmtree(work, ignore_errors=True)
        self._model.save_pretrained(work)
        config = json.loads((work / "adapter_config.json").read_text(encoding="utf-8"))
        # peft writes the folder that the model was read from, which is nobody's business elsewhere.
        config["base_model_name_or_path"] = Path(config["base_model_name_or_path"] or "").name
        (work / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
        for name in ("adapter_config.json", "adapter_model.safetensors"):
            (work / name).chmod(0o644)
            os.replace(work / name, self._folder / name)
        shutil.rmtree(work)

    def _save(self, step: int) -> None:
        tensors: dict[str, torch.Tensor] = {}
        for (name, _), master in zip(self._named, self._masters, strict=True):
            state = self._optimizer.state[master]
            kept = {"weight": master, "mean": state["exp_avg"], "square": state["exp_avg_sq"]}
            tensors |= {f"{name}/{part}": tensor.contiguous() for part, tensor in kept.items()}
        keep_checkpoint(self._folder, Checkpoint(self._digest, step, self._looks, tensors))

    def _resume(self) -> int:
        """The step to go on at: after the last checkpoint of this very run, else 0 with an empty log."""
        checkpoint = last_checkpoint(self._folder, self._digest)
        if checkpoint is None:
            (self._folder / LOG).write_text("", encoding="utf-8")
            return 0
        for (name, _), master in zip(self._named, self._masters, strict=True):
            master.copy_(checkpoint.tensors[f"{name}/weight"])
            self._optimizer.state[master] = {
                "step": torch.tensor(float(checkpoint.step)),
                "exp_avg": checkpoint.tensors[f"{name}/mean"].to(self._device),
                "exp_avg_sq": checkpoint.tensors[f"{name}/square"].to(self._device),
            }
        self._use(self._masters)
        self._looks = [*checkpoint.looks]
        self._forget_after(checkpoint.step)
        return checkpoint.step

    def _forget_after(self, step: int) -> None:
        """Take the lines of steps that are made again out of the log."""
        path = self._folder / LOG
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")

    def _use(self, masters: Sequence[torch.Tensor]) -> None:
        with torch.no_grad():
            for master, (_, weight) in zip(masters, self._named, strict=True):
                weight.copy_(master)

    def _write(self, line: Mapping[str, Any]) -> None:
        with (self._folder / LOG).open("a", encoding="utf-8") as file:
            file.write(f"{json.dumps(line)}\n")

    def _name(self, model: Any, start: Path | None) -> str:
        """Sixteen hex digits that name model, start, examples and recipe."""
        digest = hashlib.blake2b(digest_size=8)
        shape = [(name, tuple(weight.shape)) for name, weight in model.named_parameters()]
        digest.update(json.dumps([FORMAT, asdict(self._recipe), shape], default=str).encode())
        if start is not None:
            digest.update((start / "adapter_model.safetensors").read_bytes())
        for row in (row for packs in self._plan for rows in packs for row in rows):
            digest.update(json.dumps([row.prompt, row.reply]).encode())
        return digest.hexdigest()


def _with_adapter(model: Any, recipe: Recipe, start: Path | None) -> Any:
    # The mask of a pack is no causal one: only plain attention takes it in every model.
    model.set_attn_implementation("eager")
    config = LoraConfig(r=recipe.rank, lora_alpha=recipe.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    try:
        with warnings.catch_warnings():
            # peft 0.19 asks for a name that transformers 5 has renamed.
            warnings.simplefilter("ignore", FutureWarning)
            if start is None:
                tuned = get_peft_model(model, config, autocast_adapter_dtype=False)
            else:
                tuned = PeftModel.from_pretrained(
                    model, start, is_trainable=True, autocast_adapter_dtype=False, use_safetensors=True
                )
    except (ValueError, RuntimeError, SafetensorError) as exc:
        raise ModelError(f"The model takes no such LoRA adapter ({exc}).") from exc
    for weight in tuned.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(model.dtype)
    return tuned


def _spent(began: float) -> float:
    return round(time.monotonic() - began, 1)
