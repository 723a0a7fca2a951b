"""What a shopper's file is, what of a picture is kept, and what its name may be."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.files import NAME_CHARACTERS, clean_name
from bot.conversations.filetypes import ENDINGS, essentials, type_of
from bot.errors import FileRefused
from tests.pictures import GPS, gif, jpeg, png, webp

PICTURES = {"image/png": png, "image/jpeg": jpeg, "image/gif": gif, "image/webp": webp}


def cleaned(data: bytes) -> bytes:
    kind = type_of(data[:16])
    assert kind is not None
    return b"".join(essentials(kind, memoryview(data)))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (png(), "image/png"),
        (jpeg(), "image/jpeg"),
        (gif(), "image/gif"),
        (webp(), "image/webp"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", None),
        (b"<!doctype html><script>alert(1)</script>", None),
        (b" %PDF-1.7", None),
        (b"GIF88a", None),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"PK\x03\x04", None),
        (b"MZ\x90\0", None),
        (b"", None),
    ],
)
def test_that_the_first_bytes_tell_the_type(head: bytes, kind: str | None) -> None:
    assert type_of(head[:16]) == kind


@pytest.mark.parametrize("kind", PICTURES)
def test_that_a_picture_loses_where_it_was_taken_and_keeps_its_pixels(kind: str) -> None:
    told, plain = PICTURES[kind](secret=True), PICTURES[kind]()
    assert GPS in told
    kept = cleaned(told)
    assert GPS not in kept
    assert type_of(kept[:16]) == kind
    assert cleaned(plain) == plain, "one without secrets stays as it is"
    assert cleaned(kept) == kept


@pytest.mark.parametrize("kind", PICTURES)
def test_that_nothing_hides_behind_a_pictures_end(kind: str) -> None:
    plain = PICTURES[kind]()
    assert cleaned(plain + b"PK\x03\x04<script>alert(1)</script>") == plain


@pytest.mark.parametrize(("orientation", "kept"), [(1, False), (3, True), (6, True), (8, True), (9, False)])
def test_that_a_phones_picture_stays_the_right_way_up(orientation: int, kept: bool) -> None:
    turned = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    assert (turned in cleaned(jpeg(secret=True, orientation=orientation))) is kept


def test_that_a_webp_does_not_announce_what_was_taken_out() -> None:
    kept = cleaned(webp(secret=True))
    assert kept[12:16] == b"VP8X"
    assert kept[20] & 0x0C == 0
    assert struct.unpack("<I", kept[4:8])[0] == len(kept) - 8


@pytest.mark.parametrize("kind", PICTURES)
def test_that_a_damaged_picture_is_refused_and_never_half_cleaned(kind: str) -> None:
    whole = PICTURES[kind](secret=True)
    for end in range(16, len(whole)):
        try:
            assert GPS not in cleaned(whole[:end])
        except FileRefused:
            continue


@given(st.sampled_from(sorted(PICTURES)), st.data())
def test_that_no_bytes_break_the_cleaning(kind: str, data: st.DataObject) -> None:
    whole = bytearray(PICTURES[kind](secret=True))
    for at in data.draw(st.lists(st.integers(16, len(whole) - 1), max_size=8)):
        whole[at] = data.draw(st.integers(0, 255))
    try:
        kept = cleaned(bytes(whole))
    except FileRefused:
        return
    assert cleaned(kept) == kept


@pytest.mark.parametrize(
    "slow",
    [
        b"GIF89a" + bytes(7) + b"\x2c" + bytes(10) + b"\x01a" * 300_000,
        b"RIFF\xff\xff\xff\x00WEBPVP8 " + bytes(4) + (b"ANIM" + bytes(4)) * 100_000,
        b"\x89PNG\r\n\x1a\n" + (bytes(4) + b"IHDR" + bytes(4)) * 100_000,
        b"\xff\xd8\xff\xe0\0\2" + b"\xff\xe1\0\2" * 200_000,
        b"\xff\xd8" + b"\xff" * 600_000,
    ],
)
def test_that_a_picture_made_to_be_slow_is_refused(slow: bytes) -> None:
    with pytest.raises(FileRefused) as refused:
        cleaned(slow)
    assert "too many" in str(refused.value.__cause__)


def test_that_a_pdf_is_kept_as_it_was_sent() -> None:
    bill = b"%PDF-1.4\n" + zlib.compress(b"EUR 219.95")
    assert cleaned(bill) == bill


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("seam.jpg", "image/jpeg", "seam.jpg"),
        ("Seam.JPEG", "image/jpeg", "Seam.JPEG"),
        ("../../etc/passwd", "image/png", "passwd.png"),
        ("C:\\Users\\Anna\\seam.png", "image/png", "seam.png"),
        ("..", "image/png", "file.png"),
        (".htaccess", "image/png", "htaccess.png"),
        ("", "application/pdf", "file.pdf"),
        (None, "application/pdf", "file.pdf"),
        ("bill.html", "application/pdf", "bill.pdf"),
        ("photo\u202egpj.exe", "image/jpeg", "photo gpj.jpg"),
        ("a\r\nSet-Cookie: x.png", "image/png", "a Set-Cookie: x.png"),
        ("a\0b.png", "image/png", "a b.png"),
        ("half\ud800.png", "image/png", "half.png"),
        ("发票 三月.pdf", "application/pdf", "发票 三月.pdf"),
        ("<img src=x onerror=alert(1)>.png", "image/png", "<img src=x onerror=alert(1)>.png"),
        ("a.tar.gz", "application/pdf", "a.tar.pdf"),
    ],
)
def test_what_a_files_name_becomes(name: str | None, kind: str, expected: str) -> None:
    assert clean_name(name, kind) == expected


@given(st.text(max_size=400), st.sampled_from(sorted(ENDINGS)))
def test_that_every_name_is_short_visible_and_ends_as_its_type(name: str, kind: str) -> None:
    kept = clean_name(name, kind)
    assert len(kept) <= NAME_CHARACTERS
    assert kept.isprintable()
    assert not set(kept) & set("/\\")
    assert kept.lower().endswith(ENDINGS[kind])
    assert not kept.startswith(".")
    assert clean_name(kept, kind) == kept
