"""A classifier of pairs as a network: the packaged encoder reads two texts together, with LoRA and a head.

Needs torch and transformers. ``python -m bot.models.pair_net SOURCE TARGET`` merges the adapter in the folder SOURCE
into the encoder and exports both with the head as one int8 ONNX graph to the folder TARGET.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from bot.errors import ModelError
from bot.models.export import GRAPH, TOKENIZER, made_whole, quantize
from bot.models.packaged import PACKAGED, sentence_weights
from bot.models.pairs import ADAPTER, CARD, MOST_TOKENS

_SCALE = 2.0
"""LoRA's alpha over its rank."""

_RANK = "rank"
"""Name of the rank in the file's metadata."""


class LoraLinear(nn.Module):  # type: ignore[misc]  # torch is read without its types.
    """A frozen linear layer with a low-rank change: ``W x + b + s B A x`` (Hu et al. 2021)."""

    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer
        # Trained in float32 whatever the layer computes in: small steps are lost in bfloat16.
        self.down = nn.Parameter(torch.randn(rank, layer.in_features) / layer.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Shape (…, in) to (…, out)."""
        low = vectors @ self.down.to(vectors.dtype).T
        changed: torch.Tensor = self.layer(vectors) + _SCALE * (low @ self.up.to(vectors.dtype).T)
        return changed

    def merged(self) -> nn.Linear:
        """The layer with the change added to its weights."""
        with torch.no_grad():
            self.layer.weight += (_SCALE * self.up @ self.down).to(self.layer.weight.dtype)
        return self.layer


class PairNet(nn.Module):  # type: ignore[misc]  # As above.
    """Pairs of token ids in, logits out: the higher the likelier, before calibration."""

    def __init__(self, encoder: Any, rank: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.rank = rank
        width = int(encoder.config.hidden_size)
        self.head = nn.Linear(3 * width, 1)
        encoder.requires_grad_(False)
        for parent, name, layer in [*_linear(encoder)]:
            setattr(parent, name, LoraLinear(layer, rank))

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> torch.Tensor:
        """Shape (rows, tokens) each, to (rows,). Tokens of type 1 are the second text's."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state.float()
        said = (token_type_ids * attention_mask).unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * said).sum(1) / said.sum(1).clamp(min=1.0)
        # One word of the second text that the first does not bear is enough, however many others it does.
        most = (hidden * said - 1e4 * (1 - said)).amax(1)
        features = torch.cat([hidden[:, 0], mean, most], dim=1)
        # Written out, because onnxruntime cannot quantize a product with a single row, and gains nothing from it.
        logits: torch.Tensor = (features * self.head.weight[0]).sum(1) + self.head.bias
        return logits

    def trained(self) -> dict[str, torch.Tensor]:
        """What training changes, by name."""
        return {name: weight for name, weight in self.named_parameters() if weight.requires_grad}

    def save(self, path: Path) -> None:
        """Write what was trained, LoRA in float16: about 1.3 MB at rank 16."""
        kept = {name: weight.detach().half().contiguous() for name, weight in self.trained().items()}
        save_file(kept, path, metadata={_RANK: str(self.rank)})

    def merge(self) -> None:
        """Add the changes to the encoder's weights; the network computes the same without LoRA."""
        for module in [*self.encoder.modules()]:
            for name, layer in [*module.named_children()]:
                if isinstance(layer, LoraLinear):
                    setattr(module, name, layer.merged())


def _linear(encoder: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for module in encoder.modules():
        for name, layer in module.named_children():
            if isinstance(layer, nn.Linear):
                yield module, name, layer


def new_net(rank: int, dtype: torch.dtype = torch.float32) -> PairNet:
    """The packaged encoder with an adapter that changes nothing yet.

    Raises:
        ModelError: the encoder is not installed.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # It reports the pooling layer that is not wanted here.
    logging.disable_progress_bar()
    encoder = AutoModel.from_pretrained(
        sentence_weights(PACKAGED).folder,
        dtype=dtype,
        add_pooling_layer=False,
        local_files_only=True,
        use_safetensors=True,
        attn_implementation="sdpa",
        # So few weights learn that noise in the others only slows them down.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return PairNet(encoder, rank)


def load_net(path: Path, dtype: torch.dtype = torch.float32) -> PairNet:
    """The network with the adapter and head in ``path``.

    Raises:
        ModelError: the file is not there, is damaged, or belongs to another network; names it.
    """
    try:
        with safe_open(path, framework="pt") as file:
            rank = int((file.metadata() or {})[_RANK])
            kept = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - it is no mapping
        net = new_net(rank, dtype)
        if set(kept) != set(net.trained()):
            raise ModelError(f"{path}: its weights are not those of this network.")
        net.load_state_dict(kept, strict=False)
        net.eval()
    except (OSError, SafetensorError, RuntimeError, KeyError, ValueError) as exc:
        raise ModelError(f"{path}: the classifier cannot be read ({exc}).") from exc
    return net


def tokenizer() -> Any:
    """Reads pairs as the exported network will."""
    from transformers import AutoTokenizer

    read = AutoTokenizer.from_pretrained(sentence_weights(PACKAGED).folder, local_files_only=True).backend_tokenizer
    read.no_padding()
    read.enable_truncation(MOST_TOKENS)
    return read


def export(source: Path, target: Path) -> None:
    """Export the classifier in the folder ``source`` to ``target``, which appears whole or not at all.

    Raises:
        ModelError: its file cannot be read; names it.
    """
    net = load_net(source / ADAPTER)
    net.merge()
    with made_whole(target, CARD) as work:
        tokenizer().save(str(work / TOKENIZER))
        _trace(net, work / "full.onnx")
        quantize(work / "full.onnx", work / GRAPH)
        (work / "full.onnx").unlink()
        (work / CARD).write_text(json.dumps({"most_tokens": MOST_TOKENS}) + "\n", encoding="utf-8")


def _trace(net: PairNet, path: Path) -> None:
    # Two rows and more than one token: sizes of 0 and 1 would be baked into the graph as constants.
    ids = torch.randint(1000, 20000, (2, 12))
    axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=MOST_TOKENS)}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    types = torch.tensor([[0] * 6 + [1] * 6] * 2)
    torch.onnx.export(
        net.eval(),
        (ids, torch.ones_like(ids), types),
        str(path),
        dynamo=True,
        input_names=names,
        output_names=["logit"],
        dynamic_shapes=dict.fromkeys(names, axes),
        external_data=False,
        verbose=False,
    )


if __name__ == "__main__":
    export(Path(sys.argv[1]), Path(sys.argv[2]))
