"""Causal language models: found, unpacked once if they are GGUF, and loaded for decoding. Needs torch."""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.models.adapter import NONE, Adapter, find_adapter
from bot.models.packaged import Weights, writer_weights

UNPACKED = 1
"""Part of an unpacked model's folder name; raise it when unpacking changes."""

MERGED = 1
"""The same of a merged one's."""


def open_causal(name: str, models: Path, adapter: str = NONE, *, exact: bool = False) -> tuple[Any, Any]:
    """Load model and tokenizer by ``packaged``, folder, GGUF file or hub name, ready for inference on the CPU.

    ``adapter`` is ``packaged``, ``none``, or a folder with a LoRA adapter, which is merged into the weights once.

    The weights are bfloat16 where the processor computes in it, which halves what each token reads from memory, and
    float32 elsewhere or when ``exact``. A GGUF file is unpacked the first time, some 20 seconds, below ``models``:
    read from there it loads in two.

    Raises:
        ModelError: there is no such model or adapter, they do not fit, or they cannot be loaded.
    """
    return load(plain_folder(name, models, adapter), exact=exact)


def plain_folder(name: str, models: Path, adapter: str = NONE) -> Path:
    """A folder with the model's weights as safetensors, its adapter merged in, as vLLM or any other server reads it.

    Raises:
        ModelError: as for ``open_causal``.
    """
    weights = writer_weights(name)
    found = find_adapter(adapter, name)
    try:
        folder = _unpacked(weights, models) if weights.gguf else weights.folder
        return _merged(folder, weights, found, models) if found else folder
    except ImportError as exc:
        raise ModelError(f"The writer needs the packages of kefu[models]: {exc}.") from exc
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"{name}: the language model cannot be loaded ({exc}).") from exc


def is_plain(name: str, models: Path, adapter: str) -> bool:
    """Whether `plain_folder` has nothing left to make.

    Raises:
        ModelError: there is no such model or adapter.
    """
    weights, found = writer_weights(name), find_adapter(adapter, name)
    made = _merged_folder(weights, found, models) if found else _unpacked_folder(weights, models)
    return (made / "config.json").is_file() or not (weights.gguf or found)


def _unpacked_folder(weights: Weights, models: Path) -> Path:
    return models / f"{weights.name}-{UNPACKED}{weights.fingerprint()}"


def _merged_folder(weights: Weights, adapter: Adapter, models: Path) -> Path:
    return models / f"{weights.name}-{UNPACKED}{weights.fingerprint()}-{MERGED}{adapter.fingerprint()}"


def merge_into(target: Path, name: str, models: Path, adapter: str) -> None:
    """Write that folder to ``target``, whole or not at all.

    Raises:
        ModelError: as for ``open_causal``, or ``target`` exists.
    """
    if target.exists():
        raise ModelError(f"{target}: exists already; name a folder that does not.")
    source = plain_folder(name, models, adapter)
    _made(target.resolve(), lambda work: _copied(source, work))


def _copied(source: Path, work: Path) -> None:
    shutil.copytree(source, work, dirs_exist_ok=True)


def load(folder: Path, *, exact: bool = False) -> tuple[Any, Any]:
    """Load model and tokenizer from a plain folder.

    Raises:
        ModelError: it cannot be loaded.
    """
    try:
        return _load(folder, exact=exact)
    except ImportError as exc:
        raise ModelError(f"The writer needs the packages of kefu[models]: {exc}.") from exc
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        raise ModelError(f"{folder}: the language model cannot be loaded ({exc}).") from exc


def _load(folder: Path, *, exact: bool) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    dtype = torch.bfloat16 if not exact and computes_bfloat16(torch) else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True, attn_implementation="sdpa"
    )
    return model.eval(), tokenizer


def computes_bfloat16(torch: Any) -> bool:
    """Whether the processor computes in bfloat16 itself."""
    # Without AVX-512 BF16 or AMX, oneDNN converts every matrix for every token, slower than float32.
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or torch.cpu._is_avx512_bf16_supported())


def _unpacked(weights: Weights, models: Path) -> Path:
    folder = _unpacked_folder(weights, models)
    if (folder / "config.json").is_file():
        return folder

    def unpack(work: Path) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        # Unpacked, since the kernels for packed weights gain nothing from several shoppers at once.
        model = AutoModelForCausalLM.from_pretrained(
            weights.folder,
            gguf_file=weights.gguf,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
        )
        model.save_pretrained(work)
        AutoTokenizer.from_pretrained(weights.folder, gguf_file=weights.gguf).save_pretrained(work)

    return _made(folder, unpack)


def _merged(source: Path, weights: Weights, adapter: Adapter, models: Path) -> Path:
    folder = _merged_folder(weights, adapter, models)
    if (folder / "config.json").is_file():
        return folder

    def merge(work: Path) -> None:
        import torch
        from peft import PeftModel
        from safetensors import SafetensorError
        from transformers import AutoModelForCausalLM, AutoTokenizer

        # Added in float32: in bfloat16 a small change to a large weight is rounded away.
        model = AutoModelForCausalLM.from_pretrained(
            source, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
        try:
            with warnings.catch_warnings():
                # peft 0.19 asks for a name that transformers 5 has renamed.
                warnings.simplefilter("ignore", FutureWarning)
                tuned = PeftModel.from_pretrained(model, adapter.folder, use_safetensors=True)
        except (SafetensorError, ValueError, RuntimeError, TypeError, KeyError) as exc:
            raise ModelError(f"{adapter.folder}: the adapter is damaged or of another model ({exc}).") from exc
        tuned.merge_and_unload().to(torch.bfloat16).save_pretrained(work)
        AutoTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(work)

    return _made(folder, merge)


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    """``folder``, made aside by ``make`` and put in its place whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        make(work)
        work.chmod(0o755)
        os.rename(work, folder)
    except OSError:
        # Another process may have put it there first: that one is as good.
        if not (folder / "config.json").is_file():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder
