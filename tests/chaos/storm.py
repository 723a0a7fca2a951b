"""One run: servers, shoppers and faults together, and the verdict after it."""

import asyncio
import random
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp

from tests.chaos.evidence import RETENTION, gather_evidence
from tests.chaos.faults import SHARES, Fate, Kind, plan_faults
from tests.chaos.naive import Naive
from tests.chaos.network import Network
from tests.chaos.pace import Pace
from tests.chaos.report import Report
from tests.chaos.script import write_script
from tests.chaos.servers import Store, Victim, chat_server, disk_load
from tests.chaos.shoppers import RestShopper
from tests.chaos.windows import WidgetShopper

LEASE = timedelta(seconds=1)
"""Shorter than any shop would set it, so that many turns change hands."""

_SETTINGS = {
    "KEFU_LEASE": str(LEASE.total_seconds()),
    "KEFU_REPLY_TIMEOUT": "4",  # Shorter than many a fault, so that clients have to ask again.
    "KEFU_RETENTION": str(RETENTION.total_seconds()),
    "KEFU_SESSION_LIFETIME": "60",
    "KEFU_SHOPPER_RATE": "1000000",
    "KEFU_SHOPPER_BUDGET": "1000000",
    "KEFU_ADDRESS_RATE": "1000000",
    "KEFU_ADDRESS_BUDGET": "1000000",
}


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

    def __str__(self) -> str:
        return (
            f"{self.messages} messages of {self.conversations} shoppers; {self.faults} faults, {self.lanes} at a time, "
            f"and trouble for {self.cuts} sockets; {self.servers} servers on {self.store}; seed {self.seed}"
        )


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
    """Let ``storm`` loose, and judge. ``tell`` hears now and then how far it is.

    It raises nothing: what went wrong with the run itself is an alarm of the report.
    """
    report = Report(storm.seed)
    began = time.monotonic()
    try:
        async with open_shop(storm) as shop, AsyncExitStack() as windows:
            pace = Pace(storm.messages, storm.faults, ahead=storm.lanes + 1)
            by_rest, in_widgets = _shoppers(storm, shop, pace)
            await asyncio.gather(*(windows.enter_async_context(shopper.open()) for shopper in in_widgets))
            shoppers: list[RestShopper | WidgetShopper] = [*by_rest, *in_widgets]
            report.diaries = [shopper.diary for shopper in shoppers]
            await _rage(storm, shop, shoppers, pace, report, tell)
            tell("judging")
            for victim in (shop.store, *shop.servers):
                await victim.revive()
            await gather_evidence(report, shop.store, shop.servers, shop.folder, in_widgets)
    except Exception as exc:  # The verdict has to come, on whatever is known.
        report.alarms[f"the run itself failed: {exc!r}"] += 1
    report.seconds = time.monotonic() - began
    return report


async def _rage(
    storm: Storm,
    shop: Shop,
    shoppers: Sequence[RestShopper | WidgetShopper],
    pace: Pace,
    report: Report,
    tell: Callable[[str], None],
) -> None:
    """Have all messages written and all faults strike, within the storm's time; what fails is an alarm."""
    faults = plan_faults(storm.faults, storm.servers, storm.seed, storm.shares)
    fate = Fate(shop.servers, shop.store, shop.network, LEASE)
    progress = asyncio.create_task(_progress(storm, pace, report, tell))
    try:
        async with asyncio.timeout(storm.minutes * 60), asyncio.TaskGroup() as group:
            for shopper in shoppers:
                group.create_task(shopper.write())
            group.create_task(fate.run(faults, storm.lanes, pace))
            group.create_task(fate.tear(storm.cuts, pace))
    except TimeoutError:
        report.alarms[f"broken off after {storm.minutes} minutes"] += 1
    except ExceptionGroup as failed:
        report.alarms.update(repr(exc) for exc in failed.exceptions)
    finally:
        progress.cancel()
        report.kinds = Counter(fault.kind for fault in faults[: pace.struck])
        report.troubles = shop.network.troubles


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
    """Ports below those that the kernel gives to clients, who could take that of a server that is down."""
    ports: list[int] = []
    for port in random.sample(range(20_000, 32_000), 500):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            ports.append(port)
        if len(ports) == count:
            break
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


async def _progress(storm: Storm, pace: Pace, report: Report, tell: Callable[[str], None]) -> None:
    began = time.monotonic()
    while True:
        await asyncio.sleep(10)
        answered = sum(sent.answered for diary in report.diaries for sent in diary.sent.values())
        tell(
            f"{time.monotonic() - began:6.0f} s   {pace.sent} of {storm.messages} sent, {answered} answered, "
            f"{pace.struck} of {storm.faults} faults"
        )
