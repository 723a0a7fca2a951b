"""The recognizers, one suite: the embedded one on the real encoders, and the one that asks a real Rasa server."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bot.errors import KnowledgeError, ModelError
from bot.models.encoder import Encoders
from bot.models.lanes import EncoderLane
from bot.ports import Recognizer
from bot.records import Exchange, Mood, State
from bot.settings import Settings, read_settings
from bot.telemetry.metrics import RASA_FALLBACKS
from bot.understanding.rasa import RasaRecognizer
from bot.understanding.rasa_server.model import Served
from bot.understanding.recognizer import HeadRecognizer
from bot.understanding.training import is_stale, train_intents

BOTH = pytest.mark.parametrize("either", ["embedded", "rasa"], indirect=True)
"""Run a test on the embedded recognizer and on a real Rasa server; without it, on the former only."""


@pytest.fixture
async def either(
    request: pytest.FixtureRequest, small_shop: Settings, embedded: HeadRecognizer
) -> AsyncIterator[Recognizer]:
    """The recognizer of the test's name; no message may have been read by the other one in its place."""
    if request.param == "embedded":
        yield embedded
        return
    served: Served = request.getfixturevalue("rasa_server")
    # A machine with other work on it takes longer than a shopper would wait.
    asked = small_shop.model_copy(
        update={"recognizer": "rasa", "rasa_url": served.url, "rasa_timeout": timedelta(seconds=300)}
    )
    before = fallbacks()
    async with aiohttp.ClientSession() as session:
        yield RasaRecognizer.open(asked, session, embedded)
    assert fallbacks() == before


def fallbacks() -> float:
    """How many messages the embedded recognizer has read for Rasa."""
    return sum(sample.value for metric in RASA_FALLBACKS.collect() for sample in metric.samples)


# ── What every recognizer promises ────────────────────────────────────────────────────────────────


@BOTH
@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("Hello!", "en", "greet"),
        ("please track my parcel", "en", "order_status"),
        ("I want to return my boots", "en", "return_item"),
        ("can I pay by PayPal", "en", "payment_methods"),
        ("please let me speak to a human", "en", "talk_to_human"),
        ("我要退货", "zh", "return_item"),
    ],
)
async def test_that_what_resembles_the_examples_is_understood(
    either: Recognizer, text: str, language: str, intent: str
) -> None:
    understood = await either.understand(text, State())
    assert (understood.text, understood.language, understood.intents[0].name) == (text, language, intent)
    assert understood.in_scope > 0.5
    assert understood.notes == ()
    assert await either.answers()


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "👍",
        "?!",
        "/",
        " // ",
        "42",
        "hello\n\n\tthere",
        "\u200b",
        "/greet",
        '/greet{"city": "Ghent"}',
        "喂",
        "a" * 4000,
    ],
)
async def test_that_nothing_is_read_as_no_intent(either: Recognizer, text: str) -> None:
    understood = await either.understand(text, State())
    assert understood.text == text
    assert understood.intents
    assert 0.0 <= understood.in_scope <= 1.0
    confidences = [intent.confidence for intent in understood.intents]
    assert confidences == sorted(confidences, reverse=True)
    assert all(0.0 <= confidence <= 1.0 for confidence in confidences)
    assert len({intent.name for intent in understood.intents}) == len(confidences)


@BOTH
async def test_that_a_typed_command_is_not_taken_at_its_word(either: Recognizer) -> None:
    """Rasa's clients may send ``/intent``; whether a button did is the channel's to know, and a shopper may not."""
    understood = await either.understand("/talk_to_human I was only asking where is my order", State())
    assert understood.intents[0].confidence < 1.0
    assert (await either.understand("/no_such_intent", State())).intents[0].name != "no_such_intent"


@BOTH
@pytest.mark.parametrize(
    "text", ["has LF-204518 been shipped", "  has LF-204518 been shipped ", "has LF204518 been shipped"]
)
async def test_that_an_entity_stands_where_it_says_in_the_shops_spelling(either: Recognizer, text: str) -> None:
    (entity,) = (await either.understand(text, State())).entities
    assert (entity.name, entity.value) == ("order_number", "LF-204518")
    assert text[entity.start : entity.end].replace("-", "") == "LF204518"


@BOTH
async def test_that_an_answer_is_read_in_the_light_of_the_question(either: Recognizer) -> None:
    state = State(language="zh", requested="order_number", history=(Exchange("你好", "您好"),))
    understood = await either.understand("204518", state)
    assert understood.language == "zh"
    assert [(entity.name, entity.value) for entity in understood.entities] == [("order_number", "LF-204518")]


@BOTH
async def test_that_mood_comes_along_and_grows_over_messages(either: Recognizer) -> None:
    assert (await either.understand("WHERE is my order?? terrible service!!", State())).mood is Mood.ANGRY
    angry = State(history=tuple(Exchange("nobody answers, terrible service", "") for _ in range(3)))
    assert (await either.understand("this is so disappointing", State())).mood is Mood.UPSET
    assert (await either.understand("this is so disappointing", angry)).mood is Mood.ANGRY


@BOTH
async def test_that_company_does_not_change_what_is_understood(either: Recognizer) -> None:
    texts = ["hello", "我要退货", "opening hours", "where is my order", "do you take PayPal"]
    alone = [await either.understand(text, State()) for text in texts]
    together = await asyncio.gather(*(either.understand(text, State()) for text in texts))
    assert [u.intents[0].name for u in alone] == [u.intents[0].name for u in together]
    assert [u.in_scope for u in alone] == pytest.approx([u.in_scope for u in together], abs=0.05)


# ── What only a real Rasa has ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("either", ["rasa"], indirect=True)
async def test_that_rasas_roles_and_retrieval_intents_come_through(either: Recognizer) -> None:
    text = "  move it from Leiden to Ghent"
    moved = await either.understand(text, State())
    cities = [(text[e.start : e.end], e.role) for e in moved.entities if e.name == "city"]
    assert cities == [("Leiden", "from"), ("Ghent", "to")]
    assert (await either.understand("can you gift wrap it please", State())).intents[0].name == "faq/gift_wrap"
    assert (await either.understand("stop the newsletter please", State())).intents[0].name == "faq/newsletter"


# ── What the embedded one promises beyond ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "language", "intent"),
    [
        ("Hello!", "en", "greet"),
        ("my parcel has not come, where is it", "en", "order_status"),
        ("I would like to send these boots back", "en", "return_item"),
        ("can I pay with Visa", "en", "payment_methods"),
        ("please let me talk to a human", "en", "talk_to_human"),
        ("我的包裹到哪里了", "zh", "order_status"),
        ("我想退货", "zh", "return_item"),
    ],
)
async def test_that_a_paraphrase_is_understood(embedded: HeadRecognizer, text: str, language: str, intent: str) -> None:
    understood = await embedded.understand(text, State())
    assert (understood.language, understood.intents[0].name) == (language, intent)
    assert understood.in_scope > 0.5
    assert understood.vector is not None
    assert understood.vector.shape == (384,)
    assert understood.encoder


@pytest.mark.parametrize("text", ["", "  ", "👍", "?!", "what is the tallest mountain on earth", "股票今天涨了吗"])
async def test_that_what_no_intent_covers_is_out_of_scope(embedded: HeadRecognizer, text: str) -> None:
    assert (await embedded.understand(text, State())).in_scope < 0.5


async def test_that_entities_and_mood_come_along(embedded: HeadRecognizer) -> None:
    understood = await embedded.understand("WHERE is my tarn 2 tent, #204518?? terrible service!!", State())
    assert [(entity.name, entity.value) for entity in understood.entities] == [
        ("product", "Tarn 2 Tent"),
        ("order_number", "LF-204518"),
    ]
    assert understood.mood is Mood.ANGRY


async def test_that_a_text_that_came_before_is_still_read_in_its_own_conversation(embedded: HeadRecognizer) -> None:
    """What a text means by itself is kept for all; what the talk before it adds is not."""
    text = "this is so disappointing"
    angry = State(history=tuple(Exchange("nobody answers, terrible service", "") for _ in range(3)))
    assert (await embedded.understand(text, State())).mood is Mood.UPSET
    assert (await embedded.understand(text, angry)).mood is Mood.ANGRY
    assert (await embedded.understand(text, State())).mood is Mood.UPSET
    assert not (await embedded.understand("204518", State())).entities
    assert (await embedded.understand("204518", State(requested="order_number"))).entities
    assert (await embedded.understand("ok", State(language="nl"))).language == "nl"
    assert (await embedded.understand("ok", State(language="en"))).language == "en"


def test_that_heads_are_stale_once_the_data_changes(small_shop: Settings) -> None:
    assert not is_stale(small_shop)
    file = small_shop.knowledge / "intents" / "more.yml"
    file.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - howdy\n', encoding="utf-8")
    try:
        assert is_stale(small_shop)
    finally:
        file.unlink()
    assert not is_stale(small_shop)


def test_that_nothing_trained_or_nothing_to_train_on_is_said(tmp_path: Path, small_encoders: Encoders) -> None:
    (tmp_path / "intents").mkdir()
    empty = read_settings({"knowledge": tmp_path, "data": tmp_path / "data"})
    with pytest.raises(ModelError, match="kefu train intents"):
        HeadRecognizer.open(empty, EncoderLane(small_encoders))
    with pytest.raises(KnowledgeError, match="0 intents"):
        train_intents(empty)


def test_that_serving_loads_nothing_heavy() -> None:
    code = "import sys, bot.understanding.recognizer, bot.understanding.training, bot.understanding.unfinished\n"
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'sklearn', 'scipy', 'matplotlib'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print({heavy} & set(sys.modules))"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
