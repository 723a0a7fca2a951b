"""What a Redis Cluster may do: lose a node, get it back, move slots. No message is lost or answered twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.channels.limits import Limits
from bot.conversations import Conversations, keys, open_conversations
from bot.conversations.keys import ConversationKeys
from bot.errors import StoreUnavailable
from bot.ports import Voice
from bot.records import Conversation, ConversationId, Turn
from bot.settings import read_settings
from bot.worker import Worker
from tests.cluster import Cluster, running_cluster, shard_of_node
from tests.conftest import server_program
from tests.contract.test_conversations import message, told
from tests.contract.test_sockets import opened, settings_of
from tests.contract.test_worker import echo

SHOPPERS = 12
"""Spread over 256 shards, so over all nodes."""


BOTH_CLUSTERS = pytest.mark.parametrize("cluster", ["redis-server", "valkey-server"], indirect=True)
"""They differ in what they answer while a slot is on its way; without it, Debian's Redis only."""


@pytest.fixture
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    """A durable cluster that serves what it has when a node is away."""
    program = server_program(getattr(request, "param", "redis-server"))
    options = {"appendonly": "yes", "appendfsync": "always", "cluster_require_full_coverage": "no"}
    with running_cluster(program, tmp_path / "c", **options) as cluster:
        yield cluster


@pytest.fixture
async def conversations(cluster: Cluster, tmp_path: Path) -> AsyncIterator[Conversations]:
    settings = read_settings({"data": tmp_path, "redis_url": cluster.url, "lease": 1, "turns": 8})

    async def slow(conversation: Conversation, voice: Voice) -> Turn:
        await asyncio.sleep(0.02)
        return await echo(conversation, voice)

    async with AsyncExitStack() as stack:
        conversations = await stack.enter_async_context(open_conversations(settings))
        for _ in range(2):
            await stack.enter_async_context(Worker(conversations, slow, settings))
        yield conversations


async def accept_at_last(conversations: Conversations, shopper: str, text: str) -> None:
    """As a client does: the same message again, until it is accepted."""
    while True:
        try:
            await conversations.accept(message(text, sender=shopper))
            return
        except StoreUnavailable:
            await asyncio.sleep(0.1)


async def talk(conversations: Conversations, shopper: str, until: asyncio.Event) -> int:
    """Write and wait for the answer, again and again; returns how often."""
    count = 0
    async with conversations.follow(ConversationId(f"rest:{shopper}")) as grown:
        while not until.is_set():
            await accept_at_last(conversations, shopper, str(count))
            while not await is_covered(conversations, shopper, str(count)):
                await grown()
            count += 1
            await asyncio.sleep(0.02)
    return count


async def is_covered(conversations: Conversations, shopper: str, text: str) -> bool:
    while True:
        try:
            log = await conversations.read(ConversationId(f"rest:{shopper}"))
            return any(text in entry.covers for entry in log)
        except StoreUnavailable:
            await asyncio.sleep(0.1)


async def told_once_and_in_order(conversations: Conversations, shopper: str, count: int) -> None:
    log = told(await conversations.read(ConversationId(f"rest:{shopper}")))
    lines = [line for n in range(count) for line in (f"shopper: {n}", f"assistant: You said {n}", f"turn covers {n}")]
    assert log == lines


def shopper_of(shard: int) -> str:
    """A shopper whose conversation is in ``shard``."""
    return next(f"s{n}" for n in range(100_000) if keys.shard_of(ConversationId(f"rest:s{n}")) == shard)


@BOTH_CLUSTERS
async def test_that_a_killed_node_costs_nobody_a_message(cluster: Cluster, conversations: Conversations) -> None:
    shoppers = [f"s{n}" for n in range(SHOPPERS)]
    until = asyncio.Event()
    async with asyncio.timeout(60):
        talks = [asyncio.create_task(talk(conversations, shopper, until)) for shopper in shoppers]
        for node in cluster.nodes[1:]:
            await asyncio.sleep(0.5)
            node.kill()
            await asyncio.sleep(2)  # Longer than it takes the others to see it: its slots have no owner now.
            alive = shopper_of(shard_of_node(cluster, cluster.nodes[0]))
            await conversations.accept(message(f"while {node.port} is away", sender=alive))
            await asyncio.to_thread(node.start)
            await asyncio.to_thread(cluster.wait_until_ok)
        until.set()
        counts = await asyncio.gather(*talks)
    for shopper, count in zip(shoppers, counts, strict=True):
        await told_once_and_in_order(conversations, shopper, count)


async def test_that_a_short_outage_is_only_a_delay(cluster: Cluster, conversations: Conversations) -> None:
    node = cluster.nodes[1]
    shopper = shopper_of(shard_of_node(cluster, node))
    node.kill()
    accepted = asyncio.create_task(conversations.accept(message("Hi", sender=shopper)))
    await asyncio.sleep(0.2)
    await asyncio.to_thread(node.start)
    await accepted


@BOTH_CLUSTERS
async def test_that_slots_may_move_while_messages_flow(cluster: Cluster, conversations: Conversations) -> None:
    shards = [shard_of_node(cluster, node) for node in cluster.nodes]
    shoppers = [shopper_of(shard) for shard in shards]
    until = asyncio.Event()
    async with asyncio.timeout(60):
        talks = [asyncio.create_task(talk(conversations, shopper, until)) for shopper in shoppers]
        await asyncio.sleep(0.5)
        for n, shard in enumerate(shards):
            there = cluster.nodes[(n + 1) % 3]
            here = await asyncio.to_thread(cluster.move, shard, there, 0.005)
            await asyncio.sleep(0.1)
            await asyncio.to_thread(cluster.move, shard, here, 0.005)
        until.set()
        counts = await asyncio.gather(*talks)
    for shopper, count in zip(shoppers, counts, strict=True):
        assert count > 1
        await told_once_and_in_order(conversations, shopper, count)


async def test_that_who_waits_is_told_where_the_slot_is_now(cluster: Cluster, conversations: Conversations) -> None:
    """Nothing is read again unasked here: only a subscription that moved along can tell."""
    shard = shard_of_node(cluster, cluster.nodes[0])
    conversation = ConversationId(f"rest:{shopper_of(shard)}")
    async with asyncio.timeout(20), conversations.follow(conversation) as grown:
        await asyncio.to_thread(cluster.move, shard, cluster.nodes[1])
        channel = ConversationKeys.of(conversation).live
        while not cluster.nodes[1].client.execute_command("PUBSUB", "SHARDNUMSUB", channel)[1]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        grown.forget()
        await conversations.accept(message("Hi", sender=shopper_of(shard)))
        assert await grown()


async def test_that_a_replica_that_takes_over_is_found(cluster: Cluster, conversations: Conversations) -> None:
    node = cluster.nodes[1]
    shopper = shopper_of(shard_of_node(cluster, node))
    await asyncio.to_thread(cluster.add_replica, node)
    async with asyncio.timeout(30), conversations.follow(ConversationId(f"rest:{shopper}")) as grown:
        await conversations.accept(message("before", sender=shopper))
        while not await is_covered(conversations, shopper, "before"):
            await grown()
        await asyncio.sleep(0.5)  # Replication is asynchronous; what it had no time for would be lost.
        node.kill()
        await accept_at_last(conversations, shopper, "after")
        while not await is_covered(conversations, shopper, "after"):
            await grown()


async def test_that_a_dead_node_holds_up_nobodys_lines_but_its_own(
    cluster: Cluster, conversations: Conversations, tmp_path: Path
) -> None:
    async with opened(conversations, settings_of(tmp_path), handle=None) as shop:
        clients = [await shop.client() for _ in range(8)]
        for client in clients:
            await client.answered(client.send("before"))
        nodes = [conversations.node_of(ConversationId(client.conversation)) for client in clients]
        dead = nodes[0]
        server = next(node for node in cluster.nodes if dead.url.endswith(f":{node.port}"))
        server.kill()
        for socket in shop.channel._pump.sockets:
            shop.channel._pump.wake(socket)  # At the same moment, as when much is under way.
        for client, node in zip(clients, nodes, strict=True):
            if node is not dead:
                await client.answered(client.send("while it is away"))
        await asyncio.to_thread(server.start)
        await clients[0].answered(clients[0].send("when it is back"))


async def test_that_a_dead_node_keeps_nobody_from_writing_whose_conversation_is_elsewhere(
    cluster: Cluster, conversations: Conversations, tmp_path: Path
) -> None:
    limits = Limits(settings_of(tmp_path), conversations)
    shoppers = [ConversationId(f"web:s{n}") for n in range(SHOPPERS)]
    dead = conversations.node_of(shoppers[0])
    next(node for node in cluster.nodes if dead.url.endswith(f":{node.port}")).kill()
    for n, shopper in enumerate(shoppers):
        if conversations.node_of(shopper) is not dead:
            await limits.admit(shopper, f"203.0.113.{n}")


async def test_that_a_cluster_that_wants_all_its_slots_says_so(cluster: Cluster, conversations: Conversations) -> None:
    for node in cluster.nodes:
        node.client.config_set("cluster-require-full-coverage", "yes")
    alive = shopper_of(shard_of_node(cluster, cluster.nodes[0]))
    cluster.nodes[1].kill()
    await asyncio.sleep(2.5)  # Until the others have seen it.
    with pytest.raises(StoreUnavailable):
        await conversations.accept(message("Hi", sender=alive))
