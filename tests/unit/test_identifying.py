"""Who a shopper is, by words that only they should know."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.identity import STEP, identify
from actions.scene import HINT, TRIES, Filled, Scene
from actions.shop.database import connect, migrate
from actions.shop.plain import load
from actions.shop.shop import Shop
from tests.shops import ADDRESS

NAMES = {
    "nobody": ("", "", "", "10001"),
    "signs": ("-", "…", "signs@mail.example", "10002"),
    "half": ("Madonna", "", "half@mail.example", "10003"),
    "an-li": ("An", "Li", "an@mail.example", "10004"),
    "wang-fang": ("芳", "王", "wang@mail.example", "10005"),
    "mila": ("Mila", "de Vries", "mila@mail.example", "1034 WK"),
}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    engine = connect(f"sqlite:///{tmp_path / 'shop.db'}")
    migrate(engine)
    users: dict[str, Any] = {
        user: {
            "name": {"first_name": first, "last_name": last},
            "address": {**ADDRESS, "zip": postcode},
            "email": email,
            "payment_methods": {},
            "orders": [],
        }
        for user, (first, last, email, postcode) in NAMES.items()
    }
    load(engine, {"users": users, "products": {}, "orders": {}})
    yield Shop(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("Mila de Vries, 1034 WK", "mila"),
        ("de vries mila 1034wk", "mila"),
        ("An Li 10004", "an-li"),
        ("王芳 10005", "wang-fang"),
        ("芳 王，10005", "wang-fang"),
        ("MILA@mail.example.", "mila"),
        ("I am anybody at 10001", None),
        ("I am anybody at 10002", None),
        ("Madonna, 10003", None),
        ("Julian Liang 10004", None),
        ("Mila, 1034 WK", None),
        ("李芳 10005", None),
        ("mila@mail.example or wang@mail.example", None),
    ],
)
def test_that_a_shopper_is_found_by_both_names_and_the_postcode(shop: Shop, text: str, user: str | None) -> None:
    found = identify(shop, text)
    assert (found and found.id) == user


def test_that_an_empty_address_is_nobodys(shop: Shop) -> None:
    assert shop.user_by_email(" ") is None
    assert shop.user_by_email("an@mail.example") is not None


@pytest.mark.parametrize(
    ("text", "half"),
    [
        *(
            (text, True)
            for text in ("Mila de Vries", "mila de vries", "my name is Mila de Vries", "Hi, I'm Mila Smith-O'Hara.")
        ),
        *((text, True) for text in ("王芳", "我叫王芳", "你好，我是李伟", "谢婷", "10005", "An Li", "Will Price")),
        *(
            (text, False)
            for text in ("cancel my order", "no", "yes", "by mistake", "i dont want to say", "what?", "No thanks")
        ),
        *(
            (text, False)
            for text in (
                "why do you need that",
                "I'm not telling",
                "Leave me alone!",
                "是的",
                "不想说",
                "为什么",
                "谢谢",
                "",
            )
        ),
        *(
            (text, False)
            for text in ("don't know it", "It's LF-204520", "Mila", "yes please", "Who are you", "nee bedankt")
        ),
    ],
)
def test_that_only_a_postcode_or_a_name_is_half_an_answer(shop: Shop, text: str, half: bool) -> None:
    scene = Scene(shop, text, "", "en", "shopper", {}, "c", "m", {})
    assert STEP.read(scene) is None
    assert scene.slots.get(HINT) == (text if half else None)
    asked = STEP.ask(scene).text
    assert ("And" in asked) is half
    assert not scene.slots.get(TRIES)


def test_that_two_halves_name_a_shopper_whatever_is_said_between(shop: Shop) -> None:
    scene = Scene(shop, "Mila de Vries", "", "en", "shopper", {}, "c", "m", {})
    assert STEP.read(scene) is None
    assert STEP.read(replace(scene, text="why do you ask?")) is None
    assert STEP.read(replace(scene, text="1034 WK")) == Filled("mila")
