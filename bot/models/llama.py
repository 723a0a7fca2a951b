"""A llama's graph for OpenVINO, built straight from its safetensors: 8-bit weights, attention over a paged cache.

Nothing is exported or traced: a graph takes two seconds to build and needs neither torch nor a copy on disk. The
attention is written the way OpenVINO knows from exported models, as a state that grows, and its own transformation
then makes that state a paged cache which many replies share.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino
from openvino import opset13 as ops
from openvino._offline_transformations import paged_attention_transformation
from openvino.op import assign, read_value
from openvino.op.util import Variable, VariableInfo

from bot.errors import ModelError

_EMBEDDING = "model.embed_tokens.weight"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a graph depends on besides its weights."""

    layers: int
    heads: int
    shared_heads: int
    """Of the keys and values; several heads of the queries read each."""
    size: int
    """Of one head."""
    theta: float
    epsilon: float
    tied: bool


def build_llama(folder: Path) -> Any:
    """The model in ``folder`` as an ``openvino.Model`` with inputs for the tokens and the blocks of a paged cache.

    Beside those of OpenVINO's paged attention it has ``picked``: the tokens, counted over the whole batch, whose scores
    are wanted. Its result has the shape (picked, 1, vocabulary).

    Raises:
        ModelError: it is no plain llama; transformers may know it.
        OSError, ValueError, KeyError: the folder's files are damaged.
    """
    shape = _read_shape(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    with ExitStack() as stack:
        model = _Graph(shape, _Tensors(folder, stack)).model()
    paged_attention_transformation(model)
    return model


def _read_shape(config: Mapping[str, Any]) -> _Shape:
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    plain = {
        "model_type": config.get("model_type") == "llama",
        "hidden_act": config.get("hidden_act", "silu") == "silu",
        "attention_bias": not config.get("attention_bias"),
        "mlp_bias": not config.get("mlp_bias"),
        "rope_parameters": rope.get("rope_type", rope.get("type", "default")) == "default",
        "quantization_config": not config.get("quantization_config"),
    }
    if unknown := [name for name, known in plain.items() if not known]:
        raise ModelError(f"{config.get('model_type')}: no plain llama ({', '.join(unknown)} of its config.json).")
    heads = config["num_attention_heads"]
    return _Shape(
        layers=config["num_hidden_layers"],
        heads=heads,
        shared_heads=config.get("num_key_value_heads") or heads,
        size=config.get("head_dim") or config["hidden_size"] // heads,
        theta=rope.get("rope_theta") or config.get("rope_theta", 10000.0),
        epsilon=config["rms_norm_eps"],
        tied=bool(config.get("tie_word_embeddings")),
    )


class _Tensors:
    """The tensors of a folder by name, each read as float32 when it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        import ml_dtypes  # noqa: F401 - its import teaches numpy the word bfloat16
        from safetensors import safe_open

        files = [stack.enter_context(safe_open(path, "numpy")) for path in sorted(folder.glob("*.safetensors"))]
        self._files = {name: file for file in files for name in file.keys()}  # noqa: SIM118 - no mapping

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        tensor: npt.NDArray[np.float32] = self._files[name].get_tensor(name).astype(np.float32)
        return tensor


class _Graph:
    """Lays the nodes of one llama; see Touvron et al. 2023 for the architecture."""

    def __init__(self, shape: _Shape, tensors: _Tensors) -> None:
        self._shape = shape
        self._tensors = tensors
        self._tokens = _parameter("input_ids", np.int64, rank=2)
        self._positions = _parameter("position_ids", np.int64, rank=2)
        self._beams = _parameter("beam_idx", np.int32, rank=1)
        self._picked = _parameter("picked", np.int64, rank=1)
        self._turns = tuple(self._rotations())
        self._grown: list[Any] = []

    def model(self) -> Any:
        table = _packed(self._tensors[_EMBEDDING])
        hidden = ops.gather(table, ops.convert(self._tokens, "i32"), _integers(0, scalar=True))
        for layer in range(self._shape.layers):
            hidden = self._layer(hidden, layer)
        # Before the head, since a prompt's hundreds of tokens would each be scored against the whole vocabulary.
        hidden = ops.gather(hidden, self._picked, _integers(0, scalar=True))
        head = table if self._shape.tied else _packed(self._tensors["lm_head.weight"])
        scores = ops.result(ops.matmul(self._normed(hidden, "model.norm"), head, False, True))
        scores.output(0).tensor.names = {"scores"}
        inputs = [self._tokens, self._positions, self._beams, self._picked]
        return openvino.Model([scores], self._grown, inputs, "writer")

    def _layer(self, hidden: Any, layer: int) -> Any:
        path = f"model.layers.{layer}"
        normed = self._normed(hidden, f"{path}.input_layernorm")
        hidden = ops.add(hidden, self._attention(normed, layer, f"{path}.self_attn"))
        normed = self._normed(hidden, f"{path}.post_attention_layernorm")
        gate = ops.swish(self._linear(normed, f"{path}.mlp.gate_proj"))
        widened = ops.multiply(gate, self._linear(normed, f"{path}.mlp.up_proj"))
        return ops.add(hidden, self._linear(widened, f"{path}.mlp.down_proj"))

    def _attention(self, normed: Any, layer: int, path: str) -> Any:
        shape = self._shape
        queries = self._turned(_split(self._linear(normed, f"{path}.q_proj"), shape.heads, shape.size))
        keys = self._turned(_split(self._linear(normed, f"{path}.k_proj"), shape.shared_heads, shape.size))
        values = _split(self._linear(normed, f"{path}.v_proj"), shape.shared_heads, shape.size)
        mixed = ops.scaled_dot_product_attention(
            queries,
            self._remembered(keys, f"past_key_values.{layer}.key"),
            self._remembered(values, f"past_key_values.{layer}.value"),
            # Paged attention is causal by itself, and drops this.
            ops.constant(np.zeros((1, 1, 1, 1), np.float32)),
        )
        joined = ops.reshape(_swapped(mixed), _integers(0, 0, shape.heads * shape.size), True)
        return self._linear(joined, f"{path}.o_proj")

    def _remembered(self, new: Any, name: str) -> Any:
        """All keys or values so far, with the heads of the queries: what the transformation puts its cache in for."""
        shape = self._shape
        info = VariableInfo()
        info.data_shape = openvino.PartialShape([-1, shape.shared_heads, -1, shape.size])
        info.data_type = openvino.Type.f32
        info.variable_id = name
        variable = Variable(info)
        rows = ops.gather(ops.shape_of(self._tokens), _integers(0), _integers(0, scalar=True))
        empty = ops.concat([rows, _integers(shape.shared_heads, 0, shape.size)], 0)
        past = read_value(ops.broadcast(ops.constant(np.float32(0)), empty), variable)
        whole = ops.concat([ops.gather(past, self._beams, _integers(0, scalar=True)), new], 2)
        self._grown.append(assign(whole, variable))
        times = shape.heads // shape.shared_heads
        if times == 1:
            return whole
        # (rows, shared heads, tokens, size) → (rows, shared heads, times, tokens, size) → (rows, heads, tokens, size)
        first = ops.gather(ops.shape_of(whole), _integers(0, 1), _integers(0, scalar=True))
        rest = ops.gather(ops.shape_of(whole), _integers(2, 3), _integers(0, scalar=True))
        target = ops.concat([first, _integers(times), rest], 0)
        repeated = ops.broadcast(ops.unsqueeze(whole, _integers(2)), target, "BIDIRECTIONAL")
        return ops.reshape(repeated, _integers(0, shape.heads, -1, shape.size), True)

    def _rotations(self) -> Iterator[Any]:
        """Cosine and sine of every position's angles, (rows, 1, tokens, size); Su et al. 2021, RoFormer."""
        size = self._shape.size
        speeds = self._shape.theta ** -(np.arange(0, size, 2, dtype=np.float64) / size)
        positions = ops.unsqueeze(ops.convert(self._positions, "f32"), _integers(2))
        half = ops.multiply(positions, ops.constant(speeds.astype(np.float32).reshape(1, 1, -1)))
        angles = ops.concat([half, half], -1)
        yield ops.unsqueeze(ops.cos(angles), _integers(1))
        yield ops.unsqueeze(ops.sin(angles), _integers(1))

    def _turned(self, heads: Any) -> Any:
        cosines, sines = self._turns
        half = self._shape.size // 2
        left = ops.slice(heads, _integers(0), _integers(half), _integers(1), _integers(3))
        right = ops.slice(heads, _integers(half), _integers(2 * half), _integers(1), _integers(3))
        across = ops.concat([ops.multiply(right, ops.constant(np.float32(-1))), left], -1)
        return ops.add(ops.multiply(heads, cosines), ops.multiply(across, sines))

    def _normed(self, hidden: Any, path: str) -> Any:
        """Root mean square norm; Zhang and Sennrich 2019."""
        squares = ops.power(hidden, ops.constant(np.float32(2)))
        mean = ops.add(ops.reduce_mean(squares, _integers(-1), True), ops.constant(np.float32(self._shape.epsilon)))
        scaled = ops.multiply(hidden, ops.divide(ops.constant(np.float32(1)), ops.sqrt(mean)))
        return ops.multiply(scaled, ops.constant(self._tensors[f"{path}.weight"]))

    def _linear(self, hidden: Any, path: str) -> Any:
        return ops.matmul(hidden, _packed(self._tensors[f"{path}.weight"]), False, True)


def _packed(weights: npt.NDArray[np.float32]) -> Any:
    """``weights`` in 8 bits, every row with a scale and a zero of its own, as a node that unpacks them.

    The processor's kernels take the packed form as it is. Groups smaller than a row were no closer to float32.
    """
    low = np.minimum(weights.min(1, keepdims=True), 0)
    high = np.maximum(weights.max(1, keepdims=True), 0)
    scale = np.maximum((high - low) / 255, np.finfo(np.float32).tiny)
    zero = np.rint(-low / scale)
    packed = np.clip(np.rint(weights / scale) + zero, 0, 255).astype(np.uint8)
    shifted = ops.subtract(
        ops.convert(ops.constant(packed), "f32"), ops.convert(ops.constant(zero.astype(np.uint8)), "f32")
    )
    return ops.multiply(shifted, ops.constant(scale))


def _split(joined: Any, heads: int, size: int) -> Any:
    """(rows, tokens, heads · size) → (rows, heads, tokens, size)."""
    return _swapped(ops.reshape(joined, _integers(0, 0, heads, size), True))


def _swapped(node: Any) -> Any:
    return ops.transpose(node, _integers(0, 2, 1, 3))


def _integers(*values: int, scalar: bool = False) -> Any:
    return ops.constant(np.array(values[0] if scalar else values, np.int64))


def _parameter(name: str, dtype: Any, rank: int) -> Any:
    node = ops.parameter([-1] * rank, dtype, name=name)
    # The transformation finds its inputs by the names of their tensors.
    node.output(0).tensor.names = {name}
    return node
