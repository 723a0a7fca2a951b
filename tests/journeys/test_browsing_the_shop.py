"""Mila looks around: she greets, asks about shipping, searches for a tent, asks on, and asks for what is not there."""

from bot.records import Rung
from tests.journeys.conftest import Server
from tests.journeys.evidence import last_turn, without_source

WRITTEN = (
    "Who pays the customs duties for an order to Switzerland?",
    "Can I pick my order up at a parcel locker in Germany?",
    "My size is sold out, so how would an exchange work for me then?",
    "What is the weight of the Tarn 2 Tent in grams?",
    "How does the warranty work for a zip that broke after a year?",
)
"""Questions that the FAQ does not answer word for word, so that the writer is asked."""


async def test_that_a_greeting_comes_with_ways_to_go_on(shop: Server) -> None:
    reply = await shop.shopper().say("Hello")
    assert "Talk to a person" in reply.buttons


async def test_that_a_faq_question_gets_the_shops_own_answer_and_its_source(shop: Server) -> None:
    reply = await shop.shopper().say("what does it cost to send something to belgium?")
    assert "5.95" in reply.text
    assert any(source.startswith(("faq/shipping.yml", "policies/shipping.md")) for source in reply.sources)


async def test_that_a_search_lists_exactly_the_products_that_match(shop: Server) -> None:
    mila = shop.shopper()
    reply = await mila.say("Which tents are under 250 euro?")
    assert "LFT-TARN1" in reply.products
    assert "LFT-TARN3" not in reply.products
    assert "219.95" in reply.text
    assert (await last_turn(shop, mila)).rung is Rung.LISTED


async def test_that_what_the_shop_wrote_for_a_question_goes_out_as_it_stands(shop: Server) -> None:
    mila = shop.shopper()
    reply = await mila.say("What is not covered by the warranty?")
    assert "Normal wear and damage by accident or wrong care are not covered" in reply.text
    trace = await last_turn(shop, mila)
    assert trace.rung is Rung.APPROVED
    assert not trace.verdicts, "nobody wrote anything that had to be checked"


async def test_that_a_follow_up_adds_to_the_question_before_it(shop: Server) -> None:
    mila = shop.shopper()
    tents = await mila.say("Which 3 person tents do you have?")
    assert "LFT-TARN3" in tents.products
    orange = await mila.say("and in rust orange?")
    assert set(orange.products) <= set(tents.products)
    assert "LFT-TARN3" in orange.products
    heavy = await mila.say("how heavy is it?")
    assert any(weight in heavy.text for weight in ("2780", "2,780", "2.78"))


async def test_that_stock_is_told_of_the_very_colour_and_size(shop: Server) -> None:
    mila = shop.shopper()
    assert "Sold out" in (await mila.say("do you have the Men's Cairn Mid Hiking Boots in brown 44?")).text
    assert "Nothing that is in stock fits" in (await mila.say("u got boots in 44 brown?")).text
    assert "in stock" in (await mila.say("is the Tarn 1 in stock")).text
    assert "no Tarn 1 Tent in pink" in (await mila.say("is it in stock in pink")).text
    await mila.say("how heavy is the Tarn 2?")
    assert "no Tarn 2 Tent in red" in (await mila.say("and in red?")).text


async def test_that_a_product_question_is_answered_for_this_product_and_no_other(shop: Server) -> None:
    reply = await shop.shopper().say("How much does the Tarn 2 Tent weigh?")
    assert any(weight in reply.text for weight in ("2150", "2,150", "2.15"))
    assert not any(weight in reply.text for weight in ("2780", "2,780", "1450", "1,450"))


async def test_that_what_the_shop_does_not_know_is_not_made_up(shop: Server) -> None:
    mila = shop.shopper()
    reply = await mila.say("Do you sell inflatable kayaks with an electric motor?")
    assert not reply.sources
    assert not any(character.isdigit() for character in reply.text)
    assert (await last_turn(shop, mila)).rung is Rung.UNANSWERED


async def test_that_a_question_outside_the_shop_is_left_alone(shop: Server) -> None:
    reply = await shop.shopper().say("Who won the world cup in 1998 and what is the capital of Peru?")
    assert "France" not in reply.text
    assert "Lima" not in reply.text
    assert not reply.sources


async def test_that_a_stream_gives_what_the_whole_answer_gives(shop: Server) -> None:
    question = "How long do I have to send something back that I have not worn?"
    streamed = await shop.shopper().stream(question)
    whole = await shop.shopper().say(question)
    assert streamed.text == whole.text
    assert "30 days" in whole.text
    assert streamed.sources == whole.sources


async def test_that_the_writer_writes_and_every_number_has_a_source(shop: Server) -> None:
    written = {}
    for question in WRITTEN:
        mila = shop.shopper()
        reply = await mila.stream(question)
        trace = await last_turn(shop, mila)
        assert reply.text
        assert reply.sources
        assert trace.rung in (Rung.WRITTEN, Rung.QUOTED)
        assert trace.verdicts, "the writer wrote, and was checked"
        assert not without_source(shop, trace, reply.text)
        if trace.rung is Rung.WRITTEN:
            assert reply.text == " ".join(verdict.sentence for verdict in trace.verdicts if verdict.supported)
            written[question] = reply
    assert written, "of so many drafts the check lets one pass"

    for question, reply in written.items():
        jonas = shop.shopper()
        again = await jonas.say(question)
        trace = await last_turn(shop, jonas)
        assert trace.rung is Rung.CACHED
        assert not trace.verdicts, "the writer is not asked twice"
        assert (again.text, again.sources) == (reply.text, reply.sources)
