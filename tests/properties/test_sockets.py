"""Whatever happens to its connections, a client collects the log: every line once, and in order."""

import asyncio
import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.ports import Voice
from bot.records import Conversation, State, Trace, Turn, Utterance
from tests.conftest import RETENTION
from tests.contract.test_sockets import opened, settings_of
from tests.socket_client import WidgetClient

steps = st.lists(
    st.tuples(st.sampled_from(("send", "send", "cut", "doze", "wake", "wait")), st.integers(0, 1)), max_size=30
)
"""What happens, and to which of two tabs."""


async def sentences(conversation: Conversation, voice: Voice) -> Turn:
    """One after the other, each of another length: some share a frame, some fill one."""
    chance = random.Random(conversation.mail[0].id)
    for _ in range(chance.randrange(4)):
        await voice.say(Utterance("word " * chance.choice((1, 50, 4000))))
    return Turn(tuple(Utterance(mail.text) for mail in conversation.mail), State(), Trace())


async def happen(tab: WidgetClient, what: str) -> None:
    match what:
        case "send":
            tab.send("Hi")
        case "cut":
            tab.cut()
        case "doze" if tab.connected:
            tab.sleep()
        case "wake" if tab.connected:
            tab.wake()
        case "wait":
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)


async def live_through(redis_url: str, data: Path, lived: list[tuple[str, int]]) -> None:
    wire = Wire(redis_url)
    conversations = Conversations(wire, retention=RETENTION)
    async with opened(conversations, settings_of(data), sentences, send_buffer=8192) as shop:
        first = await shop.client()
        tabs = [first, await shop.client(resume=first.resume)]
        for what, which in lived:
            await happen(tabs[which], what)
        for tab in tabs:
            await happen(tab, "wake")
        for tab in tabs:
            await tab.until(lambda tab: not tab.outbox)
            for message_id in tab.accepted:
                await tab.answered(message_id)
        log = await shop.log(first.conversation)
        for tab in tabs:
            await tab.until(lambda tab: len(tab.lines) >= len(log))
            assert [line["id"] for line in tab.lines] == log
            assert tab.resyncs == 0
    await conversations.aclose()
    await wire.aclose()


@given(steps)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_that_what_a_client_collects_is_the_log(redis_url: str, tmp_path: Path, lived: list[tuple[str, int]]) -> None:
    asyncio.run(live_through(redis_url, tmp_path, lived))
