"""Shoppers' files on a real disk and over real HTTP: what is kept, for whom, and what is left of the rest."""

import asyncio
import logging
import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import open_channels
from bot.conversations import Conversations, files, privacy
from bot.conversations.files import Files
from bot.errors import BudgetSpent, FileRefused, StoreUnavailable
from bot.ports import Voice
from bot.records import Conversation, ConversationId, Trace, Turn
from bot.settings import Settings
from tests.pictures import GPS, jpeg, png

ANNA = ConversationId("web:anna")
LIMIT = 200_000


async def silence(conversation: Conversation, voice: Voice) -> Turn:
    return Turn((), conversation.state, Trace())


@dataclass
class Shopper:
    """Somebody with a session."""

    client: aiohttp.ClientSession
    token: str
    conversation: ConversationId

    async def send(
        self, data: bytes, name: str = "seam.jpg", field: str = "file", headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        form = aiohttp.FormData(quote_fields=False)  # As browsers do.
        form.add_field(field, data, filename=name, content_type="image/jpeg")
        async with self.client.post("/api/files", data=form, headers=self.bearer | {**(headers or {})}) as answer:
            return answer.status, await answer.json()

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@dataclass
class Server:
    """A server that keeps files, and where it keeps them."""

    client: aiohttp.ClientSession
    folder: Path

    async def shopper(self) -> Shopper:
        async with self.client.post("/api/session", json={}) as answer:
            told = await answer.json()
            return Shopper(self.client, told["token"], ConversationId(told["conversation"]))

    def left(self) -> list[str]:
        """Everything that lies on the disk, by name."""
        return sorted(path.name for path in self.folder.rglob("*") if path.is_file())


Serve = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def serve(conversations: Conversations, tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def serving(**more: Any) -> AsyncIterator[Server]:
        settings = Settings(data=tmp_path, port=0, **{"upload_bytes": LIMIT, **more})
        async with (
            open_channels(settings, conversations, silence) as address,
            aiohttp.ClientSession(address) as session,
        ):
            yield Server(session, tmp_path / "files")

    return serving


async def until(condition: Callable[[], bool]) -> None:
    """Return once ``condition`` holds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


# ── Over HTTP ─────────────────────────────────────────────────────────────────────────────────────


async def test_that_a_picture_comes_back_to_its_shopper_without_where_it_was_taken(serve: Serve) -> None:
    async with serve() as server:
        anna = await server.shopper()
        status, told = await anna.send(jpeg(secret=True), "C:\\Photos\\Näht\u202egpj.seam.jpg")
        assert status == 200
        assert told == {"id": told["id"], "name": "Näht gpj.seam.jpg", "type": "image/jpeg", "size": told["size"]}
        async with server.client.get(f"/api/files/{told['id']}", headers=anna.bearer) as answer:
            data = await answer.read()
            assert len(data) == told["size"]
            assert GPS not in data
            assert answer.headers["Content-Type"] == "image/jpeg"
            assert answer.headers["Content-Disposition"].startswith("inline; filename*=UTF-8''N%C3%A4ht")
            assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Cache-Control"].startswith("private")
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        async with server.client.get(f"/api/files/{told['id']}", params={"token": anna.token}) as answer:
            assert answer.status == 200, "a picture's tag can send no header"


@pytest.mark.parametrize(("shoppers", "files", "refused"), [(10, 1, 4), (1, 7, 2)], ids=["address", "shopper"])
async def test_that_who_sends_slowly_holds_places_of_its_own_only(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, shoppers: int, files: int, refused: int
) -> None:
    monkeypatch.setattr("bot.channels.files._AT_ONCE", 8)
    far, near = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "198.51.100.7"}

    async def endless() -> AsyncIterator[bytes]:
        yield b"--b\r\n"
        await asyncio.sleep(3600)

    async def send_slowly(shopper: Shopper) -> int:
        form = {"Content-Type": "multipart/form-data; boundary=b", **shopper.bearer, **far}
        async with server.client.post("/api/files", data=endless(), headers=form) as answer:
            return answer.status

    async with serve() as server:
        slow = [await server.shopper() for _ in range(shoppers)]
        sending = [asyncio.create_task(send_slowly(shopper)) for shopper in slow for _ in range(files)]
        await until(lambda: sum(task.done() for task in sending) == refused)
        assert {task.result() for task in sending if task.done()} == {429}
        anna = await server.shopper()
        assert (await anna.send(jpeg(), headers=near))[0] == 200
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_that_a_pdf_is_saved_and_not_opened(serve: Serve) -> None:
    async with serve() as server:
        anna = await server.shopper()
        _, told = await anna.send(b"%PDF-1.7\n<script>alert(1)</script>", "bill.html")
        assert told["name"] == "bill.pdf"
        async with server.client.get(f"/api/files/{told['id']}", headers=anna.bearer) as answer:
            assert answer.headers["Content-Type"] == "application/pdf"
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''bill.pdf"


async def test_that_nobody_else_gets_a_file(serve: Serve) -> None:
    async with serve() as server:
        anna, bert = await server.shopper(), await server.shopper()
        _, told = await anna.send(jpeg())
        place = f"/api/files/{told['id']}"
        for headers, token, expected in (
            (bert.bearer, None, 404),
            ({}, bert.token, 404),
            ({}, None, 401),
            ({}, "", 401),
            ({"Authorization": "Bearer forged"}, None, 401),
            ({"Authorization": f"Basic {anna.token}"}, None, 401),
            ({}, anna.token[:-2], 401),
        ):
            query = {} if token is None else {"token": token}
            async with server.client.get(place, headers=headers, params=query) as answer:
                assert answer.status == expected, (headers, token)


async def test_that_a_resume_token_opens_no_file(serve: Serve) -> None:
    async with serve() as server, server.client.post("/api/session", json={}) as opened:
        resume = (await opened.json())["resume"]
        async with server.client.get("/api/files/" + "0" * 32, params={"token": resume}) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    "name",
    [
        "../../session.key",
        "..%2f..%2fsession.key",
        "%2e%2e%2fsession.key",
        "....//session.key",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "0" * 32 + ".json",
        "0" * 31,
        "0" * 33,
        "0" * 31 + "A",
        "0" * 31 + "٠",
        "%00" * 32,
        ".",
        "..",
    ],
)
async def test_that_no_name_leads_out_of_the_folder(serve: Serve, name: str) -> None:
    async with serve() as server:
        anna = await server.shopper()
        await anna.send(jpeg())
        async with server.client.get(f"/api/files/{name}", headers=anna.bearer) as answer:
            assert answer.status in (404, 405)
            assert b"session" not in await answer.read()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"", 415),
        (b"GIF", 415),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415),
        (b"<!doctype html><script>alert(1)</script>", 415),
        (b"PK\x03\x04" + bytes(100), 415),
        (b"MZ" + bytes(100_000), 415),
        (jpeg()[:60], 415),
        (png()[:-8], 415),
        (jpeg()[:-2] + bytes(LIMIT), 413),
        (b"%PDF-" + bytes(LIMIT - 4), 413),
        (b"%PDF-" + bytes(LIMIT - 5), 200),
    ],
)
async def test_that_only_small_whole_files_of_known_types_are_kept(serve: Serve, data: bytes, status: int) -> None:
    async with serve() as server:
        anna = await server.shopper()
        assert (await anna.send(data))[0] == status
        assert len(server.left()) == (2 if status == 200 else 0)


async def test_that_a_body_that_hides_its_length_is_counted_as_it_comes(serve: Serve) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7'
        while True:
            yield bytes(10_000)

    async with serve() as server, asyncio.timeout(60):
        anna = await server.shopper()
        headers = anna.bearer | {"Content-Type": "multipart/form-data; boundary=x"}
        with suppress(aiohttp.ClientError):  # The server may hang up on what it does not want.
            async with server.client.post("/api/files", data=endless(), headers=headers) as answer:
                assert answer.status == 413
        assert server.left() == []


async def test_that_an_upload_that_is_cut_off_leaves_nothing(serve: Serve) -> None:
    async with serve() as server:
        anna = await server.shopper()
        url = server.client._base_url
        assert url is not None
        head = (
            f"POST /api/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {anna.token}\r\nContent-Length: 150000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        )
        _, writer = await asyncio.open_connection("127.0.0.1", url.port)
        writer.write(head.encode() + jpeg() + bytes(70_000))
        await writer.drain()
        await until(lambda: any(name.endswith(".part") for name in server.left()))
        writer.transport.abort()
        await until(lambda: not server.left())


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 400),
        ("multipart/form-data", b"", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 400),
        ("multipart/form-data; boundary=x", b"no part", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\na\r\n--x--',
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y--\r\n--x--",
            400,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.pdf"\r\n\r\n%PDF-1.7 that never ends',
            400,
        ),
    ],
)
async def test_that_what_is_no_form_is_told_so(serve: Serve, content_type: str, body: bytes, status: int) -> None:
    async with serve() as server:
        anna = await server.shopper()
        headers = anna.bearer | {"Content-Type": content_type}
        async with server.client.post("/api/files", data=body, headers=headers) as answer:
            assert (answer.status, (await answer.json())["code"]) == (status, status)
        assert server.left() == []


async def test_that_a_shopper_sends_few_files_a_minute(serve: Serve) -> None:
    async with serve() as server:
        anna = await server.shopper()
        statuses = [(await anna.send(png()))[0] for _ in range(11)]
        assert statuses == [200] * 10 + [429]


async def test_that_no_token_gets_into_the_log(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with serve() as server:
            anna = await server.shopper()
            _, told = await anna.send(jpeg())
            for place in (told["id"], "0" * 32, "..%2f"):
                async with server.client.get(f"/api/files/{place}", params={"token": anna.token}) as answer:
                    await answer.read()
    assert anna.token not in caplog.text


async def test_that_a_message_with_a_file_is_exported_and_erased_with_it(
    serve: Serve, conversations: Conversations, tmp_path: Path
) -> None:
    async with serve() as server:
        anna, bert = await server.shopper(), await server.shopper()
        _, told = await anna.send(jpeg())  # Sent, but never with a message: Redis knows nothing of her.
        await bert.send(png())
    kept = Files(Settings(data=tmp_path))
    shopper = anna.conversation.removeprefix("web:")
    exported = await privacy.export(conversations, shopper, kept)
    assert [file["id"] for row in exported["conversations"] for file in row["files"]] == [told["id"]]
    assert await privacy.erase(conversations, shopper, kept) == 1
    assert await kept.of(anna.conversation) == []
    assert len(await kept.of(bert.conversation)) == 1
    assert (await privacy.export(conversations, shopper, kept))["conversations"] == []


# ── On the disk ───────────────────────────────────────────────────────────────────────────────────


async def stream(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def kept(tmp_path: Path, **more: Any) -> Files:
    return Files(Settings(data=tmp_path, **{"upload_bytes": LIMIT, **more}))


@pytest.mark.parametrize("size", [1, 7, 16, 100_000])
async def test_that_a_file_is_found_however_it_came(tmp_path: Path, size: int) -> None:
    own = kept(tmp_path)
    attachment = await own.keep(ANNA, "a.png", stream(png(), size))
    assert await own.find(ANNA, attachment.id) == attachment
    assert own.path(ANNA, attachment).read_bytes() == png()
    assert await kept(tmp_path).find(ANNA, attachment.id) == attachment, "after a restart too"
    assert await own.find(ConversationId("web:bert"), attachment.id) is None


async def test_that_only_this_user_of_the_machine_may_read_files(tmp_path: Path) -> None:
    own = kept(tmp_path)
    place = own.path(ANNA, await own.keep(ANNA, "a.png", stream(png())))
    for path in (place, place.with_name(f"{place.name}.json")):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert "anna" not in str(place)


async def test_that_a_conversation_holds_so_many_files_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST", 5)
    own = kept(tmp_path)
    came = await asyncio.gather(*(own.keep(ANNA, "a.png", stream(png())) for _ in range(9)), return_exceptions=True)
    assert sum(isinstance(one, BudgetSpent) for one in came) >= 4
    assert 0 < len(await own.of(ANNA)) <= 5
    await own.keep(ConversationId("web:bert"), "a.png", stream(png()))


async def test_that_a_conversation_holds_so_many_bytes_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", 2)
    own = kept(tmp_path)
    await own.keep(ANNA, "a.pdf", stream(b"%PDF-" + bytes(LIMIT - 1000), 60_000))
    await own.keep(ANNA, "a.pdf", stream(b"%PDF-" + bytes(1000)))
    with pytest.raises(BudgetSpent):
        await own.keep(ANNA, "a.pdf", stream(b"%PDF-"))


async def test_that_a_full_disk_is_kept_for_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "ROOM", 2**60)
    with pytest.raises(StoreUnavailable):
        await kept(tmp_path).keep(ANNA, "a.png", stream(png()))


async def test_that_a_disk_that_cannot_be_written_is_an_outage_and_no_lie(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await kept(tmp_path).keep(ANNA, "a.png", stream(png()))


async def test_that_nothing_but_an_id_is_looked_for(tmp_path: Path) -> None:
    own = kept(tmp_path)
    attachment = await own.keep(ANNA, "a.png", stream(png()))
    told = own.path(ANNA, attachment).with_name(f"{attachment.id}.json").read_bytes()
    for name in ("secret", "secret.json"):
        (tmp_path / name).write_bytes(told)
    for name in ("../../secret", str(tmp_path / "secret"), f"./{attachment.id}", f"{attachment.id}/", ""):
        assert await own.find(ANNA, name) is None, name


async def test_that_a_file_which_was_told_of_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        done.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        sync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        done.append("name it" if target.suffix == "" else "name what it is")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    await kept(tmp_path).keep(ANNA, "a.png", stream(png()))
    assert done == ["sync file", "sync file", "name what it is", "name it", "sync folder"]


async def test_that_whatever_stops_an_upload_leaves_nothing(tmp_path: Path) -> None:
    own = kept(tmp_path)

    async def cut() -> AsyncIterator[bytes]:
        yield jpeg()
        raise FileRefused("cut")

    with pytest.raises(FileRefused):
        await own.keep(ANNA, "a.jpg", cut())

    reading = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield jpeg()
        reading.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(own.keep(ANNA, "a.jpg", slow()))
    await reading.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


async def test_that_old_files_go_and_what_a_dead_server_left(tmp_path: Path) -> None:
    own = kept(tmp_path, retention=timedelta(days=30))
    old = await own.keep(ANNA, "old.png", stream(png()))
    new = await own.keep(ANNA, "new.png", stream(png()))
    place = own.path(ANNA, old)
    dead = place.with_name(".0011223344556677.part")
    dead.write_bytes(b"half")
    young = place.with_name(".8899aabbccddeeff.part")
    young.write_bytes(b"half")
    for path, age in ((place, 31), (place.with_name(f"{old.id}.json"), 31), (dead, 1), (own.path(ANNA, new), 29)):
        then = time.time() - timedelta(days=age).total_seconds()
        os.utime(path, (then, then))
    async with own.swept():
        await until(lambda: not dead.exists())
    assert await own.of(ANNA) == [new]
    assert young.exists(), "it may still be written to"


async def test_that_an_unreadable_file_is_no_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = kept(tmp_path)
    attachment = await own.keep(ANNA, "a.png", stream(png()))
    place = own.path(ANNA, attachment)
    place.with_name(f"{attachment.id}.json").write_bytes(b"\xff")
    assert await own.find(ANNA, attachment.id) is None
    assert await own.erase(ANNA) == 0
    assert not place.exists()
