"""What anybody can type is read in no time, however it was made to be slow.

Texts are read on the event loop and in the action server, one at a time: an expression that takes a minute for one
message stops everybody's conversation.
"""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actions import agreeing, identity, postal, preferences
from actions.lines import find_items
from actions.matching import find_by_price, find_variant
from actions.shop.shop import Shop
from bot import masking
from bot.dialogue import burst, turning
from bot.dialogue.mail import one_blank
from bot.grounding import shown
from bot.models.encoder import E5Encoder
from bot.retrieval.query import read_text
from bot.understanding import language, mood, unfinished
from tests.retrieval_shop import small_catalogue
from tests.shops import small_shop

MOST = 4000
"""Characters that are read of one message (``max_characters``)."""

UNITS = (
    *(" ", "\n ", "\t", "@", "a@", "x@y.", "a.", "a", "A", " a", "a1 ", "1", "1 ", "-", "a-", "#", "我", ".", "!", "?"),
    *(
        ", ",
        "’",
        "(",
        "<a ",
        "http://",
        "a=",
        "no ",
        "yes ",
        "the ",
        "and ",
        "my ",
        "i want to ",
        "to ",
        "under ",
        "€ ",
    ),
    *("€ ", "12345 AB ", "LF-"),
)
TEXTS = [(before + unit * MOST)[: MOST - 1] + after for unit in UNITS for before, after in (("", ""), ("cancel ", "x"))]

SECONDS = 20
"""None of them takes a tenth of a second on a quiet machine; what hangs takes minutes."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = small_shop(f"sqlite:///{tmp_path_factory.mktemp('shop') / Path('shop.db')}")
    yield shop
    shop.engine.dispose()


def read_all(read: Callable[[str], object], texts: list[str]) -> None:
    """Read every text; one that hangs fails, by its beginning."""

    def hang(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hang)
    try:
        for text in texts:
            signal.alarm(SECONDS)
            try:
                read(text)
            except TimeoutError:
                pytest.fail(f"it hangs at {text[:12]!r} …")
            finally:
                signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(
    "read",
    [
        masking.mask, shown.clean, mood.hear_mood, language.detect_language, turning.leaves,
        turning.begins_anew, turning.says_yes_or_no, turning.requests, turning.wishes, turning.asks, turning.asks_how,
    ],
)  # fmt: skip
def test_that_the_event_loop_is_not_held_up(read: Callable[[str], object]) -> None:
    read_all(read, TEXTS)


def test_that_neither_wishes_nor_prices_hold_it_up() -> None:
    read_all(lambda text: burst.parts(one_blank(text)), TEXTS)
    read_all(lambda text: unfinished.unfinished([text]), TEXTS)
    read_all(lambda text: turning.wrong_slot(text, ("order", "items")), TEXTS)
    catalogue = small_catalogue()
    read_all(lambda text: read_text(text, (), catalogue), TEXTS)


def test_that_the_action_server_is_not_held_up(shop: Shop) -> None:
    texts = [text[:2000] for text in TEXTS]
    user = shop.user_by_email("ada@mail.example")
    assert user
    order = shop.orders(user.id)[0]
    product = shop.product(order.items[0].product)
    assert product
    read_all(lambda text: agreeing.yes_or_no(text, ""), texts)
    read_all(lambda text: identity.identify(shop, text), texts)
    read_all(lambda text: identity._guesses(text, text), texts)
    read_all(lambda text: postal.read_address(text, "United Kingdom"), texts)
    read_all(lambda text: preferences.read_preferences(text, ["red"]), texts)
    read_all(lambda text: find_items(order.items, text), texts)
    read_all(lambda text: find_variant(order.items[0], product.variants, text), texts)
    read_all(lambda text: find_by_price(order.items[0], product.variants, text), texts)


def test_that_no_more_of_a_long_text_is_encoded_than_the_model_was_trained_on() -> None:
    encoder = E5Encoder(threads=1)
    long, longer = encoder.encode(["我想退货。" * 200, "我想退货。" * 800])
    assert (long == longer).all()
