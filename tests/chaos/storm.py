"""One run: servers, shoppers and faults together, and then the verdict over every conversation and every key."""

import asyncio
import random
import re
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from redis.asyncio import Redis

from bot.conversations import Conversations
from bot.conversations.connection import Wire
from bot.conversations.keys import SHARDS, ConversationKeys, ready, rule_of
from bot.records import ConversationId, Entry, LogId
from tests.chaos.diary import Diary
from tests.chaos.faults import SHARES, Fate, Kind, plan_faults
from tests.chaos.naive import Naive
from tests.chaos.network import Network, Trouble
from tests.chaos.pace import Pace
from tests.chaos.script import write_script
from tests.chaos.servers import Store, Victim, chat_server, disk_load
from tests.chaos.shoppers import RestShopper
from tests.chaos.stand_in import Tripped
from tests.chaos.verdict import Finding, Verdict, Wrong, judge, takeovers
from tests.chaos.windows import WidgetShopper

RETENTION = timedelta(days=90)
LEASE = timedelta(seconds=1)
"""Shorter than any shop would set it, so that many turns change hands."""

_SETTINGS = {
    "KEFU_LEASE": str(LEASE.total_seconds()),
    "KEFU_REPLY_TIMEOUT": "4",
    "KEFU_RETENTION": str(RETENTION.total_seconds()),
    "KEFU_SESSION_LIFETIME": "60",
    "KEFU_SHOPPER_RATE": "1000000",
    "KEFU_SHOPPER_BUDGET": "1000000",
    "KEFU_ADDRESS_RATE": "1000000",
    "KEFU_ADDRESS_BUDGET": "1000000",
}


_RECORD = re.compile(r"^(?=(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) |Fatal )", re.MULTILINE)
"""Where a line of a server's log begins; a traceback belongs to the line before it."""

_QUIET_LOOKS = 20
"""Most looks at the logs, a second apart, until two show the same."""

Work = Coroutine[Any, Any, None]


@dataclass(frozen=True, slots=True)
class Storm:
    """How much of everything."""

    messages: int = 2000
    faults: int = 25
    conversations: int = 60
    """Half of them over REST, half in the widget."""
    cuts: int = 200
    """Sockets that are cut, torn, stalled or left half open."""
    servers: int = 3
    seed: int = 1
    minutes: float = 60.0
    """Then the run is broken off, and what was not answered counts as lost."""
    patience: float = 120.0
    """Seconds that a shopper waits for one message."""
    lanes: int = 2
    """Faults under way at once, so that one strikes while the servers get over another."""
    shares: Mapping[Kind, int] = field(default_factory=lambda: SHARES)
    naive: Naive | None = None
    store: str = "redis-server"


@dataclass(slots=True)
class Report:
    """What came of it."""

    storm: Storm
    seconds: float = 0.0
    kinds: Counter[Kind] = field(default_factory=Counter)
    troubles: Counter[Trouble] = field(default_factory=Counter)
    diaries: list[Diary] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    keys: list[Finding] = field(default_factory=list)
    """Keys that break their rule, and mail that was left behind."""
    fenced: int = 0
    """Turns that the fence refused: without any, the storm was none."""
    alarms: Counter[str] = field(default_factory=Counter)
    """What went wrong in the servers and in the run itself that no fault explains."""
    seen_aside: int = 0
    """Errors that tell the shop of messages which were set aside."""
    takeovers: list[float] = field(default_factory=list)
    """Seconds until another server went on with the turn of one that was killed."""
    slowest_stop: float = 0.0
    slowest_start: float = 0.0
    """Of Redis, with all that was said so far in its file."""

    @property
    def findings(self) -> list[tuple[str, Finding]]:
        """All broken promises, with the conversation that each was found in."""
        found = [(name, finding) for name, verdict in self.verdicts.items() for finding in verdict.findings]
        return found + [("all of Redis", finding) for finding in self.keys]

    @property
    def good(self) -> bool:
        """Whether every promise was kept, and everything was as it should be."""
        return not self.findings and not self.alarms

    def count(self, wrong: Wrong) -> int:
        """How often a promise was broken like this."""
        return sum(finding.wrong is wrong for _, finding in self.findings)


@dataclass(frozen=True, slots=True)
class Shop:
    """What a storm goes over."""

    folder: Path
    store: Store
    servers: Sequence[Victim]
    addresses: Sequence[str]
    network: Network
    session: aiohttp.ClientSession


async def run(storm: Storm, tell: Callable[[str], None] = lambda line: None) -> Report:
    """Let ``storm`` loose, and judge. ``tell`` hears now and then how far it is."""
    report = Report(storm)
    began = time.monotonic()
    async with open_shop(storm) as shop, AsyncExitStack() as stack:
        pace = Pace(storm.messages, storm.faults, ahead=storm.lanes + 1)
        by_rest, in_widgets = _shoppers(storm, shop, pace)
        await asyncio.gather(*(stack.enter_async_context(shopper.open()) for shopper in in_widgets))
        shoppers: list[RestShopper | WidgetShopper] = [*by_rest, *in_widgets]
        report.diaries = [shopper.diary for shopper in shoppers]
        faults = plan_faults(storm.faults, storm.servers, storm.seed, storm.shares)
        report.kinds = Counter(fault.kind for fault in faults)
        fate = Fate(shop.servers, shop.store, shop.network, LEASE)
        work = [*(shopper.write() for shopper in shoppers), fate.run(faults, storm.lanes, pace)]
        if in_widgets:
            work.append(fate.tear(storm.cuts, pace))
        await _all_of(work, pace, report, tell)
        tell("all is written; judging")
        await _judge_all(report, shop, in_widgets)
    report.seconds = time.monotonic() - began
    return report


async def _all_of(work: Sequence[Work], pace: Pace, report: Report, tell: Callable[[str], None]) -> None:
    """Do all ``work`` together, within the storm's time; what fails is an alarm, and the verdict comes all the same."""
    progress = asyncio.create_task(_progress(pace, report, tell))
    try:
        async with asyncio.timeout(report.storm.minutes * 60), asyncio.TaskGroup() as group:
            for part in work:
                group.create_task(part)
    except TimeoutError:
        report.alarms[f"broken off after {report.storm.minutes} minutes"] += 1
    except ExceptionGroup as failed:
        report.alarms.update(repr(exc) for exc in failed.exceptions)
    finally:
        progress.cancel()


@asynccontextmanager
async def open_shop(storm: Storm) -> AsyncIterator[Shop]:
    """Redis, servers on ports of their own, and a neighbour on the same disk; all are gone after the block."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kefu-chaos-")))
        store = Store(folder, storm.store)
        settings = {**_SETTINGS, "KEFU_REDIS_URL": store.url, "KEFU_DATA": str(folder)}
        ports = _free_ports(storm.servers)
        guard = [storm.naive.value] if storm.naive else []
        servers = [chat_server(n, port, folder, settings, guard) for n, port in enumerate(ports)]
        victims = (store, disk_load(folder), *servers)
        for victim in victims:
            stack.push_async_callback(victim.end)
        await asyncio.gather(*(victim.start() for victim in victims))
        network = await stack.enter_async_context(Network(ports, random.Random(storm.seed)))
        connector = aiohttp.TCPConnector(limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        yield Shop(folder, store, servers, [f"http://127.0.0.1:{port}" for port in ports], network, session)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


def _shoppers(storm: Storm, shop: Shop, pace: Pace) -> tuple[list[RestShopper], list[WidgetShopper]]:
    share, rest = divmod(storm.messages, storm.conversations)
    by_rest, in_widgets = [], []
    for n in range(storm.conversations):
        name, dice = f"c{n:03}", random.Random(f"{storm.seed}-{n}")
        script = write_script(name, share + (n < rest), dice)
        if n % 2:
            in_widgets.append(WidgetShopper(name, script, shop.network.url, shop.session, pace, storm.patience, dice))
        else:
            by_rest.append(RestShopper(name, script, shop.addresses, shop.session, pace, storm.patience, dice))
    return by_rest, in_widgets


async def _progress(pace: Pace, report: Report, tell: Callable[[str], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(10)
        answered = sum(sent.answered for diary in report.diaries for sent in diary.sent.values())
        tell(
            f"{time.monotonic() - began:6.0f} s   {pace.sent} of {report.storm.messages} sent, {answered} answered, "
            f"{pace.struck} of {report.storm.faults} faults"
        )


async def _judge_all(report: Report, shop: Shop, in_widgets: Sequence[WidgetShopper]) -> None:
    """Read every log while the windows are open, then stop the servers, then look at what is left."""
    wire = Wire(shop.store.url)
    conversations = Conversations(wire, retention=RETENTION)
    try:
        logs = await _quiet_logs(conversations, report.diaries)
        shows = []
        for shopper in in_widgets:
            log = logs[shopper.diary.conversation]
            shows.append(shopper.show(log[-1].id if log else None))
        await asyncio.gather(*shows)
        killed = {process: when for server in shop.servers for process, when in server.killed.items()}
        report.takeovers = [seconds for log in logs.values() for seconds in takeovers(log, killed)]
        for diary in report.diaries:
            found = await conversations.load(diary.conversation)
            answered = found.state.unanswered if found else 0
            report.verdicts[diary.conversation] = judge(diary, logs[diary.conversation], answered)
    finally:
        await conversations.aclose()
        await wire.aclose()
    for server in shop.servers:
        await server.stop()
        report.slowest_stop = max(report.slowest_stop, server.slowest_stop)
        report.alarms.update(server.failures)
    async with Redis.from_url(shop.store.url) as client:
        report.keys = [finding async for finding in _judge_keys(client, report.diaries)]
    report.slowest_start = shop.store.slowest_start
    report.troubles = shop.network.troubles
    _read_server_logs(report, shop.folder)


async def _quiet_logs(conversations: Conversations, diaries: Sequence[Diary]) -> dict[ConversationId, list[Entry]]:
    """All logs, once nothing comes any more: a thumb may be on its way, or what naive conversations say twice."""
    lengths: list[int] = []
    for _ in range(_QUIET_LOOKS):
        logs = {diary.conversation: await _whole_log(conversations, diary) for diary in diaries}
        before, lengths = lengths, [len(log) for log in logs.values()]
        if before == lengths:
            break
        await asyncio.sleep(1)
    return logs


async def _whole_log(conversations: Conversations, diary: Diary) -> list[Entry]:
    log: list[Entry] = []
    after: LogId | None = None
    while page := await conversations.read(diary.conversation, after):
        log += page
        after = page[-1].id
    return log


async def _judge_keys(client: Redis, diaries: Sequence[Diary]) -> AsyncIterator[Finding]:
    """Every key lives as long as its rule says, and nothing waits any more."""
    async for keys in _batches(client):
        async with client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.pttl(key)
            for key, left in zip(keys, await pipeline.execute(), strict=True):
                rule = rule_of(key)
                limit = None if rule is None else rule.limit(RETENTION)
                lives = left == -1 if limit is None else 0 <= left <= limit.total_seconds() * 1000
                if rule is None or not lives:
                    yield Finding(Wrong.ALTERED, f"{key} has {left} ms left, its rule is {rule}")
    for shard in range(SHARDS):
        if waiting := await client.xlen(ready(shard)):
            yield Finding(Wrong.LOST, f"{waiting} conversations still wait in {ready(shard)}")
    for diary in diaries:
        named = ConversationKeys.of(diary.conversation)
        for name in (named.mail, named.said):
            if left := await client.llen(name):
                yield Finding(Wrong.LOST, f"{left} entries are left in {name}")


async def _batches(client: Redis) -> AsyncIterator[list[str]]:
    keys: list[str] = []
    async for key in client.scan_iter(count=2000):
        keys.append(key.decode())
        if len(keys) == 2000:
            yield keys
            keys = []
    if keys:
        yield keys


def _read_server_logs(report: Report, folder: Path) -> None:
    """Count what the fence refused and what was set aside, and sound an alarm for every other error."""
    for path in sorted(folder.glob("server-*.log")):
        for record in _RECORD.split(path.read_text(errors="replace")):
            first, *rest = record.strip().splitlines() or [""]
            report.fenced += "is dropped" in first
            if not first.startswith(("ERROR", "CRITICAL", "Fatal")):
                continue
            if "messages were set aside" in first:
                report.seen_aside += 1
            elif not (rest and rest[-1].startswith(f"{Tripped.__module__}.{Tripped.__name__}")):
                ours = [line.strip() for line in rest if "/bot/" in line]
                report.alarms[": ".join([first, *ours[-1:], *rest[-1:]])] += 1
