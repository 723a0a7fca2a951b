"""Jonas is furious: he is passed on to a person at once, and is never argued with."""

from pathlib import Path

from bot.records import EntryKind, Floor
from tests.journeys.conftest import Server, Shopper, serving
from tests.journeys.evidence import entries

FURY = "THIS IS RIDICULOUS!!! I am sick of your lies, my parcel is two weeks late, you idiots!!!"


async def floors(server: Server, shopper: Shopper) -> list[Floor | None]:
    """Whom the floor went to, as the log has it."""
    return [entry.floor for entry in await entries(server, shopper.sender) if entry.kind is EntryKind.FLOOR]


async def test_that_anger_brings_a_person(shop: Server) -> None:
    jonas = shop.shopper()
    assert "our people" in (await jonas.say(FURY)).text.lower()
    assert await floors(shop, jonas) == [Floor.WAITING]


async def test_that_asking_for_a_person_is_enough(shop: Server) -> None:
    jonas = shop.shopper()
    assert "our people" in (await jonas.say("I want to talk to a human")).text.lower()
    assert await floors(shop, jonas) == [Floor.WAITING]
    assert "5.95" in (await jonas.say("How much is shipping to Belgium?")).text
    assert await floors(shop, jonas) == [Floor.WAITING], "an answer meanwhile does not take his place in the queue"


async def test_that_a_question_does_not_call_a_person(shop: Server) -> None:
    mila = shop.shopper()
    await mila.say("How much is shipping to Belgium?")
    assert await floors(shop, mila) == []


async def test_that_anger_waits_for_a_person_at_night_too(made: Path, tmp_path: Path) -> None:
    async with serving(made, tmp_path / "d", writer="none", desk_hours="never") as server:
        jonas = server.shopper()
        assert "9:00" in (await jonas.say(FURY)).text, "he is told when people are there"
        assert await floors(server, jonas) == [Floor.WAITING]
