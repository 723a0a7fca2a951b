"""Jonas is furious: he is told of a person at once, and is never argued with."""

from tests.journeys.conftest import Server


async def test_that_anger_brings_a_person(shop: Server) -> None:
    reply = await shop.shopper().say(
        "THIS IS RIDICULOUS!!! I am sick of your lies, my parcel is two weeks late, you idiots!!!"
    )
    assert any(word in reply.text.lower() for word in ("person", "colleague", "desk", "our people"))


async def test_that_asking_for_a_person_is_enough(shop: Server) -> None:
    jonas = shop.shopper()
    reply = await jonas.say("I want to talk to a human")
    assert any(word in reply.text.lower() for word in ("person", "colleague", "desk", "our people"))
    assert "5.95" in (await jonas.say("How much is shipping to Belgium?")).text
