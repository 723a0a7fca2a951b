"""The recognizer on the real encoders and a small shop: trained once, saved, opened, and asked in two languages."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import KnowledgeError, ModelError
from bot.models.encoder import Encoders, open_encoders
from bot.models.lanes import EncoderLane
from bot.records import Exchange, Mood, State
from bot.settings import Settings, read_settings
from bot.understanding.recognizer import HeadRecognizer
from bot.understanding.training import is_stale, train_intents

MODELS = Path(__file__).parents[2] / ".kefu" / "models"

EXAMPLES = {
    "greet": ["hello", "hi there", "good morning", "hey", "good evening", "你好", "您好"],
    "order_status": [
        "where is my order", "track my parcel", "has [LF-204518](order_number) been shipped", "my package is late",
        "when will my order arrive", "我的订单到哪了", "包裹什么时候到",
    ],
    "return_item": [
        "I want to return my jacket", "send back an item", "how do I return this", "it does not fit, take it back",
        "return my order please", "我要退货", "怎么退货",
    ],
    "payment_methods": [
        "can I pay by credit card", "do you take PayPal", "which payment methods are there", "pay with an invoice",
        "is cash possible", "可以用支付宝吗", "怎么付款",
    ],
    "store_visit": [
        "where is your store", "opening hours", "are you open on Sunday", "can I visit the showroom",
        "is there a shop in Utrecht", "你们有实体店吗", "几点开门",
    ],
    "talk_to_human": [
        "I want to talk to a person", "human please", "let me speak to an agent", "can I chat with an employee",
        "connect me to customer service", "转人工", "我要找人工客服",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    shop = tmp_path_factory.mktemp("shop")
    (shop / "knowledge" / "intents").mkdir(parents=True)
    blocks = (
        f"- intent: {intent}\n  examples: |\n" + "".join(f"    - {line}\n" for line in lines)
        for intent, lines in EXAMPLES.items()
    )
    text = 'version: "3.1"\nnlu:\n' + "".join(blocks)
    (shop / "knowledge" / "intents" / "nlu.yml").write_text(text, encoding="utf-8")
    (shop / "data").mkdir()
    MODELS.mkdir(parents=True, exist_ok=True)
    (shop / "data" / "models").symlink_to(MODELS)  # The export takes half a minute; one is enough for all tests.
    return read_settings({"knowledge": shop / "knowledge", "data": shop / "data"})


@pytest.fixture(scope="module")
def encoders(settings: Settings) -> Encoders:
    train_intents(settings)
    return open_encoders(settings)


@pytest.fixture
async def recognizer(settings: Settings, encoders: Encoders) -> AsyncIterator[HeadRecognizer]:
    lane = EncoderLane(encoders)
    yield HeadRecognizer.open(settings, lane, {"product": ["Tarn 2 Tent"]})
    await lane.close()


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
async def test_that_a_paraphrase_is_understood(
    recognizer: HeadRecognizer, text: str, language: str, intent: str
) -> None:
    understood = await recognizer.understand(text, State())
    assert (understood.language, understood.intents[0].name) == (language, intent)
    assert understood.in_scope > 0.5
    assert understood.vector is not None
    assert understood.vector.shape == (384,)
    assert understood.encoder


@pytest.mark.parametrize("text", ["", "  ", "👍", "?!", "what is the tallest mountain on earth", "股票今天涨了吗"])
async def test_that_what_no_intent_covers_is_out_of_scope(recognizer: HeadRecognizer, text: str) -> None:
    assert (await recognizer.understand(text, State())).in_scope < 0.5


async def test_that_entities_and_mood_come_along(recognizer: HeadRecognizer) -> None:
    understood = await recognizer.understand("WHERE is my tarn 2 tent, #204518?? terrible service!!", State())
    assert [(entity.name, entity.value) for entity in understood.entities] == [
        ("product", "Tarn 2 Tent"),
        ("order_number", "LF-204518"),
    ]
    assert understood.mood is Mood.ANGRY


async def test_that_the_conversation_is_remembered(recognizer: HeadRecognizer) -> None:
    state = State(language="zh", requested="order_number", history=(Exchange("你好", "您好"),))
    understood = await recognizer.understand("204518", state)
    assert understood.language == "zh"
    assert [(entity.name, entity.value) for entity in understood.entities] == [("order_number", "LF-204518")]


async def test_that_a_text_that_came_before_is_still_read_in_its_own_conversation(recognizer: HeadRecognizer) -> None:
    """What a text means by itself is kept for all; what the talk before it adds is not."""
    text = "this is so disappointing"
    angry = State(history=tuple(Exchange("nobody answers, terrible service", "") for _ in range(3)))
    assert (await recognizer.understand(text, State())).mood is Mood.UPSET
    assert (await recognizer.understand(text, angry)).mood is Mood.ANGRY
    assert (await recognizer.understand(text, State())).mood is Mood.UPSET
    assert not (await recognizer.understand("204518", State())).entities
    assert (await recognizer.understand("204518", State(requested="order_number"))).entities
    assert (await recognizer.understand("ok", State(language="nl"))).language == "nl"
    assert (await recognizer.understand("ok", State(language="en"))).language == "en"


async def test_that_company_does_not_change_what_is_understood(recognizer: HeadRecognizer) -> None:
    texts = ["hello", "我要退货", "opening hours", "where is my order", "do you take PayPal"]
    alone = [await recognizer.understand(text, State()) for text in texts]
    together = await asyncio.gather(*(recognizer.understand(text, State()) for text in texts))
    assert [u.intents[0].name for u in alone] == [u.intents[0].name for u in together]
    assert [u.in_scope for u in alone] == pytest.approx([u.in_scope for u in together], abs=0.05)


def test_that_heads_are_stale_once_the_data_changes(settings: Settings, encoders: Encoders) -> None:
    assert not is_stale(settings)
    file = settings.knowledge / "intents" / "more.yml"
    file.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - howdy\n', encoding="utf-8")
    try:
        assert is_stale(settings)
    finally:
        file.unlink()
    assert not is_stale(settings)


def test_that_nothing_trained_or_nothing_to_train_on_is_said(tmp_path: Path, encoders: Encoders) -> None:
    (tmp_path / "intents").mkdir()
    empty = read_settings({"knowledge": tmp_path, "data": tmp_path / "data"})
    with pytest.raises(ModelError, match="kefu train intents"):
        HeadRecognizer.open(empty, EncoderLane(encoders))
    with pytest.raises(KnowledgeError, match="0 intents"):
        train_intents(empty)


def test_that_serving_loads_nothing_heavy() -> None:
    code = "import sys, bot.understanding.recognizer, bot.understanding.training, bot.understanding.unfinished\n"
    heavy = "{'torch', 'transformers', 'sentence_transformers', 'sklearn', 'scipy', 'matplotlib'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}print({heavy} & set(sys.modules))"], capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr
