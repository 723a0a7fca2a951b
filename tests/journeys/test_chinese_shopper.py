"""李伟 writes Chinese: he gets Chinese answers from the Chinese FAQ, and prices from the English catalogue."""

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
