"""Widget sockets: turns against the bare floor, an open loop, idle sockets, a crowd that comes back, five waves.

    python -m benchmarks.sockets [floor] [open] [idle] [reconnect] [waves] [--full]

Everything runs on this machine: the clients in this process, the server in one, Redis in one (the embedded one, which
syncs its file before it answers), and the embedding model in the server's. The parts are in `benchmarks/load/`. Without
``--full`` the loads are short and the crowds small, some three minutes in all.

*floor* runs the same closed loops over three servers on the same Redis: the bare floor (socket → stream → commit →
socket, `benchmarks/load/floor.py`), Kefu with an assistant that only echoes (what the promise costs), and Kefu as
`kefu serve` runs it without a writer (what understanding, retrieval and grounding cost on top), once with eight
questions over and over, which its caches know, and once with questions that nobody asked before.
"""

import argparse
import asyncio
import resource
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import uvloop

from benchmarks.load.client import close_sockets, open_sockets
from benchmarks.load.crowds import KIB, MIB, come_back, idle, waves
from benchmarks.load.questions import repeated, unseen
from benchmarks.load.servers import KEFU, NULL, Ground, Server, ground
from benchmarks.load.turns import Load, closed_loop, open_loop

CONVERSATIONS = (1, 8, 64)

_SPARE_FILES = 300
"""Descriptors of a process besides its sockets."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How long and how large."""

    seconds: float
    open_seconds: float
    idle: int
    back: int
    wave: int


def scales(full: bool) -> Scale:
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # Servers inherit it.
    room = most - _SPARE_FILES
    wanted = Scale(8, 30, 40_000, 4_000, 4_000) if full else Scale(2, 8, 5_000, 1_000, 1_000)
    return Scale(
        wanted.seconds, wanted.open_seconds, min(wanted.idle, room), min(wanted.back, room), min(wanted.wave, room)
    )


async def against_the_floor(over: Ground, scale: Scale) -> None:
    print("Closed loop: each conversation on a socket of its own asks, reads its answer, and asks again")

    async def measure(server: Server, what: str, questions: Callable[[int], Iterator[str]]) -> dict[int, Load]:
        loads = {}
        for count in CONVERSATIONS:
            loads[count] = await closed_loop(server, count, scale.seconds, questions(count))
            print(f"  {what:<22} {count:3d}  {loads[count].row()}", flush=True)
        return loads

    with over.floor() as server:
        bare = await measure(server, "floor", lambda count: repeated())
    with over.kefu(NULL) as server:
        null = await measure(server, "Kefu, null assistant", lambda count: repeated())
    with over.kefu(KEFU) as server:
        known = await measure(server, "Kefu, known questions", lambda count: repeated())
        new = await measure(server, "Kefu, new questions", unseen)
    print(
        "  Against the floor: share of its turns/s (aim: 50 % or more), times its p50 (aim: 3 or less),"
        "\n  and times the CPU of its turns, server and Redis together, which a busy machine blurs least"
    )
    for what, loads in (("null assistant", null), ("known questions", known), ("new questions", new)):
        ratios = (
            f"{count}: {loads[count].rate / bare[count].rate:4.0%} x{loads[count].at(50) / bare[count].at(50):6.1f}"
            f" (CPU x{loads[count].cpu / bare[count].cpu:6.1f})"
            for count in CONVERSATIONS
        )
        print(f"  {what:<22}      {'     '.join(ratios)}")


async def open_loops(over: Ground, scale: Scale) -> None:
    print("\nOpen loop: 1,000 sockets, 500 messages/s in all, at moments of a Poisson process; from when each was due")
    for what, module, texts in (
        ("Kefu, null assistant", NULL, repeated()),
        ("Kefu, known questions", KEFU, repeated()),
    ):
        with over.kefu(module) as server:
            sockets = await open_sockets(server.url, server.key, (f"open-{n}" for n in range(1000)))
            await open_loop(server, sockets, 500, 1, texts)  # Warm-up.
            load = await open_loop(server, sockets, 500, scale.open_seconds, texts)
            await close_sockets(sockets)
        print(
            f"  {what:<22}      {load.row()}\n  {'':<22}      slowest {max(load.took, default=0) * 1e3:.0f} ms,"
            f" refused {load.refused}, lost {load.lost}, doubled {load.doubled}",
            flush=True,
        )


async def idle_sockets(over: Ground, scale: Scale) -> None:
    print("\nIdle sockets, each with a session and its conversation followed (aim: 40,000 or more per GiB)")
    with over.kefu(KEFU) as server:
        found = await idle(server, scale.idle)
    print(
        f"  {found.sockets:,} sockets: server {found.server / KIB:.1f} KiB each, {found.a_gib:,} per GiB;"
        f" Redis {found.redis / KIB:.1f} KiB each",
        flush=True,
    )


async def reconnects(over: Ground, scale: Scale) -> None:
    print("\nA crowd is cut in the middle of its turns, misses their end, and comes back with its cursors")
    with over.kefu(KEFU) as server:
        for jitter in (0.0, 3.0):
            back = await come_back(over, server, scale.back, jitter, f"{jitter:.0f}")
            print(
                f"  {back.sockets:,} {f'within {jitter:.0f} s' if jitter else 'at once'}: all welcome after"
                f" {back.welcome:.2f} s, up to date after {back.current:.2f} s, {back.wrong} not exactly;"
                f" {back.failed} connects failed at first\n"
                f"    others' turns   before p50 {back.before.at(50):6.1f} p99 {back.before.at(99):6.1f} ms"
                f"   meanwhile p50 {back.meanwhile.at(50):6.1f} p99 {back.meanwhile.at(99):6.1f} ms,"
                f" lost {back.meanwhile.lost}, doubled {back.meanwhile.doubled}",
                flush=True,
            )


async def flat_memory(over: Ground, scale: Scale) -> None:
    print(f"\nFive waves of {scale.wave:,} shoppers: each comes, writes, reads the answer and goes")
    with over.kefu(KEFU) as server:
        empty, found = server.memory(), []
        print(f"  before    server {empty[0] / MIB:6.1f} MiB   Redis {empty[1] / MIB:6.1f} MiB")
        async for wave in waves(server, scale.wave):
            found.append(wave)
            print(
                f"  wave {len(found)}    server {wave.server / MIB:6.1f} MiB   Redis {wave.redis / MIB:6.1f} MiB",
                flush=True,
            )
    crept = (found[-1].server - found[1].server) / (len(found) - 2) / scale.wave
    print(
        f"  From the second wave on the server grew by {crept:.0f} bytes a shopper. The first one's peak stays: the C"
        " library gives freed\n  pages back only from the end of its heap, and fills the holes with the next wave."
        " Redis keeps the conversations,\n  and the server an account of the limits of each of the"
        " last 65,536 shoppers (`bot/channels/limits.py`)."
    )


PARTS: dict[str, Callable[[Ground, Scale], Awaitable[None]]] = {
    "floor": against_the_floor,
    "open": open_loops,
    "idle": idle_sockets,
    "reconnect": reconnects,
    "waves": flat_memory,
}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=(*PARTS, []), help="which to run; all of them by default")
    parser.add_argument("--full", action="store_true", help="long loads and crowds of full size")
    options = parser.parse_args()
    scale = scales(options.full)
    whole = asyncio.current_task()
    assert whole is not None
    # Told to end, it takes along what it started: Redis would outlive it.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, whole.cancel)
    for name in options.parts or PARTS:
        async with ground() as over:  # Each part on an empty Redis.
            await PARTS[name](over, scale)


if __name__ == "__main__":
    uvloop.run(main())
