"""李伟 writes Chinese: he gets Chinese answers from the Chinese FAQ, and prices from the English catalogue."""

import re

import pytest

from tests.journeys.conftest import Server


async def test_that_a_chinese_question_gets_the_chinese_answer(shop: Server) -> None:
    reply = await shop.shopper().say("寄到德国的运费是多少？")
    assert "5.95" in reply.text
    assert any("\u4e00" <= character <= "\u9fff" for character in reply.text)
    assert any("zh" in source for source in reply.sources)


async def test_that_a_chinese_greeting_is_returned_in_chinese(shop: Server) -> None:
    assert "您好" in (await shop.shopper().say("你好")).text


async def test_that_the_catalogue_answers_in_chinese_too(shop: Server) -> None:
    reply = await shop.shopper().say("有没有250欧元以下的帐篷？")
    assert "LFT-TARN1" in reply.products
    assert "219.95" in reply.text


async def test_that_nothing_is_made_up_in_chinese_either(shop: Server) -> None:
    reply = await shop.shopper().say("你们卖电动汽车吗？最高时速是多少？")
    assert not reply.sources
    assert not any(character.isdigit() for character in reply.text)


@pytest.mark.parametrize(
    ("text", "asks"),
    [("我的包裹到哪里了", "订单号"), ("改地址", "邮箱"), ("查一下我的订单", "邮箱"), ("帮我改一下收货地址", "邮箱")],
)
async def test_that_a_plain_wish_is_begun_and_not_read_about(shop: Server, text: str, asks: str) -> None:
    reply = await shop.shopper().say(text)
    assert asks in reply.text
    assert not reply.sources
    assert reply.rows[-1]["custom"]["ask"] in ("order_number", "shopper")


async def test_that_another_order_is_offered_where_a_summary_was_of_the_wrong_one(shop: Server) -> None:
    freya = shop.shopper()
    await freya.say("我想取消订单，我是freya.lund@mail.example")
    await freya.say("LF-205010")
    assert "确认" in (await freya.say("不再需要了")).text
    other = await freya.say("等一下，另一个订单")
    assert {"LF-205010", "LF-205011"} <= set(re.findall(r"LF-\d+", str(other.rows[-1]["custom"]["options"])))


async def test_that_what_stands_in_no_question_is_asked_again_in_a_form(shop: Server) -> None:
    freya = shop.shopper()
    await freya.say("I want to cancel LF-205011, I am freya.lund@mail.example")
    summary = await freya.say("no longer needed")
    for beside in ("only the boots", "credit card"):
        again = await freya.say(beside)
        assert not again.sources
        assert not again.products
        assert (
            again.text == f"I did not understand that, and have done nothing yet. Is this still right?\n{summary.text}"
        )
