"""Turns a sentence-transformers model into an int8 ONNX graph, in a process of its own.

``python -m bot.models.export SOURCE TARGET``; without arguments it makes what the settings need. The folder
it makes holds all that serving needs: ``model.onnx``, ``tokenizer.json`` and ``encoder.json``. A model that is not
built as transformer, mean or CLS pooling, and perhaps normalising, gets an ``encoder.json`` that says so alone.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

CARD = "encoder.json"
GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"

FORMAT = 1
"""Part of every export's folder name; raise it when this module makes different graphs."""

_FAITHFUL = 0.975
"""Least mean cosine of int8 to float32 embeddings. MiniLM reaches 0.992; below, the graph stays float32."""

_SAMPLES = (
    "Where is my order?",
    "Can I return the jacket after 30 days if I lost the receipt?",
    "Shipping to Austria costs 4.95 EUR and takes two to four working days.",
    "The zipper broke after two weeks, what now?!",
    "Do you have the green tent under 300 euro?",
    "I want to speak to a human.",
)


@dataclass(frozen=True, slots=True)
class Card:
    """What serving has to know of an exported encoder."""

    runtime: Literal["onnx", "sentence-transformers"]
    dimensions: int
    max_tokens: int
    prompts: dict[str, str]
    """What to put before a text, by role: ``query``, ``passage``."""
    vocabulary: int
    int8: bool = False


def export(source: Path, target: Path) -> None:
    """Export the sentence-transformers model in ``source`` to ``target``, which appears whole or not at all."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(
        str(source), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
    )
    model.eval()
    with made_whole(target, CARD) as work:
        int8 = _write_graph(model, work) if _exportable(model) else None
        card = Card(
            runtime="onnx" if int8 is not None else "sentence-transformers",
            dimensions=int(model.get_embedding_dimension()),
            max_tokens=int(model.max_seq_length or 512),
            prompts=_prompts(model.prompts),
            vocabulary=len(model.tokenizer),
            int8=bool(int8),
        )
        (work / CARD).write_text(json.dumps(asdict(card), indent=2) + "\n", encoding="utf-8")


@contextmanager
def made_whole(target: Path, mark: str) -> Iterator[Path]:
    """A folder beside ``target`` to work in, which becomes ``target`` when the block ends well: whole or not at all.

    ``mark`` is a file of it by which another process's ``target`` is known to be complete.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield work
        work.chmod(0o755)
        os.rename(work, target)
    except OSError:
        # Another process may have put the same export there first: that one is as good.
        if not (target / mark).is_file():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _exportable(model: Any) -> bool:
    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return False
    return model[1].pooling_mode in ("mean", "cls") and hasattr(model.tokenizer, "backend_tokenizer")


def _prompts(named: dict[str, str]) -> dict[str, str]:
    return {
        "query": named.get("query") or "",
        "passage": named.get("passage") or named.get("document") or "",
    }


def _write_graph(model: Any, folder: Path) -> bool:
    """Write graph and tokenizer; returns whether the graph is int8."""
    model.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER))
    full, small = folder / "full.onnx", folder / GRAPH
    _trace(model, full)
    quantize(full, small)
    if _likeness(model, folder) >= _FAITHFUL:
        full.unlink()
        return True
    full.replace(small)
    return False


def _trace(model: Any, path: Path) -> None:
    import torch

    class Embedding(torch.nn.Module):  # type: ignore[misc]  # torch is read without its types.
        """The transformer with its pooling, normalised, as one graph."""

        def __init__(self, transformer: Any, pooling: str) -> None:
            super().__init__()
            self.transformer, self.pooling = transformer, pooling

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:
            """Embed (batch, length) token ids as (batch, dimensions)."""
            hidden = self.transformer(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            if self.pooling == "cls":
                return torch.nn.functional.normalize(hidden[:, 0], dim=1)
            mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
            return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9), dim=1)

    # Two rows and more than one token: sizes of 0 and 1 would be baked into the graph as constants.
    tokens = model.tokenizer(list(_SAMPLES[:2]), padding=True, return_tensors="pt")
    axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("tokens", max=int(model.max_seq_length or 512))}
    torch.onnx.export(
        Embedding(model[0].auto_model, model[1].pooling_mode).eval(),
        (tokens["input_ids"], tokens["attention_mask"]),
        str(path),
        dynamo=True,
        input_names=["input_ids", "attention_mask"],
        output_names=["sentence_vector"],
        dynamic_shapes={"input_ids": axes, "attention_mask": axes},
        external_data=False,
        verbose=False,
    )


def quantize(full: Path, small: Path) -> None:
    """Write the graph ``full`` with weights of eight bits as ``small``."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    # Per channel: one scale for a whole matrix loses 0.7 points of intent accuracy, a scale for each column none.
    quantize_dynamic(str(full), str(small), per_channel=True, weight_type=QuantType.QInt8)


def _likeness(model: Any, folder: Path) -> float:
    from bot.models.encoder import OnnxEncoder

    expected = model.encode(list(_SAMPLES), prompt="", normalize_embeddings=True)
    card = Card("onnx", expected.shape[1], int(model.max_seq_length or 512), {}, 0)
    actual = OnnxEncoder("export", folder, card, threads=1).encode(_SAMPLES)
    return float((expected * actual).sum(axis=1).mean())


def _prepare() -> None:
    """Make all that the settings' models need once, so that nothing has to wait for it later."""
    from bot.models.causal import open_causal
    from bot.models.encoder import open_encoders
    from bot.settings import read_settings

    settings = read_settings()
    open_encoders(settings)
    if settings.writer != "none" and settings.writer_url is None:
        open_causal(settings.writer, settings.data / "models")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        export(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        _prepare()
