"""Traces as a real OTLP/HTTP collector gets them: one a turn, its stages inside, and not a word of what was said."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bot import __version__
from bot.conversations import Conversations
from bot.errors import TurnStale
from bot.ports import Voice
from bot.records import Conversation, Rung, Trace, Turn, Utterance
from bot.settings import read_settings
from bot.telemetry import Stopwatch, stage
from bot.telemetry.tracing import span, tracing
from bot.worker import Worker
from tests.contract.test_conversations import message
from tests.contract.test_worker import covered

SECRET = "4111-1111"


class Collector:
    """Receives traces as https://opentelemetry.io/docs/specs/otlp/#otlphttp says."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.address = ""

    async def receive(self, request: web.Request) -> web.Response:
        assert request.content_type == "application/x-protobuf"
        self.bodies.append(await request.read())
        return web.Response(body=b"", content_type="application/x-protobuf")

    def spans(self) -> list[Span]:
        return [span for batch in self._batches() for scope in batch.scope_spans for span in scope.spans]

    def resource(self) -> dict[str, object]:
        return plain(next(self._batches()).resource.attributes)

    def _batches(self):  # type: ignore[no-untyped-def]
        for body in self.bodies:
            yield from ExportTraceServiceRequest.FromString(body).resource_spans


def plain(attributes: list[KeyValue]) -> dict[str, object]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in attributes}


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield collector
    await runner.cleanup()


async def answer(conversation: Conversation, voice: Voice) -> Turn:
    """Makes a turn of stages as the assistant does; fails at first where it is asked to."""
    watch = Stopwatch()
    with watch.stage("understand"):
        await asyncio.sleep(0)
    with watch.stage("reply"):
        with stage("write"):
            await voice.say(Utterance(f"Not {SECRET}."))
        if "crash" in conversation.mail[0].text and conversation.tries == 0:
            raise ValueError(SECRET)
    return Turn((), conversation.state, Trace(language="en", rung=Rung.WRITTEN, milliseconds=watch.read()))


async def test_that_a_turn_is_one_trace_with_its_stages_inside(
    conversations: Conversations, collector: Collector, tmp_path: Path
) -> None:
    settings = read_settings({"data": tmp_path, "lease": 1})
    async with tracing(collector.address), Worker(conversations, answer, settings):
        await conversations.accept(message(f"Is {SECRET} safe?", "m1"))
        await covered(conversations, "m1")

    spans = {span.name: span for span in collector.spans()}
    assert set(spans) == {"turn", "understand", "reply", "write", "commit"}
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["turn"].parent_span_id == b""
    assert {spans[name].parent_span_id for name in ("understand", "reply", "commit")} == {spans["turn"].span_id}
    assert spans["write"].parent_span_id == spans["reply"].span_id

    (entry,) = [entry for entry in await conversations.read(message("").conversation) if entry.trace]
    told = plain(list(spans["turn"].attributes))
    assert told == {
        "kefu.conversation": "rest:anna",
        "kefu.turn": entry.turn,
        "kefu.messages": 1,
        "kefu.tries": 0,
        "kefu.version": __version__,
        "kefu.rung": "written",
        "kefu.decision": "other",
        "kefu.language": "en",
    }
    assert collector.resource()["service.name"] == "kefu"


async def test_that_a_trace_of_a_crash_names_the_error_and_quotes_nobody(
    conversations: Conversations, collector: Collector, tmp_path: Path
) -> None:
    settings = read_settings({"data": tmp_path, "lease": 1})
    async with tracing(collector.address), Worker(conversations, answer, settings):
        await conversations.accept(message(f"crash {SECRET}", "m1"))
        await covered(conversations, "m1")

    turns = [span for span in collector.spans() if span.name == "turn"]
    assert [plain(list(turn.attributes))["kefu.tries"] for turn in turns] == [0, 1]
    assert [turn.status.code for turn in turns] == [2, 0]
    assert turns[0].status.message == "ValueError"
    assert SECRET.encode() not in b"".join(collector.bodies)


async def test_that_a_collector_which_is_away_holds_nobody_up(conversations: Conversations, tmp_path: Path) -> None:
    settings = read_settings({"data": tmp_path, "lease": 1})
    async with asyncio.timeout(10), tracing("http://127.0.0.1:9"), Worker(conversations, answer, settings):
        await conversations.accept(message("Hi", "m1"))
        await covered(conversations, "m1")


async def test_that_without_an_endpoint_no_exporter_is_loaded() -> None:
    """redis-py loads the library's metrics for itself wherever it is installed, and python-engineio requests; protobuf
    and the exporter are ours."""
    program = (
        "import sys, bot.app\n"
        "heavy = ('google.protobuf', 'opentelemetry.exporter', 'opentelemetry.proto')\n"
        "loaded = [name for name in sys.modules if name.startswith(heavy)]\n"
        "assert not loaded, loaded"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await process.wait() == 0


async def test_that_a_dropped_draft_is_a_trace_that_says_so(collector: Collector) -> None:
    async with tracing(collector.address):
        with pytest.raises(TurnStale), span("turn"):
            raise TurnStale("moved on")
    (turn,) = collector.spans()
    assert turn.status.message == "TurnStale"
