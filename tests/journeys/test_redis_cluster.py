"""A whole Kefu over a Redis Cluster: shoppers notice neither that it is one, nor that a node of it dies."""

import asyncio
from pathlib import Path

from tests.cluster import running_cluster
from tests.conftest import server_program
from tests.journeys.conftest import serving

DURABLE = {"appendonly": "yes", "appendfsync": "always"}


async def test_that_shoppers_are_answered_over_a_cluster_that_loses_a_node(made: Path, tmp_path: Path) -> None:
    with running_cluster(server_program("redis-server"), tmp_path / "c", **DURABLE) as cluster:
        async with serving(made, tmp_path / "d", writer="none", redis_url=cluster.url) as server:
            shoppers = [server.shopper() for _ in range(8)]
            question = "How much is shipping to Belgium?"
            replies = await asyncio.gather(*(shopper.say(question, "m-1") for shopper in shoppers))
            assert all("5.95" in reply.text for reply in replies)
            cluster.nodes[1].kill()
            again = asyncio.gather(*(shopper.say(question, "m-2") for shopper in shoppers))
            await asyncio.to_thread(cluster.nodes[1].start)
            assert all("5.95" in reply.text for reply in await again)
            assert "Traceback" not in server.log()
