"""The long form: ``python -m tests.chaos --messages 100000 --faults 500 --conversations 400`` (see README.md)."""

import argparse
import asyncio
import random
import signal
import sys

from tests.chaos.faults import SHARES, Kind
from tests.chaos.report import Report, table
from tests.chaos.storm import Storm, run


def say(line: str) -> None:
    """At once, also where it goes to a file."""
    print(line, flush=True)  # noqa: T201 (this is what the program is for)


def main() -> int:
    """Run a storm, print how far it is and then the verdict; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    for name in ("messages", "faults", "conversations", "cuts", "servers", "lanes"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Storm(), name))
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--store", choices=["redis-server", "valkey-server"], default="redis-server")
    parser.add_argument("--only", type=Kind, choices=Kind, help="one kind of fault")
    options = vars(parser.parse_args())
    only = options.pop("only")
    storm = Storm(**options, shares={only: 1} if only else SHARES)
    say(str(storm))
    report = asyncio.run(_run(storm))
    say(table(report))
    return 0 if report.good else 1


async def _run(storm: Storm) -> Report:
    """Run it; told to stop, take its processes along."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await run(storm, say)


if __name__ == "__main__":
    sys.exit(main())
