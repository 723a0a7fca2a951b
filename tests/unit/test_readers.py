"""What a reader of many nodes makes of it when one of them has lost its groups."""

import asyncio

import pytest

from bot.conversations.connection import Wire
from bot.conversations.node import Node
from bot.conversations.readers import BellReader, Found
from bot.errors import StoreUnavailable

LEASED: Found = ("{s1}:ready", b"1-0", b"rest:anna")


async def found(*leases: Found) -> list[Found]:
    return list(leases)


async def refused() -> list[Found]:
    raise StoreUnavailable("Redis refused: NOGROUP no such group")


@pytest.mark.parametrize("good_first", [True, False])
async def test_that_a_node_without_groups_costs_nobody_a_lease(good_first: bool) -> None:
    wire = Wire("redis://127.0.0.1:1")
    reader = BellReader(wire, [], "assistants", "reader")
    reads = [found(LEASED), refused()]
    for read in reads if good_first else reads[::-1]:
        reader._reads[Node("redis://127.0.0.1:1")] = (1, asyncio.create_task(read))
    await asyncio.wait([read for _, read in reader._reads.values()])
    told: list[Found | str] = []
    for _ in reads:
        try:
            told += await reader.take(8)
        except StoreUnavailable as exc:
            told.append(str(exc))
    await reader.aclose()
    await wire.aclose()
    assert sorted(map(str, told)) == sorted([str(LEASED), "Redis refused: NOGROUP no such group"])
