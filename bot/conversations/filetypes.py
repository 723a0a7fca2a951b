"""What a shopper's file is, by its first bytes, and what of a picture is kept: what is seen, and nothing else.

A phone writes the place, the time and its own number into a picture, and many things hide behind a picture's end. So a
picture is taken apart into its blocks, and only those that a browser draws by are put together again, as they are:
nothing is decoded, so a picture made to break a decoder meets none here. A PDF is kept as it was sent.
"""

import re
import struct
from collections.abc import Callable, Generator, Iterator
from types import MappingProxyType

from bot.errors import FileRefused

HEAD = 16
"""As many first bytes tell the type."""

_MAGIC = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBPVP", re.DOTALL), "image/webp"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)
"""Source: https://mimesniff.spec.whatwg.org/#matching-an-image-type-pattern and section 7.1 for PDF."""

ENDINGS = MappingProxyType(
    {
        "image/png": (".png",),
        "image/jpeg": (".jpg", ".jpeg"),
        "image/gif": (".gif",),
        "image/webp": (".webp",),
        "application/pdf": (".pdf",),
    }
)
"""The types that are kept, and how names of such files end; the first is the usual one."""

_Pieces = Iterator[bytes | memoryview]

_SMALLEST = 64
"""Bytes that a block has on the average, at least. One that has less is made to be slow to read."""


def type_of(head: bytes) -> str | None:
    """The media type of a file that begins with ``head``; None for one that is not kept."""
    return next((kind for magic, kind in _MAGIC if magic.match(head)), None)


def essentials(kind: str, data: memoryview) -> list[bytes | memoryview]:
    """What of a file of type ``kind`` is kept, in pieces that make up the file.

    Raises:
        FileRefused: it is damaged: what cannot be read through cannot be cleaned.
    """
    read = _READERS.get(kind)
    if read is None:
        return [data]
    try:
        return list(_counted(read(data), data))
    except (ValueError, IndexError, struct.error) as exc:
        raise FileRefused("The picture is damaged and cannot be read.") from exc


def _counted(pieces: _Pieces, data: memoryview) -> _Pieces:
    """The pieces, those of nothing too, as long as they are not too many for a file of this size."""
    for number, piece in enumerate(pieces):
        if number > len(data) // _SMALLEST + 1000:
            raise ValueError("it has too many blocks")
        yield piece


# ── PNG: https://www.w3.org/TR/png-3/#11Chunks ────────────────────────────────────────────────────

_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI bKGD pHYs acTL fcTL fdAT".split()
)
"""Pixels, colours and frames. Left out are texts, times, Exif, and whatever a browser does not know."""


def _png(data: memoryview) -> _Pieces:
    yield data[:8]
    at, name = 8, b""
    if bytes(data[12:16]) != b"IHDR":
        raise ValueError("it does not begin with its header")
    while name != b"IEND":
        (length,) = struct.unpack_from(">I", data, at)
        name, end = bytes(data[at + 4 : at + 8]), at + 12 + length
        if end > len(data):
            raise ValueError("it is cut off")
        # An empty piece for what is left out: so that it counts.
        yield data[at:end] if name in _PNG_KEPT else b""
        at = end


# ── JPEG: ITU-T T.81, annex B ─────────────────────────────────────────────────────────────────────

_END, _SCAN, _COMMENT, _APP0, _APP1, _APP2, _APP14, _APP15 = 0xD9, 0xDA, 0xFE, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
"""Markers without a length."""

_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""Where the coded pixels end: there, 0xFF stands before 0x00, before a restart marker, or as a filling byte."""

_APP_KEPT = {_APP0: b"JFIF\0", _APP2: b"ICC_PROFILE\0", _APP14: b"Adobe"}
"""How the pixels are meant. Left out are Exif, XMP, comments, and further pictures with all theirs."""


def _jpeg(data: memoryview) -> _Pieces:
    yield data[:2]
    at, oriented, scanned = 2, False, False
    while True:
        while data[at] == data[at + 1] == 0xFF:
            at += 1  # A filling byte.
            yield b""
        if data[at] != 0xFF:
            raise ValueError("a marker is missing")
        marker = data[at + 1]
        if marker == _END:
            if not scanned:
                raise ValueError("it has no pixels")
            yield data[at : at + 2]
            return
        end = at + 2 + (0 if marker in _ALONE else struct.unpack_from(">H", data, at + 2)[0])
        if end > len(data):
            raise ValueError("it is cut off")
        body = data[at + 4 : end]
        if marker == _SCAN:
            scanned = True
            found = _AFTER_SCAN.search(data, end)
            if found is None:
                # A camera that lost power, or a transfer that was cut: browsers draw what is there.
                yield data[at:]
                yield b"\xff\xd9"
                return
            end = found.start()
        if marker == _APP1 and not oriented and (orientation := _orientation(body)):
            oriented = True
            yield _turned(orientation)
        elif _APP0 <= marker <= _APP15:
            kept = _APP_KEPT.get(marker)
            yield data[at:end] if kept is not None and bytes(body[: len(kept)]) == kept else b""
        else:
            yield data[at:end] if marker != _COMMENT else b""
        at = end


def _orientation(body: memoryview) -> int | None:
    """How a phone was held: the one thing of Exif that is needed to draw. Source: CIPA DC-008, 4.6.2 and 4.6.5."""
    if bytes(body[:6]) != b"Exif\0\0":
        return None
    order = {b"II": "<", b"MM": ">"}.get(bytes(body[6:8]))
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", body, 10)
        (count,) = struct.unpack_from(f"{order}H", body, 6 + first)
        for entry in range(count):
            tag, kind, number, value = struct.unpack_from(f"{order}HHIH", body, 8 + first + 12 * entry)
            if (tag, kind, number) == (0x0112, 3, 1) and 1 < value <= 8:
                return int(value)
    except struct.error:
        pass  # What the phone wrote cannot be read, and is left out like the rest of it.
    return None


def _turned(orientation: int) -> bytes:
    """An Exif block that says the orientation and nothing else."""
    told = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    return struct.pack(">BBH", 0xFF, _APP1, len(told) + 2) + told


# ── WebP: RFC 9649 ────────────────────────────────────────────────────────────────────────────────

_WEBP_KEPT = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_TOLD = 0x08 | 0x04
"""Bits of the header that say that Exif and XMP follow."""


def _webp(data: memoryview) -> _Pieces:
    chunks = list(_counted(_webp_chunks(data), data))
    if not any(chunk[:4] in (b"VP8 ", b"VP8L", b"ANMF") for chunk in chunks):
        raise ValueError("it has no pixels")
    yield b"RIFF" + struct.pack("<I", 4 + sum(map(len, chunks))) + b"WEBP"
    yield from chunks


def _webp_chunks(data: memoryview) -> _Pieces:
    (size,) = struct.unpack_from("<I", data, 4)
    at, last = 12, min(len(data), 8 + size)
    while at + 8 <= last:
        name = bytes(data[at : at + 4])
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length
        if end > len(data):
            raise ValueError("it is cut off")
        padded = b"" if length % 2 == 0 else b"\0"
        if name == b"VP8X":
            if length != 10:
                raise ValueError("its header has no length of a header")
            yield bytes(data[at : at + 8]) + bytes((data[at + 8] & ~_TOLD,)) + bytes(data[at + 9 : end])
        else:
            yield bytes(data[at:end]) + padded if name in _WEBP_KEPT else b""
        at = end + len(padded)


# ── GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt ──────────────────────────────────────────

_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
"""The only extensions of applications that a browser heeds: how often an animation runs."""


def _gif(data: memoryview) -> _Pieces:
    at = 13 + _colours(data[10])
    yield data[:at]
    while True:
        begin, mark = at, data[at]
        if mark == 0x3B:
            yield data[at : at + 1]
            return
        if mark == 0x2C:  # A frame: its place, its colours, the size of its codes, its pixels.
            at = yield from _gif_blocks(data, at + 11 + _colours(data[at + 9]))
            yield data[begin:at]
        elif mark == 0x21:
            kind, name = data[at + 1], bytes(data[at + 3 : at + 14])
            at = yield from _gif_blocks(data, at + 2)
            # 0xF9 is a frame's delay and transparency.
            yield data[begin:at] if kind == 0xF9 or (kind == 0xFF and name in _LOOPS) else b""
        else:
            raise ValueError("a block is of no kind")


def _colours(packed: int) -> int:
    """Bytes of the table of colours that a packed field announces."""
    return 3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0


def _gif_blocks(data: memoryview, at: int) -> Generator[bytes, None, int]:
    """Pass over data in blocks of up to 255 bytes, an empty piece for each; returns where they end."""
    while length := data[at]:
        at += 1 + length
        yield b""
    return at + 1


_READERS: MappingProxyType[str, Callable[[memoryview], _Pieces]] = MappingProxyType(
    {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp, "image/gif": _gif}
)
