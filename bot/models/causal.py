"""Causal language models: found, unpacked once if they are GGUF, and loaded for decoding. Needs torch."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.packaged import Weights, writer_weights

UNPACKED = 1
"""Part of an unpacked model's folder name; raise it when unpacking changes."""


def open_causal(name: str, models: Path, *, exact: bool = False) -> tuple[Any, Any]:
    """Load model and tokenizer by ``packaged``, folder, GGUF file or hub name, ready for inference on the CPU.

    The weights are bfloat16 where the processor computes in it, which halves what each token reads from memory, and
    float32 elsewhere or when ``exact``. A GGUF file is unpacked the first time, some 20 seconds, below ``models``:
    read from there it loads in two.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    weights = writer_weights(name)
    try:
        folder = _unpacked(weights, models) if weights.gguf else weights.folder
        return _load(folder, exact=exact)
    except ImportError as exc:
        raise ModelError(f"The writer needs the packages of kefu[models]: {exc}.") from exc
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"{name}: the language model cannot be loaded ({exc}).") from exc


def _load(folder: Path, *, exact: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.bfloat16 if not exact and _computes_bfloat16(torch) else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, attn_implementation="sdpa"
    )
    return model.eval(), tokenizer


def _computes_bfloat16(torch: Any) -> bool:
    # Without AVX-512 BF16 or AMX, oneDNN converts every matrix for every token, slower than float32.
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or torch.cpu._is_avx512_bf16_supported())


def _unpacked(weights: Weights, models: Path) -> Path:
    folder = models / f"{weights.name}-{UNPACKED}{weights.fingerprint()}"
    if (folder / "config.json").is_file():
        return folder
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    models.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=models))
    try:
        # Unpacked, since the kernels for packed weights gain nothing from several shoppers at once.
        model = AutoModelForCausalLM.from_pretrained(
            weights.folder,
            gguf_file=weights.gguf,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        model.save_pretrained(work)
        AutoTokenizer.from_pretrained(weights.folder, gguf_file=weights.gguf).save_pretrained(work)
        work.chmod(0o755)
        os.rename(work, folder)
    except OSError:
        # Another process may have put it there first: that one is as good.
        if not (folder / "config.json").is_file():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
