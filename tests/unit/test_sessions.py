"""What a session's token proves, and what it does not."""

import base64
import json
import multiprocessing
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from bot.channels.sessions import Sessions, kept_key, read_request, vouched_in
from bot.dialogue.vouching import told
from bot.errors import BadRequest, NotAllowed, SettingError
from bot.records import ConversationId, Vouched
from bot.settings import read_settings

KEY, SHOP = "s" * 64, "a key that the shop's site has too"


def sessions(data: Path, **more: Any) -> Sessions:
    return Sessions(read_settings({"data": data, "session_key": KEY, "shop_key": SHOP} | more))


@pytest.fixture
def ours(tmp_path: Path) -> Sessions:
    return sessions(tmp_path)


def vouch(key: str = SHOP, algorithm: str = "HS256", **claims: Any) -> str:
    said = {"sub": "4711", "exp": time.time() + 3600} | claims
    return jwt.encode({name: value for name, value in said.items() if value is not None}, key, algorithm)


def test_that_a_new_shopper_gets_a_name_nobody_can_guess(ours: Sessions) -> None:
    one, other = ours.grant({}), ours.grant({})
    assert one["shopper"] != other["shopper"]
    assert len(one["shopper"]) == len("visitor-") + 32
    session = ours.verify(one["token"])
    assert (session.shopper, session.conversation) == (one["shopper"], one["conversation"])
    assert (one["expires_in"], one["resume_expires_in"]) == (900, 30 * 86400)


def test_that_a_resume_token_gives_the_same_shopper_and_opens_nothing_itself(ours: Sessions) -> None:
    first = ours.grant({})
    again = ours.grant({"resume": first["resume"]})
    assert again["shopper"] == first["shopper"]
    with pytest.raises(NotAllowed):
        ours.verify(first["resume"])
    with pytest.raises(NotAllowed):
        ours.grant({"resume": first["token"]})


def test_that_a_token_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = sessions(tmp_path, session_lifetime=5)
    claims = jwt.decode(short.grant({})["token"], options={"verify_signature": False})
    stale = jwt.encode(claims | {"exp": int(time.time()) - 1}, KEY, "HS256")
    with pytest.raises(NotAllowed, match="ended"):
        short.verify(stale)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(lambda c: jwt.encode(c, "x" * 64, "HS256"), id="another key"),
        pytest.param(lambda c: jwt.encode(c, None, "none"), id="alg none"),
        pytest.param(lambda c: jwt.encode(c, KEY * 2, "HS512"), id="another key and algorithm"),
        pytest.param(lambda c: jwt.encode(c, KEY, "HS384"), id="another algorithm"),
        pytest.param(lambda c: jwt.encode(c | {"aud": "resume"}, KEY, "HS256"), id="another audience"),
        pytest.param(lambda c: jwt.encode(c | {"aud": ["session"] * 2 + [3]}, KEY, "HS256"), id="odd audience"),
        pytest.param(lambda c: jwt.encode(c | {"iss": "shop"}, KEY, "HS256"), id="another issuer"),
        pytest.param(lambda c: jwt.encode({k: v for k, v in c.items() if k != "exp"}, KEY, "HS256"), id="no end"),
        pytest.param(lambda c: jwt.encode({k: v for k, v in c.items() if k != "sub"}, KEY, "HS256"), id="nobody"),
        pytest.param(lambda c: jwt.encode(c, KEY, "HS256")[:-3] + "AAA", id="broken signature"),
        pytest.param(lambda c: _swap(jwt.encode(c, KEY, "HS256"), c | {"sub": "visitor-mallory"}), id="other words"),
        pytest.param(lambda c: "", id="empty"),
        pytest.param(lambda c: "a.b.c", id="nonsense"),
        pytest.param(lambda c: "\ud800.é.\0", id="no text"),
        pytest.param(lambda c: "e30." * 3000, id="long"),
    ],
)
def test_that_a_forged_token_is_refused_and_learns_nothing(ours: Sessions, forged: Any) -> None:
    claims = jwt.decode(ours.grant({})["token"], options={"verify_signature": False})
    with pytest.raises(NotAllowed) as refused:
        ours.verify(forged(claims))
    assert str(refused.value) in (
        "The token is not valid.",
        "The token has to say who (sub) and until when (exp).",
    )


def _swap(token: str, claims: dict[str, Any]) -> str:
    head, _, signature = token.split(".")
    return f"{head}.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.{signature}"


def test_that_the_shop_says_who_is_signed_in(ours: Sessions) -> None:
    granted = ours.grant({"user": vouch(name="Anna", email="anna@shop.example")})
    assert granted["shopper"] == "user-4711"
    assert granted["resume_expires_in"] == 86400
    assert dict(ours.verify(granted["token"]).profile) == {"name": "Anna", "email": "anna@shop.example"}
    resumed = ours.grant({"resume": granted["resume"]})
    assert ours.verify(resumed["token"]).profile["name"] == "Anna"


def test_that_the_shops_word_is_not_made_longer_by_resuming(tmp_path: Path) -> None:
    ours = sessions(tmp_path)
    end = int(time.time()) + 100
    resume = jwt.encode({"sub": "user-4711", "iss": "kefu", "aud": "resume", "exp": end}, KEY, "HS256")
    granted = ours.grant({"resume": resume})
    assert granted["resume_expires_in"] <= 100
    assert granted["expires_in"] <= 100


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"exp": time.time() + 3 * 86400}, "more than a day"),
        ({"exp": time.time() - 3600}, "ended"),
        ({"exp": None}, "until when"),
        ({"sub": None}, "who"),
        ({"sub": ""}, "sub"),
        ({"sub": "a" * 201}, "sub"),
        ({"sub": "a\nb"}, "sub"),
        ({"sub": "a\u202eb"}, "sub"),
        ({"name": 7}, "name"),
        ({"email": "a" * 321}, "email"),
    ],
)
def test_that_a_careless_word_of_the_shop_is_refused(ours: Sessions, claims: dict[str, Any], told: str) -> None:
    with pytest.raises(NotAllowed, match=told):
        ours.grant({"user": vouch(**claims)})


def test_that_nobody_but_the_shop_can_vouch(ours: Sessions, tmp_path: Path) -> None:
    for forged in (vouch(key=KEY), vouch(key="x" * 32), vouch(key="", algorithm="none")):
        with pytest.raises(NotAllowed, match="not valid"):
            ours.grant({"user": forged})
    with pytest.raises(NotAllowed, match="no key of a shop"):
        sessions(tmp_path, shop_key=None).grant({"user": vouch()})


def test_that_what_the_action_server_is_told_opens_no_session(ours: Sessions) -> None:
    session = ours.verify(ours.grant({"user": vouch(email="anna@shop.example")})["token"])
    assert session.vouched == Vouched("shop", "4711", "anna@shop.example")
    proof = told(session.vouched, session.conversation, SHOP)["proof"]
    for asked in ({"user": proof}, {"resume": proof}):
        with pytest.raises(NotAllowed, match="not valid"):
            ours.grant(asked)
    with pytest.raises(NotAllowed, match="not valid"):
        ours.verify(proof)


def test_that_nobody_vouches_for_a_visitor(ours: Sessions) -> None:
    assert ours.verify(ours.grant({})["token"]).vouched is None
    for name in ("rest:user-4711", "web:visitor-user-4711", "web:4711", "socketio:web:user-4711"):
        assert vouched_in(ConversationId(name)) is None


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b"\xff", b"7", b'{"resume": 7}', b'{"user": []}', b'{"user": "a", "resume": "b"}']
)
def test_that_a_request_that_is_none_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request(body)


def test_that_a_request_may_be_empty() -> None:
    assert read_request(b"") == read_request(b"{}") == read_request(b'{"resume": null}') == {}


def test_that_keys_are_long_and_differ(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"session_key \(KEFU_SESSION_KEY\).*32"):
        sessions(tmp_path, session_key="short")
    with pytest.raises(SettingError, match=r"shop_key \(KEFU_SHOP_KEY\).*32"):
        sessions(tmp_path, shop_key="short")
    with pytest.raises(SettingError, match="differ"):
        sessions(tmp_path, shop_key=KEY)


def test_that_a_key_is_made_once_for_this_user_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "session.key"
    key = kept_key(path)
    assert len(key) >= 32
    assert kept_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["session.key"]


def test_that_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "session.key").write_text("short")
    with pytest.raises(SettingError, match=r"session\.key"):
        kept_key(tmp_path / "session.key")


def _make(path: Path, start: Any, made: Any) -> None:
    start.wait()
    made.put(kept_key(path))


def test_that_processes_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    forked = multiprocessing.get_context("fork")
    for attempt in range(5):
        start, made = forked.Barrier(6), forked.Queue()
        path = tmp_path / str(attempt) / "session.key"
        processes = [forked.Process(target=_make, args=(path, start, made)) for _ in range(6)]
        for process in processes:
            process.start()
        keys = {made.get(timeout=30) for _ in processes}
        for process in processes:
            process.join()
        assert len(keys) == 1


def test_that_lifetimes_are_those_of_the_settings(tmp_path: Path) -> None:
    granted = sessions(tmp_path, session_lifetime=60, resume_lifetime=timedelta(hours=1)).grant({"user": vouch()})
    assert (granted["expires_in"], granted["resume_expires_in"]) == (60, 3600)
