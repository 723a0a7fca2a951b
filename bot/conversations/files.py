"""The files that shoppers send: kept beside the conversations on this server's disk, found again, and deleted."""

import asyncio
import logging
import os
import secrets
import shutil
import time
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

import msgspec

from bot.conversations import codec
from bot.conversations.filetypes import ENDINGS, HEAD, essentials, type_of
from bot.errors import BudgetSpent, FileRefused, FileTooBig, StoreUnavailable
from bot.records import Attachment, ConversationId
from bot.settings import Settings

MOST = 100
"""Files of one conversation."""

MOST_BYTES = 20
"""Bytes of one conversation, in largest files."""

NAME_CHARACTERS = 120
"""Longest name that is kept."""

ROOM = 256 * 1024 * 1024
"""Bytes that stay free on the disk: Redis may keep its file there, and a shopper's pictures must not stop it."""

_ABANDONED = timedelta(hours=1)
"""A file that is written for longer is of a process that died."""

_SWEEP = timedelta(days=1)
_ID = frozenset("0123456789abcdef")
_ID_LENGTH = 32

_log = logging.getLogger(__name__)

_attachment = msgspec.json.Decoder(Attachment).decode


class Files:
    """Shoppers' files below ``<data>/files``: a folder for each conversation, named by a hash of its id.

    A file is two: ``<id>`` are the bytes, ``<id>.json`` says what they are. The bytes come last, by renaming, so a file
    is there whole or not at all.
    """

    def __init__(self, settings: Settings) -> None:
        self._root = settings.data / "files"
        self._limit = settings.upload_bytes
        self._retention = settings.retention
        self._under_way: Counter[ConversationId] = Counter()

    async def keep(self, conversation: ConversationId, name: str | None, stream: AsyncIterator[bytes]) -> Attachment:
        """Keep what ``stream`` brings; durable when this returns. ``name`` is what the shopper's device calls it.

        Pictures lose what is not seen (`filetypes`). Whatever goes wrong, nothing stays behind. The stream's own errors
        have to be Kefu's: an ``OSError`` is taken for the disk's.

        Raises:
            FileTooBig: more bytes than ``upload_bytes``; no more of the stream was read.
            FileRefused: no type that is kept, or damaged.
            BudgetSpent: the conversation has as much as it may.
            StoreUnavailable: the disk is full, or cannot be written.
        """
        folder = self._folder(conversation)
        with _written(), self._counted(conversation):
            await asyncio.to_thread(self._make_room, conversation, folder)
            draft = folder / f".{secrets.token_hex(8)}.part"
            try:
                await self._receive(draft, stream)
                return await asyncio.to_thread(_settle, draft, name)
            finally:
                await asyncio.shield(asyncio.to_thread(_discard, draft))

    async def find(self, conversation: ConversationId, file_id: str) -> Attachment | None:
        """The file of ``conversation`` with that id, or None."""
        if len(file_id) != _ID_LENGTH or not _ID.issuperset(file_id):
            return None  # Nobody else's word becomes a path.
        return await asyncio.to_thread(_read, self._folder(conversation) / file_id)

    def path(self, conversation: ConversationId, attachment: Attachment) -> Path:
        """Where the bytes of a file lie."""
        return self._folder(conversation) / attachment.id

    async def of(self, conversation: ConversationId) -> list[Attachment]:
        """Every file of ``conversation``, oldest first."""
        return await asyncio.to_thread(_list, self._folder(conversation))

    async def erase(self, conversation: ConversationId) -> int:
        """Delete every file of ``conversation``; returns how many there were."""
        folder = self._folder(conversation)
        count = len(await self.of(conversation))
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if folder.exists():
            raise StoreUnavailable(f"{folder} cannot be deleted; look who it belongs to.")
        return count

    async def sweep(self) -> int:
        """Delete what is older than the retention, and what a process left behind that died; returns how many."""
        return await asyncio.to_thread(_sweep, self._root, self._retention)

    @asynccontextmanager
    async def swept(self) -> AsyncIterator[None]:
        """Sweep now and every day, as long as the block lasts."""

        async def daily() -> None:
            while True:
                try:
                    if swept := await self.sweep():
                        _log.info("%d files of shoppers were older than %s and are deleted.", swept, self._retention)
                except OSError as exc:
                    _log.error("The files in %s cannot be swept: %s", self._root, exc)
                await asyncio.sleep(_SWEEP.total_seconds())

        task = asyncio.create_task(daily(), name="kefu-files")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _folder(self, conversation: ConversationId) -> Path:
        return self._root / blake2b(conversation.encode(), digest_size=16).hexdigest()

    @contextmanager
    def _counted(self, conversation: ConversationId) -> Iterator[None]:
        self._under_way[conversation] += 1
        try:
            yield
        finally:
            self._under_way[conversation] -= 1
            if not self._under_way[conversation]:
                del self._under_way[conversation]

    def _make_room(self, conversation: ConversationId, folder: Path) -> None:
        """Make the folder; refuse where it is full. Files that are being received count as the largest."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = [entry.stat() for entry in os.scandir(folder) if _is_file(entry.name)]
        coming = self._under_way[conversation]
        size = sum(found.st_size for found in kept) + coming * self._limit
        if len(kept) + coming > MOST or size > MOST_BYTES * self._limit:
            oldest = min((found.st_mtime for found in kept), default=time.time())
            left = oldest + self._retention.total_seconds() - time.time()
            raise BudgetSpent("This conversation holds as many files as it may.", max(1.0, left))
        if shutil.disk_usage(folder).free < ROOM + self._limit:
            _log.error("%s has less than %d MiB left: no more files are kept.", folder, ROOM // 1024**2)
            raise StoreUnavailable("There is no room for files now.")

    async def _receive(self, draft: Path, stream: AsyncIterator[bytes]) -> None:
        """Write the stream to ``draft``; its type is looked at as soon as it can be."""
        head, size = b"", 0
        with await asyncio.to_thread(_create, draft) as file:
            async for piece in stream:
                size += len(piece)
                if size > self._limit:
                    raise FileTooBig(f"The file is too large: at most {self._limit} bytes can be sent.")
                if len(head) < HEAD:
                    head += piece[:HEAD]
                    if len(head) >= HEAD:
                        _checked_type(head)
                await asyncio.to_thread(file.write, piece)
            _checked_type(head)


def _checked_type(head: bytes) -> str:
    if (kind := type_of(head)) is None:
        raise FileRefused("Only pictures (PNG, JPEG, GIF, WebP) and PDF files can be sent.")
    return kind


def _settle(draft: Path, name: str | None) -> Attachment:
    """Put what was received in its place, cleaned; everything is on the disk before its last renaming."""
    received = draft.read_bytes()
    kind = _checked_type(received[:HEAD])
    pieces = essentials(kind, memoryview(received))
    size = sum(map(len, pieces))
    attachment = Attachment(secrets.token_hex(_ID_LENGTH // 2), clean_name(name, kind), kind, size)
    told, place = draft.with_suffix(".told"), draft.with_name(attachment.id)
    _write(draft, pieces)
    _write(told, [codec.encode(attachment)])
    told.rename(_beside(place))
    draft.rename(place)
    _sync_folder(draft.parent)
    return attachment


def _create(path: Path) -> BinaryIO:
    """An empty file for this user's eyes only."""
    return open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _write(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    """Write a whole file, and wait until it is on the disk."""
    with _create(path) as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Wait until the names in ``folder`` are on the disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _discard(draft: Path) -> None:
    for path in (draft, draft.with_suffix(".told")):
        path.unlink(missing_ok=True)


def _read(path: Path) -> Attachment | None:
    try:
        return _attachment(_beside(path).read_bytes()) if path.is_file() else None
    except FileNotFoundError:
        return None  # Erased this very moment.
    except msgspec.MsgspecError as exc:
        _log.error("%s cannot be read: %s", _beside(path), exc)
        return None


def _list(folder: Path) -> list[Attachment]:
    try:
        found = sorted((entry.stat().st_mtime, entry.path) for entry in os.scandir(folder) if _is_file(entry.name))
    except FileNotFoundError:
        return []
    return [attachment for _, path in found if (attachment := _read(Path(path))) is not None]


def _sweep(root: Path, retention: timedelta) -> int:
    now, swept = time.time(), 0
    for folder in root.iterdir() if root.exists() else ():
        for path in folder.iterdir():
            limit = _ABANDONED if path.name.startswith(".") else retention
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < now - limit.total_seconds():
                    path.unlink()
                    swept += _is_file(path.name)
        # A young folder may be one that a file is just being written to.
        with suppress(OSError):
            if folder.stat().st_mtime < now - _ABANDONED.total_seconds():
                folder.rmdir()
    return swept


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _is_file(name: str) -> bool:
    return len(name) == _ID_LENGTH


@contextmanager
def _written() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        _log.error("A shopper's file could not be kept: %s", exc)
        raise StoreUnavailable("The file could not be kept. Try again.") from exc


def clean_name(name: str | None, kind: str) -> str:
    """A file's name for show: no path, nothing invisible, at most `NAME_CHARACTERS`, and an ending that fits ``kind``.

    The ending, because a PDF that is saved as ``bill.html`` would be opened as a page.
    """
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    seen = "".join(char if unicodedata.category(char)[0] not in "CZ" else " " for char in last)
    base = " ".join(unicodedata.normalize("NFC", seen).split()).lstrip(". ")
    endings = ENDINGS[kind]
    stem, dot, _ = base.rpartition(".")
    if base.lower().endswith(endings):
        base, ending = stem, base[len(stem) :]
    else:
        base, ending = stem if dot and len(base) - len(stem) <= 5 else base, endings[0]
    return f"{base[: NAME_CHARACTERS - len(ending)].rstrip('. ') or 'file'}{ending}"
