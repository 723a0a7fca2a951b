"""Keeps a disk busy, as a backup or a neighbour does: ``python -m tests.chaos.disk_load FOLDER``."""

import os
import sys
import time
from itertools import cycle
from pathlib import Path

FILES = 8
BYTES = 2 << 20
PAUSE = 0.02
"""Seconds between two files; without one, the disk would be all that is tested."""


def main(folder: Path) -> None:
    """Write until killed, or until the parent process is gone."""
    parent = os.getppid()
    block = os.urandom(BYTES)
    for n in cycle(range(FILES)):
        with (folder / f"load-{n}").open("wb") as file:
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        if os.getppid() != parent:
            return
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
