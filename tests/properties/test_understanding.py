"""Whatever is said or written into a file: spans lie in the text, and readers fail only as they promise."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import KnowledgeError
from bot.understanding.entities import EntityExtractor
from bot.understanding.language import detect_language
from bot.understanding.mood import hear_mood
from bot.understanding.ngrams import count, weigh
from bot.understanding.training_data import TrainingData, read_training_data
from bot.understanding.unfinished import unfinished

EXTRACTORS = (
    EntityExtractor(TrainingData()),
    EntityExtractor(TrainingData(lookups={"product": ("Tarn 2 Tent", "红色帐篷"), "size": ("XL", "ß")})),
)
PIECES = st.sampled_from(
    [
        "Tarn 2 Tent",
        "tarn",
        "红色帐篷",
        "红",
        "#204518",
        "€ 9,95",
        "3 May",
        "a@b.co",
        "+31 30 555 0142",
        "ＸＬ",
        "İ",
        "ß",
        "ﬁ",
        " ",
    ]
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=12).map("".join))


@given(TEXTS, st.sampled_from([None, "order_number", "size", "email", "anything"]))
def test_that_spans_lie_in_the_text_and_never_overlap(text: str, requested: str | None) -> None:
    for extractor in EXTRACTORS:
        entities = extractor.extract(text, requested)
        ends = 0
        for entity in entities:
            assert ends <= entity.start < entity.end <= len(text)
            assert entity.value
            ends = entity.end


@given(TEXTS)
def test_that_any_text_has_a_language_a_mood_and_an_end(text: str) -> None:
    assert len(detect_language(text, "en")) == 2
    hear_mood(text, [text])
    unfinished([text])


@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_that_ngrams_of_any_text_fit_the_columns(texts: list[str], text: str) -> None:
    weights = weigh([count(known) for known in texts], scale=0.8, least=1)
    columns, values, share = weights.row(count(text))
    assert len(columns) == len(values)
    assert (columns < max(len(weights.columns), 1)).all()
    assert 0 <= share <= 1


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.sampled_from(["3.1", "- hi", "- [a](b)", "- [a]{}"]),
)
KEYS = st.sampled_from(["version", "nlu", "intent", "regex", "lookup", "synonym", "examples", "text", "metadata", "x"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@given(
    st.one_of(st.text(max_size=300).map(str.encode), st.binary(max_size=300), TREES.map(yaml.safe_dump).map(str.encode))
)
def test_that_any_file_is_read_or_refused_by_name(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / "some.yml").write_bytes(content)
        try:
            read_training_data(Path(folder))
        except KnowledgeError as exc:
            assert "some.yml" in str(exc)  # noqa: PT017 — most files are fine, and `raises` would demand an error.


def test_that_deep_nesting_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.yml").write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(KnowledgeError, match=r"deep\.yml"):
        read_training_data(tmp_path)
