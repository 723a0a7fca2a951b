"""However a stream is cut into pieces, its sentences are the same, and together they are the text."""

from hypothesis import given
from hypothesis import strategies as st

from bot.generation.sentences import Splitter, split_sentences

WORDS = st.sampled_from(
    [
        *("It", "is", "free", "No", "e.g", "approx", "M", "3.95", "EUR", "LF-204518", "https://x.example/a?b=c", "1"),
        *("你好", "运费", "“", "”", '"', ")", "**", "-", ":", "：", "#"),
        *(".", "!", "?", "...", "。", "！", "？", "…"),
        *(" ", "  ", "\n", "\n\n", "\t"),
    ]
)
TEXTS = st.one_of(st.lists(WORDS, max_size=40).map("".join), st.text(max_size=80))


@given(TEXTS)
def test_that_the_sentences_together_are_the_text(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@given(TEXTS, st.data())
def test_that_the_cuts_of_the_stream_do_not_matter(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    splitter = Splitter()
    found = [
        sentence
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for sentence in splitter.feed(text[start:end])
    ]
    assert found + splitter.end() == split_sentences(text)


@given(TEXTS)
def test_that_no_sentence_is_empty_or_padded(text: str) -> None:
    assert all(sentence and sentence == sentence.strip() for sentence in split_sentences(text))
