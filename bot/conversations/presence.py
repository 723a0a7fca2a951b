"""Which workers of one data folder are dead: each holds a lock while it lives, and the kernel lets go of it."""

import fcntl
import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)


class Presence:
    """One worker's sign of life.

    A lease tells of a death by waiting, which is right between machines. On one machine, a lock file that can be
    locked proves it at once, also right after a restart. Where it errs (a folder that is removed, a network file
    system that forgets), the store's fence still refuses whoever comes second.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """``folder`` is shared by the workers; ``name`` is told to the others once this one is dead."""
        self._folder = folder
        self._name = name
        self._handle: int | None = None

    def begin(self) -> None:
        """Live, until `end` or the end of the process."""
        file = self._folder / f".{self._name}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._handle = os.open(file, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._handle, fcntl.LOCK_EX)
            file.rename(self._folder / self._name)  # Only now: nobody may find it unlocked.
        except OSError as exc:
            _log.warning("no sign of life under %s, so a death is seen by the lease only: %s", self._folder, exc)

    def end(self) -> None:
        """Live no more; what is not buried is taken over."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def dead(self) -> list[str]:
        """The names of the dead that nobody has buried."""
        try:
            names = [file.name for file in self._folder.iterdir() if not file.name.startswith(".")]
        except OSError:
            return []
        return [name for name in names if name != self._name and self._is_dead(name)]

    def bury(self, name: str) -> None:
        """Forget ``name``: what it held is taken care of."""
        (self._folder / name).unlink(missing_ok=True)

    def _is_dead(self, name: str) -> bool:
        try:
            handle = os.open(self._folder / name, os.O_RDWR)
        except OSError:
            return False  # Buried just now.
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False
        finally:
            os.close(handle)
