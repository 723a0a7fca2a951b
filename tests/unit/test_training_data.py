"""What the reader of training data promises: Rasa's own files are read, and a bad line is named."""

from pathlib import Path

import pytest

from bot.errors import KnowledgeError
from bot.understanding.regexes import hazard
from bot.understanding.training_data import TrainingData, read_training_data


def read(folder: Path, **files: str) -> TrainingData:
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return read_training_data(folder)


def nlu(entry: str) -> str:
    return f'version: "3.1"\nnlu:\n{entry}'


def test_that_an_intent_is_gathered_from_several_files(tmp_path: Path) -> None:
    data = read(
        tmp_path,
        one=nlu("- intent: greet\n  examples: |\n    - hello\n    # a comment\n\n    - hi - there\n"),
        two=nlu(
            "- intent: greet\n  examples:\n"
            "    - text: |\n        good day\n      metadata:\n        by: me\n    - hey\n"
        ),
    )
    assert [example.text for example in data.examples] == ["hello", "hi - there", "good day", "hey"]
    assert str(data.examples[1].place).endswith("one.yml:8")
    assert data.intents == ("greet",)


def test_that_annotations_become_spans_with_values(tmp_path: Path) -> None:
    marked = (
        'from [Berlin]{"entity": "city", "role": "from", "group": "1"} '
        'to [nyc]{"entity": "city", "value": "New York"} in [red](colour)'
    )
    data = read(tmp_path, a=nlu(f"- intent: travel\n  examples: |\n    - {marked}\n"))
    (example,) = data.examples
    assert example.text == "from Berlin to nyc in red"
    berlin, york, red = example.annotations
    assert (berlin.value, berlin.role, berlin.group) == ("Berlin", "from", "1")
    assert (york.value, example.text[york.start : york.end]) == ("New York", "nyc")
    assert (red.name, example.text[red.start : red.end]) == ("colour", "red")
    assert data.synonyms == {"nyc": "New York"}


def test_that_a_retrieval_intent_keeps_its_full_name(tmp_path: Path) -> None:
    data = read(tmp_path, a=nlu("- intent: faq/returns\n  examples: |\n    - how do I return it\n"))
    assert data.intents == ("faq/returns",)


def test_that_regexes_lookups_and_synonyms_are_read(tmp_path: Path) -> None:
    (tmp_path / "colours.txt").write_text("red\n\nmoss green\n", encoding="utf-8")
    data = read(
        tmp_path,
        a=nlu(
            "- regex: code\n  examples: |\n    - LF-\\d{6}\n"
            "- lookup: colour\n  examples: colours.txt\n"
            "- lookup: size\n  examples: |\n    - XL\n"
            "- synonym: rain jacket\n  examples: |\n    - mac\n"
        ),
    )
    assert [(entry.name, entry.pattern) for entry in data.patterns] == [("code", r"LF-\d{6}")]
    assert data.lookups == {"colour": ("red", "moss green"), "size": ("XL",)}
    assert data.synonyms == {"mac": "rain jacket"}


def test_that_files_for_other_parts_of_rasa_are_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, domain='version: "3.1"\nintents:\n- greet\n') == TrainingData()


def test_that_the_fingerprint_names_the_content_and_not_the_place(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    text = nlu("- intent: greet\n  examples: |\n    - hello\n")
    assert read(one, a=text).fingerprint() == read(two, b=f"# moved\n{text}").fingerprint()
    assert read(one, a=text).fingerprint() != read(two, b=text.replace("hello", "hallo")).fingerprint()


@pytest.mark.parametrize(
    ("text", "line", "allowed"),
    [
        ("version: '2.0'\nnlu: []", 1, 'version: "3.1"'),
        ("nlu: hello", 1, "`nlu` is a list"),
        ("- a list", 1, "a mapping with `version` and `nlu`"),
        (nlu("- intnet: greet\n  examples: |\n    - hi"), 3, "exactly one of `intent`"),
        (nlu("- intent: greet"), 3, "Write `examples: |`"),
        (nlu("- intent: greet me\n  examples: |\n    - hi"), 3, "Names have no spaces"),
        (nlu("- intent: greet\n  exampels: |\n    - hi"), 3, "Keys are `intent`, `examples`"),
        (nlu("- intent: greet\n  examples: |\n    - hi\n    hello"), 6, "Examples start with `- `"),
        (nlu("- intent: greet\n  examples:\n    - hi\n    - [a, b]"), 6, "an example is a text"),
        (nlu("- intent: buy\n  examples: |\n    - a [tent](my thing)"), 5, "[text](entity_name)"),
        (nlu('- intent: buy\n  examples: |\n    - a [tent]{"entity": tent}'), 5, "is not JSON"),
        (
            nlu('- intent: buy\n  examples: |\n    - a [tent]{"entity": "x", "colour": "y"}'),
            5,
            "Keys are entity, value",
        ),
        (nlu("- regex: code\n  examples: |\n    - LF-[0-9"), 5, "Python's `re` syntax"),
        (nlu("- regex: code\n  examples: |\n    - (a+)+x"), 5, "fixed length"),
        (nlu("- lookup: colour\n  examples: missing.txt"), 4, "path relative to this file"),
        (nlu("- synonym: a\n  examples: |\n    - x\n- synonym: b\n  examples: |\n    - x"), 8, "one canonical value"),
        (nlu("- intent: greet\n  intent: bye\n  examples: |\n    - hi"), 4, "stands here twice"),
        ("nlu: ]", 1, "not valid YAML"),
    ],
)
def test_that_a_bad_line_is_named_with_what_is_allowed(tmp_path: Path, text: str, line: int, allowed: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        read(tmp_path, bad=text)
    assert f"bad.yml:{line}:" in str(caught.value)
    assert allowed in str(caught.value)


def test_that_a_missing_folder_and_a_file_in_another_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(KnowledgeError, match="no such folder"):
        read_training_data(tmp_path / "nowhere")
    (tmp_path / "latin.yml").write_bytes("nlu: größe".encode("latin-1"))
    with pytest.raises(KnowledgeError, match=r"latin\.yml: is not UTF-8"):
        read_training_data(tmp_path)


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(\w+\s?)*x", r"(a?){50}a{50}", r"(.*a){20}", r"(a)\1", "["])
def test_that_a_regex_that_may_run_for_ever_is_refused(pattern: str) -> None:
    assert hazard(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"LF-\d{6}",
        r"[\w.]+@[a-z-]+(?:\.[a-z-]+)+",
        r"(?:\+|00)[1-9](?:[\s./-]{0,2}\d){7,13}",
        r"(?:red|blue)+",
        r".*order.*",
    ],
)
def test_that_an_ordinary_regex_is_allowed(pattern: str) -> None:
    assert hazard(pattern) is None
