"""Trains the adapter and head of a classifier of pairs: minutes on a CPU, needs torch and transformers."""

import math
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bot.models.causal import computes_bfloat16
from bot.models.pair_net import PairNet, load_net, new_net, tokenizer


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train. With 0.9 epochs, these values made the reader that is shipped."""

    epochs: float = 4.0
    rank: int = 16
    rate: float = 5e-4
    warm_up: float = 0.05
    """Share of the steps until the rate is reached; from there it falls to nothing by a cosine."""
    batch_tokens: int = 2048
    """Pairs of like length are read together, about 40 of them."""
    looks: int = 4
    """How often the held-out pairs are looked at."""
    seed: int = 7
    threads: int = 0
    """Each reads its share of a batch; 0 takes as many as there are cores."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What training tells: after every step its loss, at every look what the look found."""

    step: int
    steps: int
    loss: float
    look: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class _Row:
    ids: tuple[int, ...]
    types: tuple[int, ...]
    supported: bool


def tune_pairs(
    pairs: Sequence[tuple[str, str]],
    supported: Sequence[bool],
    recipe: Recipe,
    look: Callable[[Callable[[Sequence[tuple[str, str]]], list[float]]], Mapping[str, float]],
    tell: Callable[[Progress], None],
    start: Path | None = None,
) -> PairNet:
    """Train a classifier of pairs, such as (source, sentence); the same for the same pairs and recipe on one machine.

    ``look`` is given a function that returns the logits of pairs, and returns figures to tell. ``start`` is the adapter
    of a classifier to go on from.

    Raises:
        ModelError: the encoder is not installed, or ``start`` cannot be read.
    """
    torch.manual_seed(recipe.seed)
    # A share of the batch for each thread: torch's own threads wait for each other within every small product.
    torch.set_num_threads(1)
    shares = recipe.threads or os.cpu_count() or 1
    read = tokenizer()
    rows = [
        _Row(tuple(each.ids), tuple(each.type_ids), label)
        for each, label in zip(read.encode_batch(list(pairs)), supported, strict=True)
    ]
    batches = _plan(rows, recipe)
    dtype = torch.bfloat16 if computes_bfloat16(torch) else torch.float32
    net = load_net(start, dtype) if start else new_net(recipe.rank, dtype)
    weights = [*net.trained().values()]
    optimizer = torch.optim.AdamW(weights, lr=recipe.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(batches), recipe.warm_up))
    every = max(1, math.ceil(len(batches) / recipe.looks))
    with ThreadPoolExecutor(shares) as workers:
        for step, batch in enumerate(batches, 1):
            net.train()
            loss = _learn(net, weights, [batch[at::shares] for at in range(min(shares, len(batch)))], workers)
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            schedule.step()
            found = look(lambda asked: score(net, read, asked)) if step % every == 0 or step == len(batches) else None
            tell(Progress(step, len(batches), loss, found))
    net.eval()
    return net


def _learn(net: PairNet, weights: Sequence[torch.Tensor], shares: Sequence[Sequence[_Row]], workers: Executor) -> float:
    """Set the gradients of the mean loss over all shares of a batch, and return that loss."""
    rows = sum(map(len, shares))

    def read(share: Sequence[_Row]) -> tuple[float, tuple[torch.Tensor, ...]]:
        wanted = torch.tensor([float(row.supported) for row in share])
        logits = net(*_tensors(share))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / rows
        return float(loss.detach()), torch.autograd.grad(loss, weights)

    losses, gradients = zip(*workers.map(read, shares), strict=True)
    for weight, parts in zip(weights, zip(*gradients, strict=True), strict=True):
        weight.grad = torch.stack(parts).sum(0)
    return float(sum(losses))


def score(net: PairNet, read: Any, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """The logits of pairs, in their order."""
    net.eval()
    rows = [_Row(tuple(each.ids), tuple(each.type_ids), False) for each in read.encode_batch(list(pairs))]
    order = sorted(range(len(rows)), key=lambda at: len(rows[at].ids))
    logits = [0.0] * len(rows)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            chosen = order[start : start + 64]
            for at, logit in zip(chosen, net(*_tensors([rows[at] for at in chosen])).tolist(), strict=True):
                logits[at] = logit
    return logits


def _plan(rows: Sequence[_Row], recipe: Recipe) -> list[list[_Row]]:
    """The batches of all epochs: rows of like length together, everything else in an order that the seed gives."""
    planned: list[list[_Row]] = []
    for epoch in range(math.ceil(recipe.epochs)):
        draw = random.Random(f"{recipe.seed}/{epoch}")  # noqa: S311 - an order, not a secret
        shuffled = draw.sample(list(rows), len(rows))
        batches: list[list[_Row]] = [[]]
        for row in sorted(shuffled, key=lambda row: len(row.ids) // 4):
            if (len(batches[-1]) + 1) * len(row.ids) > recipe.batch_tokens and batches[-1]:
                batches.append([])
            batches[-1].append(row)
        draw.shuffle(batches)
        planned += batches
    return planned[: round(len(planned) * recipe.epochs / math.ceil(recipe.epochs))]


def _tensors(rows: Sequence[_Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    longest = max(len(row.ids) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for at, row in enumerate(rows):
        ids[at, : len(row.ids)] = torch.tensor(row.ids)
        types[at, : len(row.ids)] = torch.tensor(row.types)
        mask[at, : len(row.ids)] = 1
    return ids, mask, types


def _rate(step: int, steps: int, warm_up: float) -> float:
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return (step + 1) / warm
    return (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm))) / 2
