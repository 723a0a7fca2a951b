"""The composition root: the only place that names concrete classes, and the order in which they start and stop."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import aiohttp
from aiohttp import web

from bot.assistant import Assistant
from bot.channels import callback
from bot.channels.callback import CallbackChannel
from bot.channels.delivery import Deliverer
from bot.channels.edge import Edge
from bot.channels.engine import AssistantDialogue, Dialogue
from bot.channels.files import FILE_TYPES, FileChannel
from bot.channels.guard import Guard
from bot.channels.health import Answers, Health
from bot.channels.knowledge import Knowledge
from bot.channels.pages import Pages
from bot.channels.rasa_access import Access
from bot.channels.rasa_api import RasaApi
from bot.channels.rasa_tokens import Tokens
from bot.channels.rest import RestChannel
from bot.channels.sessions import Sessions, read_key
from bot.channels.socketio import SocketIoChannel
from bot.channels.websocket import WebSocketChannel
from bot.conversations import Conversations, open_conversations
from bot.conversations.files import Files
from bot.dialogue.action_process import serve_actions, wait_until_up
from bot.dialogue.action_server import ActionServer
from bot.dialogue.domain import read_domain
from bot.dialogue.hours import read_hours
from bot.dialogue.policy import Thresholds
from bot.generation.endpoint import EndpointWriter
from bot.generation.writer import TransformersWriter
from bot.grounding.verdict import GroundingChecker
from bot.ladder import Ladder
from bot.models.adapter import find_adapter, is_worth_serving
from bot.models.encoder import open_encoders
from bot.models.lanes import EncoderLane, PairLane
from bot.models.pairs import READER, SUPPORT, open_pairs
from bot.ports import Replies, Writer
from bot.records import Message, Passage
from bot.retrieval.reader import Reader
from bot.retrieval.retriever import HybridRetriever
from bot.settings import Settings, of_the_actions
from bot.telemetry.tracing import tracing
from bot.understanding.rasa import RasaRecognizer, require_rasa
from bot.understanding.recognizer import HeadRecognizer
from bot.understanding.unfinished import unfinished
from bot.worker import Handle, Worker

MAX_BODY_BYTES = 64 * 1024
"""Largest body that is read whole: a chat message is far smaller. Files are not; `FileChannel` bounds what it reads."""

IDLE = timedelta(seconds=75)
"""For a connection between two requests, and before the first one. A proxy keeps idle ones for a minute; aiohttp's hour
would let anybody hold thousands with half a request."""

LAST_WORDS = timedelta(milliseconds=300)
"""For answers under way once the worker has ended: nobody waits for a turn any more."""

BACKLOG = 4096
"""Connections that wait to be taken, as far as the system allows (`net.core.somaxconn`). After a restart every widget
of a shop comes back within seconds; of 4,000 at once, aiohttp's 128 let some be reset."""


@asynccontextmanager
async def open_assistant(settings: Settings, replies: Replies, *, warm: bool = False) -> AsyncIterator[Assistant]:
    """An assistant over the shop's knowledge, its models and its action server, open inside the block.

    It can answer at once, without the writer and the action server while these are still starting; ``warm`` waits for
    both.
    """
    async with AsyncExitStack() as stack:
        domain = read_domain(settings.knowledge)
        hours = read_hours(settings.desk_hours, settings.desk_timezone)
        thresholds = Thresholds()

        encoders = await stack.enter_async_context(_open_encoders(settings))
        relevance = await stack.enter_async_context(_open_pairs(settings, READER))
        reader = Reader(relevance) if relevance else None
        retriever = HybridRetriever(settings, encoders, reader)
        embedded = HeadRecognizer.open(settings, encoders)
        checker = GroundingChecker(
            encoders,
            catalogue=lambda: [product.name for product in retriever.index.catalogue.products.values()],
            support=await stack.enter_async_context(_open_pairs(settings, SUPPORT)),
        )

        session = await stack.enter_async_context(aiohttp.ClientSession())
        recognizer = embedded if settings.recognizer == "embedded" else RasaRecognizer.open(settings, session, embedded)
        writer = await stack.enter_async_context(_open_writer(settings, session))
        actions_url = await stack.enter_async_context(_open_actions(settings))
        shop_key = read_key(settings.shop_key, "shop_key")
        actions = ActionServer(session, actions_url, domain, settings.action_timeout.total_seconds(), shop_key)
        if warm:
            await wait_until_up(session, actions_url)
            if writer:
                await writer.ready()

        ladder = Ladder(
            writer=writer,
            checker=checker,
            replies=replies,
            approved=thresholds.approved,
            answerable=thresholds.answerable,
            patience=settings.writer_timeout.total_seconds(),
            reader=reader,
        )
        yield Assistant(recognizer, retriever, actions, ladder, domain, hours, thresholds, settings.max_characters)


@asynccontextmanager
async def _open_encoders(settings: Settings) -> AsyncIterator[EncoderLane]:
    """One lane for all: understanding, retrieval and grounding share its batches."""
    encoders = EncoderLane(open_encoders(settings))
    try:
        await encoders.encode("Hello", "en")  # A model that cannot encode shows here, before anybody waits for it.
        yield encoders
    finally:
        await encoders.close()


@asynccontextmanager
async def _open_pairs(settings: Settings, folder: Path) -> AsyncIterator[PairLane | None]:
    """What reads a passage beside a question, or beside a sentence; None where kefu[models] is missing to export it."""
    classifier = await asyncio.to_thread(open_pairs, settings, folder)
    lane = PairLane(classifier) if classifier else None
    try:
        yield lane
    finally:
        if lane:
            await lane.close()


@asynccontextmanager
async def _open_actions(settings: Settings) -> AsyncIterator[str]:
    """The address of the action server: the one that the settings name, or ours, which lives beside Kefu."""
    if settings.actions_url:
        yield settings.actions_url
    else:
        async with serve_actions(settings.data / "actions.log", of_the_actions(settings)) as url:
            yield url


@asynccontextmanager
async def _open_writer(settings: Settings, session: aiohttp.ClientSession) -> AsyncIterator[Writer | None]:
    """The language model that the settings choose: an endpoint, a model on this machine, or none."""
    if settings.writer_url:
        yield EndpointWriter(session, settings)
    elif settings.writer == "none" or not is_worth_serving(settings.writer, settings.writer_adapter):
        yield None
    else:
        writer = TransformersWriter(settings)
        writer.start()
        try:
            yield writer
        finally:
            await writer.close()


@asynccontextmanager
async def open_server(settings: Settings) -> AsyncIterator[str]:
    """The chat server, listening inside the block; yields its address.

    What starts first stops last: the channels stop accepting, the worker finishes, Redis goes down.

    Raises:
        SettingError: a setting is wrong; nothing was started.
    """
    check(settings)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(tracing(settings.otel_endpoint))
        conversations = await stack.enter_async_context(open_conversations(settings, pushed(settings)))
        assistant = await stack.enter_async_context(open_assistant(settings, replies=conversations))
        channels = open_channels(
            settings,
            conversations,
            assistant.handle,
            passages=lambda: assistant.retriever.passages,
            writer=assistant.ladder.writer,
            actions_answer=assistant.actions.answers,
            dialogue=AssistantDialogue(assistant),
            recognizer_answers=assistant.recognizer.answers,
        )
        yield await stack.enter_async_context(channels)


def pushed(settings: Settings) -> frozenset[str]:
    """The channels whose replies are posted to another server, and wait in the outbox until they are there."""
    return frozenset({callback.CHANNEL}) if settings.callback_url else frozenset()


def check(settings: Settings) -> None:
    """Make once what needs nothing but settings, so that a wrong one shows before anybody waits for Redis and models.

    Raises:
        SettingError: names the setting, its value and what is allowed.
        ModelError: the writer's adapter is missing, damaged, or of another model.
    """
    Guard(settings)
    Sessions(settings)
    Access.read(settings)
    Tokens.read("socketio_jwt_key", settings.socketio_jwt_key, settings.socketio_jwt_method)
    read_hours(settings.desk_hours, settings.desk_timezone)
    require_rasa(settings)
    if not settings.writer_url and settings.writer != "none":
        find_adapter(settings.writer_adapter, settings.writer)


@asynccontextmanager
async def open_channels(
    settings: Settings,
    conversations: Conversations,
    handle: Handle,
    *,
    passages: Callable[[], Sequence[Passage]] = tuple,
    writer: Writer | None = None,
    actions_answer: Answers | None = None,
    dialogue: Dialogue | None = None,
    recognizer_answers: Answers | None = None,
) -> AsyncIterator[str]:
    """A worker that makes turns with ``handle``, and every channel that shoppers write on; yields the address.

    ``dialogue`` is what programs ask through Rasa's API; without it, there is none.

    On the way out: nothing new is taken, the worker finishes, its last replies leave, who waits in vain is told.
    """
    async with AsyncExitStack() as stack:
        knowledge = await stack.enter_async_context(Knowledge(settings, passages))
        edge = Edge.over(conversations, settings, knowledge.image_hosts)
        await stack.enter_async_context(edge.load)
        files = Files(settings)
        await stack.enter_async_context(files.swept())
        sockets = WebSocketChannel(
            conversations,
            edge,
            settings,
            find_file=files.find,
            file_types=FILE_TYPES,
            links=knowledge.link_hosts,
            images=knowledge.image_hosts,
        )
        await stack.enter_async_context(sockets)
        socketio = await stack.enter_async_context(SocketIoChannel(conversations, edge, settings))
        rest = RestChannel(conversations, edge, settings.reply_timeout.total_seconds())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        callbacks = CallbackChannel(conversations, edge, settings, session)
        if pushed(settings):
            sends = {callback.CHANNEL: callbacks.send}
            await stack.enter_async_context(Deliverer(conversations, settings, sends))
        worker = Worker(conversations, handle, settings, _unfinished)
        health = Health(
            settings,
            conversations,
            worker,
            edge,
            writer=writer,
            actions_answer=actions_answer,
            recognizer_answers=recognizer_answers,
        )
        uploads = FileChannel(settings, files, edge)

        api = [RasaApi(conversations, edge, settings, dialogue, rest.answer)] if dialogue else []
        runner = _runner(
            edge.guard,
            *api,
            rest,
            callbacks,
            sockets,
            socketio,
            uploads,
            edge.sessions,
            knowledge,
            health,
            Pages(passages),
        )
        yield await stack.enter_async_context(_listening(settings, edge, runner, worker, rest, sockets, socketio))


@asynccontextmanager
async def _listening(
    settings: Settings,
    edge: Edge,
    runner: web.AppRunner,
    worker: Worker,
    rest: RestChannel,
    sockets: WebSocketChannel,
    socketio: SocketIoChannel,
) -> AsyncIterator[str]:
    """Serve inside the block; yields the address. What is written first happens last when the server stops."""
    async with AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(rest.let_go)
        await stack.enter_async_context(worker)
        site = web.TCPSite(runner, settings.host, settings.port, backlog=BACKLOG)
        await site.start()
        stack.push_async_callback(sockets.stop)
        stack.push_async_callback(socketio.stop)
        stack.callback(worker.stop)  # Its grace begins beside the sockets' goodbyes, which slow clients draw out.
        stack.push_async_callback(site.stop)
        stack.callback(edge.load.stop)
        port = runner.addresses[0][1]
        edge.guard.listens_at(port)
        yield f"http://{settings.host}:{port}"


class Channel(Protocol):
    """What listens: a part of the server's addresses, with what answers there."""

    def routes(self) -> list[web.RouteDef]:
        """Where it listens."""
        ...


def _runner(guard: Guard, *channels: Channel) -> web.AppRunner:
    """All channels behind the guard, before anybody can connect."""
    app = web.Application(client_max_size=MAX_BODY_BYTES)
    guard.protect(app)
    for channel in channels:
        app.add_routes(channel.routes())
    return web.AppRunner(
        app,
        access_log=None,
        handler_cancellation=True,  # Nobody waits for it; accepting is durable, and sending again does no harm.
        keepalive_timeout=IDLE.total_seconds(),
        shutdown_timeout=LAST_WORDS.total_seconds(),
    )


def _unfinished(mail: Sequence[Message]) -> bool:
    """Whether more words are to come; who pressed a button has said it."""
    pressed = mail[-1].shown is not None or any(message.wants_human for message in mail)
    return not pressed and unfinished([message.text for message in mail])


def settle() -> None:
    """Have Python's collector of cycles in the way of turns less: call it once what stays is loaded.

    What was loaded it looks at no more. And it looks after 10,000 new objects instead of 700: every turn under way
    makes hundreds, hardly any in a cycle, and each was looked at several times, a twentieth of a turn's work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


async def serve(settings: Settings, announce: Callable[[str], None], until: asyncio.Event) -> None:
    """Serve ``until`` is set; ``announce`` is called with the address once shoppers can write."""
    async with open_server(settings) as address:
        settle()
        announce(address)
        await until.wait()
