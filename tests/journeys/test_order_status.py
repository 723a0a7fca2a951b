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


async def test_that_a_wrong_address_is_asked_for_again_and_a_right_one_says_who_it_is(shop: Server) -> None:
    mila = shop.shopper()
    await mila.say("order status")
    await mila.say("LF-204518")
    wrong = await mila.say("mila.devris@mail.example")
    assert "no order" in wrong.text
    assert "mail" in wrong.text.lower()
    assert "MP7730184420NL" in (await mila.say("mila.devries@mail.example")).text
    assert "MP7730171001NL" in (await mila.say("no, LF-204519")).text
    assert "pending" in (await mila.say("LF-204520")).text
    assert "LF-204520" in (await mila.say("cancel that order")).text


async def test_that_who_guesses_gets_a_person_and_no_order(shop: Server) -> None:
    stranger = shop.shopper()
    await stranger.say("where is LF-204518")
    replies = [await stranger.say(f"{name}@mail.example") for name in ("jonas.keller", "ann", "lee")]
    assert "person" in replies[-1].text
    assert not any("MP7730184420NL" in reply.text for reply in replies)
    assert "MP7730184420NL" not in (await stranger.say("mila.devries@mail.example, LF-204518")).text
