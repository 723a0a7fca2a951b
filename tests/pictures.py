"""Small pictures made by hand, with a secret in every place where a phone or a program puts one."""

import struct
import zlib

GPS = b"52.5200N13.4050E"


def png(secret: bool = False, blocks: int = 1) -> bytes:
    """One grey pixel; with ``secret``, texts, Exif and a time."""
    pixels = zlib.compress(b"\0\x80")
    secrets = [(b"tEXt", b"Location\0" + GPS), (b"eXIf", b"MM\0*" + GPS), (b"iTXt", b"XML:com.adobe.xmp" + GPS)]
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)),
        *(secrets if secret else ()),
        *((b"IDAT", pixels) for _ in range(blocks)),
        *([(b"zTXt", GPS)] if secret else ()),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def jpeg(secret: bool = False, orientation: int = 6) -> bytes:
    """The blocks of a photograph; with ``secret``, Exif with a place, XMP, a comment, and a second picture."""

    def block(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0) + GPS
    told = [block(0xE1, exif), block(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS), block(0xFE, GPS)]
    scan = block(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x12\xff\0\x34\xff\xd0\x56"
    return b"".join(
        (
            b"\xff\xd8",
            block(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
            *(told if secret else ()),
            block(0xE2, b"ICC_PROFILE\0\x01\x01" + bytes(20)),
            *([block(0xE2, b"MPF\0" + GPS)] if secret else ()),
            block(0xDB, bytes(65)),
            block(0xC0, b"\x08\0\x08\0\x08\x01\x01\x11\0"),
            scan,
            b"\xff",
            block(0xC4, bytes(20)),
            scan,
            b"\xff\xd9",
            *([b"\xff\xd8" + block(0xE1, exif) + b"\xff\xd9"] if secret else ()),
        )
    )


def webp(secret: bool = False) -> bytes:
    """An extended WebP; with ``secret``, Exif and XMP."""
    flags = 0x0C if secret else 0
    secrets = [(b"EXIF", GPS), (b"XMP ", GPS + b"!")] if secret else []
    chunks = [(b"VP8X", bytes([flags]) + bytes(9)), (b"VP8L", b"\x2f" + bytes(8)), *secrets]
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + (b"\0" if len(data) % 2 else b"") for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def gif(secret: bool = False) -> bytes:
    """An animation of one pixel; with ``secret``, a comment and XMP."""
    told = b"\x21\xfe\x10" + GPS + b"\0" + b"\x21\xff\x0bXMP DataXMP\x10" + GPS + b"\0"
    loop = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"
    frame = b"\x21\xf9\x04\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes((0, 0, 0, 255, 255, 255))
    return head + loop + (told if secret else b"") + frame + frame + b"\x3b"
