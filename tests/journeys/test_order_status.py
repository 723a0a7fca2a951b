"""Mila asks where her parcel is: two questions, one look-up on the real action server, and nobody else's order."""

from tests.journeys.conftest import Server


async def test_that_an_order_is_found_in_three_messages(shop: Server) -> None:
    mila = shop.shopper()
    assert "order number" in (await mila.say("Where is my parcel?")).text.lower()
    assert "mail" in (await mila.say("LF-204518")).text.lower()
    status = await mila.say("mila.devries@mail.example")
    assert "MP7730184420NL" in status.text


async def test_that_a_stranger_learns_nothing(shop: Server) -> None:
    stranger = shop.shopper()
    reply = await stranger.say("Where is my order LF-204518? My email is jonas.keller@mail.example")
    assert "MP7730184420NL" not in reply.text
    assert "no order" in reply.text
