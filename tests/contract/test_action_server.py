"""The action server: rasa-sdk's own, started as `kefu serve` starts it, and servers that misbehave."""

import asyncio
import os
import signal
import sys
import tomllib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest
from aiohttp import web

from bot.conversations.codec import decode_said, encode
from bot.dialogue import action_process
from bot.dialogue.action_process import serve_actions, wait_until_up
from bot.dialogue.action_server import ActionServer
from bot.dialogue.domain import read_domain
from bot.doctor import _shop_key
from bot.errors import ActionUnavailable
from bot.records import (
    ActionResult,
    Button,
    Conversation,
    ConversationId,
    Floor,
    LogId,
    Message,
    MessageId,
    State,
    Understanding,
    Utterance,
    Vouched,
)
from bot.settings import of_the_actions, read_settings

DOMAIN = read_domain(Path(__file__).parents[2] / "knowledge")
SLOTS = {"order_number": "LF-204518", "email": "Mila.deVries@mail.example"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("actions")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def run(
    session: aiohttp.ClientSession, url: str, action: str, slots: dict[str, str], language: str = "en"
) -> ActionResult:
    mail = Message(MessageId("1"), ConversationId("rest:1"), "rest", "1", "where is it", datetime.now(UTC))
    conversation = Conversation(
        ConversationId("rest:1"), 0, 0, Floor.ASSISTANT, State(language, slots), (replace(mail, log_id=LogId("1-0")),)
    )
    server = ActionServer(session, url, DOMAIN, timeout=5)
    return await server.run(action, conversation, Understanding("where is it", language, (), 1.0))


async def test_that_the_shops_own_server_looks_an_order_up_and_stops(
    session: aiohttp.ClientSession, folder: Path
) -> None:
    async with serve_actions(folder / "actions.log") as url:
        await wait_until_up(session, url)

        found = await run(session, url, "action_order_status", SLOTS)
        assert "LF-204518" in found.utterances[0].text
        assert "MP7730184420NL" in found.utterances[0].text

        chinese = await run(session, url, "action_order_status", SLOTS, "zh")
        assert "运单号 MP7730184420NL" in chinese.utterances[0].text

        # Who has proved it by number and address is known, as in every other form.
        assert found.slots["shopper"] == "mila-de-vries"

        # Somebody else's address: not a word of the order, and the address is asked for anew.
        stranger = await run(session, url, "action_order_status", SLOTS | {"email": "jonas.keller@mail.example"})
        missing = await run(session, url, "action_order_status", SLOTS | {"order_number": "LF-999999"})
        assert stranger == missing
        assert "LF-204518" not in stranger.utterances[0].text
        assert stranger.slots == {"email": None, "identify_tries": 1}
        assert stranger.followup == "order_status_form"

        with pytest.raises(ActionUnavailable, match="404"):
            await run(session, url, "action_unheard_of", SLOTS)
    with pytest.raises(ActionUnavailable, match="does not answer"):
        await run(session, url, "action_order_status", SLOTS)


async def test_that_a_signed_in_shopper_is_known_where_the_key_is_the_same(
    session: aiohttp.ClientSession, folder: Path
) -> None:
    key, other = "k" * 32, "o" * 32
    said = Message(
        MessageId("1"),
        ConversationId("web:user-mila-de-vries"),
        *("web", "user-mila-de-vries", "where is it", datetime.now(UTC)),
        metadata={"vouched": {"by": "shop", "user": "jonas-keller"}},
        log_id=LogId("1-0"),
    )

    async def listed(word: Vouched | None, shop_key: str | None, *before: Vouched | None) -> str:
        mail = tuple(replace(said, vouched=each) for each in (*before, word))
        conversation = Conversation(said.conversation, 0, 0, Floor.ASSISTANT, State(), mail)
        server = ActionServer(session, url, DOMAIN, timeout=5, shop_key=shop_key)
        done = await server.run("action_list_orders", conversation, Understanding("where is it", "en", (), 1.0))
        return done.utterances[0].text

    # As `kefu.toml` says it; of the environment of this process it takes nothing.
    settings = read_settings({"shop_key": key, "data": folder})
    async with serve_actions(folder / "actions.log", of_the_actions(settings)) as url:
        await wait_until_up(session, url)
        own = await listed(Vouched("shop", "mila-de-vries"), key)
        assert "LF-204518" in own
        assert "LF-204602" not in own, "which is Jonas Keller's"
        assert await listed(Vouched("shop", "4711", "Mila.deVries@mail.example"), key) == own
        assert await listed(Vouched("shop", "mila-de-vries"), key, Vouched("shop", "mila-de-vries")) == own
        for before in (None, Vouched("shop", "jonas-keller")):
            mixed = await listed(Vouched("shop", "mila-de-vries"), key, before)
            assert "who you are" in mixed, "words of a burst that came without the proof are not hers"
        for word, shop_key in (
            (Vouched("shop", "mila-de-vries"), other),
            (Vouched("shop", "mila-de-vries"), None),
            (Vouched("shop", "4711"), key),
            (Vouched("program"), key),
            (None, key),
        ):
            assert "who you are" in await listed(word, shop_key)


async def test_that_a_key_that_can_be_guessed_keeps_the_server_from_starting(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actions", "--data", str(tmp_path)),
        env={**os.environ, "KEFU_SHOP_KEY": "short"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, told = await process.communicate()
    assert process.returncode == 1
    assert told.decode().strip() == "KEFU_SHOP_KEY: has to have 32 characters or more, not 5."


@pytest.mark.parametrize(
    ("theirs", "ours", "state", "told"),
    [
        ("k" * 32, "k" * 32, "ok", "the same"),
        ("o" * 32, "k" * 32, "wrong", "has another"),
        ("", "k" * 32, "wrong", "has none"),
        ("o" * 32, None, "note", "the action server has one"),
        ("", None, "ok", "none, here and in the action server"),
        ("k" * 32, "short", "wrong", "32 characters or more"),
    ],
)
async def test_that_the_doctor_compares_the_keys(
    session: aiohttp.ClientSession, folder: Path, theirs: str, ours: str | None, state: str, told: str
) -> None:
    environment = {**os.environ, "KEFU_SHOP_KEY": theirs}
    async with serve_actions(folder / "actions.log", environment) as url:
        await wait_until_up(session, url)
        finding = await _shop_key(read_settings({"shop_key": ours, "actions_url": url}), url)
        assert (finding.subject, finding.state) == ("shop_key", state)
        assert told in finding.detail
        assert "kkkk" not in finding.detail
        assert "oooo" not in finding.detail


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"events": [], "responses": []}', '{"responses": [{"custom": null}]}']
)
@pytest.mark.parametrize("status", [200, 404])
async def test_that_the_doctor_says_that_another_server_does_not_tell(
    odd_server: tuple[str, dict[str, Any]], text: str, status: int
) -> None:
    url, answer = odd_server
    answer |= {"text": text, "status": status}
    finding = await _shop_key(read_settings({"shop_key": "k" * 32, "actions_url": url}), url)
    assert (finding.state, "does not tell" in finding.detail) == ("note", True)


@pytest.fixture
async def odd_server() -> AsyncIterator[tuple[str, dict[str, Any]]]:
    answer: dict[str, Any] = {}

    async def webhook(request: web.Request) -> web.Response:
        if delay := answer.get("delay"):
            await asyncio.sleep(delay)
        return web.Response(text=answer["text"], status=answer.get("status", 200), content_type="application/json")

    app = web.Application()
    app.router.add_post("/webhook", webhook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhook", answer
    await runner.cleanup()


@pytest.mark.parametrize(
    "text",
    [
        *("", "not json", "[]", "{}", "null", "[" * 5000 + "]" * 5000),
        '{"events": 1, "responses": []}',
        '{"events": [{"event": "slot", "value": "M"}], "responses": []}',
        '{"events": [], "responses": [7]}',
        '{"events": [], "responses": [{"text": ["a"]}]}',
        '{"events": [], "responses": [{"text": "half a pair: \\ud800"}]}',
        '{"events": [], "responses": [{"text": "x", "image": 5}]}',
        '{"events": [], "responses": [{"text": "x", "buttons": [{"payload": "ok"}]}]}',
        '{"events": [], "responses": [{"text": "x", "buttons": {"title": "ok"}}]}',
        '{"events": [], "responses": [{"response": "utter_unheard_of"}]}',
        '{"events": [], "responses": [{"response": 7}]}',
        '{"events": [], "responses": [{"custom": {"receipt": "R1"}}]}',
        '{"events": [], "responses": [{"custom": {"receipt": {"summary": "no id"}}}]}',
        '{"events": [], "responses": [{"text": "x", "custom": {"receipt": [1]}}]}',
    ],
)
async def test_that_nonsense_is_an_outage_and_not_an_answer(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]], text: str
) -> None:
    url, answer = odd_server
    answer["text"] = text
    with pytest.raises(ActionUnavailable, match="action_order_status"):
        await run(session, url, "action_order_status", SLOTS)


async def test_that_a_slow_server_is_given_up(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, answer = odd_server
    answer |= {"text": '{"events": [], "responses": []}', "delay": 1.0}
    server = ActionServer(session, url, DOMAIN, timeout=0.1)
    mail = Message(MessageId("1"), ConversationId("c"), "rest", "1", "x", datetime.now(UTC), log_id=LogId("1-0"))
    conversation = Conversation(ConversationId("c"), 0, 0, Floor.ASSISTANT, State(), (mail,))
    with pytest.raises(ActionUnavailable, match="does not answer"):
        await server.run("action_order_status", conversation, Understanding("x", "en", (), 1.0))


async def test_that_a_named_response_is_worded_by_the_domain_and_a_receipt_is_kept(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]]
) -> None:
    url, answer = odd_server
    answer["text"] = """{"events": [{"event": "slot", "name": "size", "value": "M"}], "responses": [
        {"response": "utter_thanks"}, {"text": "Done.", "buttons": [{"title": "Ok", "payload": "ok"}]},
        {"custom": {"receipt": {"id": "r-1", "summary": "cancelled"}}}]}"""
    result = await run(session, url, "action_order_status", SLOTS)
    assert result.utterances[0] == DOMAIN.respond("utter_thanks", "en", {}, "1-0")
    assert result.utterances[1].buttons[0].payload == "ok"
    assert result.receipt is not None
    assert (result.receipt.id, result.receipt.action) == ("r-1", "action_order_status")
    assert result.slots == {"size": "M"}
    # A receipt is for the log; a message that carried nothing else has nothing to say.
    assert len(result.utterances) == 2


async def test_that_a_custom_message_goes_out_alone(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]]
) -> None:
    url, answer = odd_server
    answer["text"] = """{"events": [], "responses": [
        {"text": null, "buttons": [], "elements": [], "custom": {"type": "carousel"}, "image": null}, {"custom": [1]},
        {"text": "Done.", "custom": {"receipt": {"id": 7}, "type": "card"}}, {"text": "", "custom": {}}]}"""
    result = await run(session, url, "action_order_status", SLOTS)
    assert [said.custom for said in result.utterances] == [{"type": "carousel"}, {"custom": [1]}, {"type": "card"}]
    assert all(decode_said(b"1-0 " + encode(said)) == said for said in result.utterances)
    assert result.receipt is not None
    assert result.receipt.id == "7"


async def test_that_what_stands_beside_a_named_response_goes_out_with_it(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]]
) -> None:
    url, answer = odd_server
    answer["text"] = """{"events": [], "responses": [{"response": "utter_done", "buttons": [{"title": 42}],
        "image": "https://shop.example/a.png", "custom": {"type": "card"}}]}"""
    result = await run(session, url, "action_order_status", SLOTS)
    words = DOMAIN.respond("utter_done", "en", {}, "1-0").text
    assert result.utterances == (
        Utterance(words, (Button("42", "42"),), "https://shop.example/a.png", {"type": "card"}),
    )


async def test_that_an_action_may_have_nothing_to_say(
    session: aiohttp.ClientSession, odd_server: tuple[str, dict[str, Any]]
) -> None:
    url, answer = odd_server
    answer["text"] = '{"events": [], "responses": []}'
    assert await run(session, url, "action_order_status", SLOTS) == ActionResult()


async def test_that_an_action_server_that_died_is_back_at_the_same_address(
    session: aiohttp.ClientSession, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[asyncio.subprocess.Process] = []
    start = asyncio.create_subprocess_exec

    async def watched(*command: str, **options: Any) -> asyncio.subprocess.Process:
        started.append(await start(*command, **options))
        return started[-1]

    monkeypatch.setattr(action_process.asyncio, "create_subprocess_exec", watched)
    monkeypatch.setattr(action_process, "_PAUSES", (0.1,))
    async with serve_actions(folder / "actions.log") as url:
        await wait_until_up(session, url)
        started[0].kill()
        await started[0].wait()
        await wait_until_up(session, url)
        found = await run(session, url, "action_order_status", SLOTS)
        assert "LF-204518" in found.utterances[0].text
    assert len(started) == 2
    assert started[1].returncode is not None


def test_that_the_demo_shop_is_packaged_with_the_actions() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())
    packaged = project["tool"]["setuptools"]["package-data"]["actions"]
    assert {str(path.relative_to(root / "actions")) for path in root.glob("actions/shop/demo/*.[cy]*")} == set(packaged)


async def test_that_a_kefu_killed_while_its_actions_start_leaves_no_orphan() -> None:
    """The start takes a second; who is asked for its parent only then would take the reaper of orphans for it."""
    start = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'actions', '--with-parent', str(os.getpid()), '--port', '0']\n"
        "print(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    kefu = await asyncio.create_subprocess_exec(sys.executable, "-c", start, stdout=asyncio.subprocess.PIPE)
    assert kefu.stdout is not None
    orphan = int(await kefu.stdout.readline())
    kefu.kill()
    await kefu.wait()
    try:
        async with asyncio.timeout(30):
            # Nothing but its absence tells of another process's orphan.
            while psutil.pid_exists(orphan) and psutil.Process(orphan).status() != psutil.STATUS_ZOMBIE:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    except TimeoutError:
        os.kill(orphan, signal.SIGKILL)
        raise
