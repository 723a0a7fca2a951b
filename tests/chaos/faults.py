"""What goes wrong and when: a plan drawn from a seed, and the hand that carries it out."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from tests.chaos.network import Network
from tests.chaos.pace import Pace
from tests.chaos.servers import Store, Victim


class Kind(StrEnum):
    """What can happen to the processes of a shop."""

    KILL = "server killed"
    FREEZE = "server frozen beyond its lease"
    HICCUP = "server frozen for a moment"
    RESTART = "server restarted"
    STORE_KILL = "Redis killed"
    STORE_FREEZE = "Redis frozen"


SHARES: Mapping[Kind, int] = {
    Kind.KILL: 30,
    Kind.FREEZE: 30,
    Kind.RESTART: 14,
    Kind.STORE_KILL: 12,
    Kind.HICCUP: 8,
    Kind.STORE_FREEZE: 6,
}
"""Of a hundred faults."""

_LASTS: Mapping[Kind, tuple[float, float]] = {
    Kind.KILL: (0, 0.5),
    Kind.FREEZE: (1.3, 2.5),
    Kind.HICCUP: (0.1, 0.8),
    Kind.RESTART: (0, 0.2),
    Kind.STORE_KILL: (0, 1.0),
    Kind.STORE_FREEZE: (0.3, 2.5),
}
"""How long, in leases: shortest and longest."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    kind: Kind
    server: int
    lasts: float
    """In leases."""
    waits: float
    """Seconds from the moment when messages for it are let through."""


def plan_faults(count: int, servers: int, seed: int, shares: Mapping[Kind, int] = SHARES) -> list[Fault]:
    """``count`` faults in random order, of each kind its share to the nearest whole number."""
    dice = random.Random(seed)
    kinds: list[Kind] = []
    for n, kind in enumerate(shares):
        # What is left is shared among the kinds that are left, so no rounding loses a fault.
        left = sum(list(shares.values())[n:])
        kinds += [kind] * round((count - len(kinds)) * shares[kind] / left)
    dice.shuffle(kinds)
    return [
        Fault(kind, dice.randrange(servers), lasts=dice.uniform(*_LASTS[kind]), waits=dice.uniform(0, 0.4))
        for kind in kinds
    ]


class Fate:
    """Carries a plan out on servers and their Redis."""

    def __init__(self, servers: Sequence[Victim], store: Store, network: Network, lease: timedelta) -> None:
        self._servers = servers
        self._store = store
        self._network = network
        self._lease = lease.total_seconds()

    async def run(self, faults: Sequence[Fault], lanes: int, pace: Pace) -> None:
        """Let all ``faults`` strike, ``lanes`` at once; when it returns, all processes serve again."""
        left = iter(faults)

        async def lane() -> None:
            for fault in left:
                await pace.fault()
                await asyncio.sleep(fault.waits)
                await self._strike(fault)

        async with asyncio.TaskGroup() as group:
            for _ in range(lanes):
                group.create_task(lane())

    async def tear(self, sockets: int, pace: Pace) -> None:
        """Make trouble for ``sockets`` connections, spread over the whole run."""
        for n in range(sockets):
            await pace.reach(n / sockets)
            while not self._network.trouble():  # noqa: ASYNC110 (the next socket comes when its client likes)
                await asyncio.sleep(0.05)

    async def _strike(self, fault: Fault) -> None:
        on_store = fault.kind in (Kind.STORE_KILL, Kind.STORE_FREEZE)
        victim = self._store if on_store else self._servers[fault.server]
        pause = fault.lasts * self._lease
        async with victim.lock:
            match fault.kind:
                case Kind.KILL | Kind.STORE_KILL:
                    await victim.kill()
                    await asyncio.sleep(pause)
                    await victim.start()
                case Kind.FREEZE | Kind.HICCUP | Kind.STORE_FREEZE:
                    victim.freeze()
                    await asyncio.sleep(pause)
                    victim.thaw()
                case Kind.RESTART:
                    await victim.stop()
                    await asyncio.sleep(pause)
                    await victim.start()
