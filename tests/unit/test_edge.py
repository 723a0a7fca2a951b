"""The server's edge decides by exact words: which origins there are, and whose address a request has."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels.failures import explain, status_of
from bot.channels.guard import Guard
from bot.channels.network import Networks, caller
from bot.channels.origins import hosts_of, own_origins, read_host, read_origin
from bot.errors import (
    BudgetSpent,
    FileRefused,
    FileTooBig,
    KefuError,
    NotAllowed,
    OriginRefused,
    Overloaded,
    RateLimited,
    SettingError,
    StoreUnavailable,
)
from bot.settings import Settings

LOOPBACK = Networks.read("trusted_proxies", ("127.0.0.0/8", "::1/128"))
PROXIES = Networks.read("trusted_proxies", ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "fd00::/8"))


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(data=tmp_path, **more)


# ── Origins ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value",
    ["https://shop.example", "http://localhost:3000", "https://xn--mnchen-3ya.example", "http://[::1]:8080"],
)
def test_that_an_origin_is_taken_as_a_browser_writes_it(value: str) -> None:
    assert read_origin("origins", value) == value


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "null",
        "shop.example",
        "//shop.example",
        "https://",
        "https://*.shop.example",
        "https://Shop.example",
        "HTTPS://shop.example",
        "https://shop.example/",
        "https://shop.example/shop",
        "https://shop.example?a",
        "https://shop.example:443",
        "http://shop.example:80",
        "https://shop.example:",
        "https://shop.example:99999",
        "https://shop.example.",
        "https://münchen.example",
        "https://anna@shop.example",
        "https://shop.example\n",
        "ftp://shop.example",
        "file://",
    ],
)
def test_that_what_no_browser_sends_is_refused_by_name(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingError, match="KEFU_ORIGINS") as refused:
        Guard(settings(tmp_path, origins=(value,)))
    assert repr(value) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("public_url", "chat.shop.example"),
        ("public_url", "https://shop.example/chat"),
        ("link_hosts", ("https://shop.example",)),
        ("image_hosts", ("*",)),
        ("image_hosts", ("images.shop.example; script-src *",)),
        ("trusted_proxies", ("10.0.0.1/8",)),
        ("trusted_proxies", ("proxy",)),
        ("trusted_proxies", ("0.0.0.0/0",)),
        ("trusted_proxies", ("::/0",)),
    ],
)
def test_that_a_wrong_setting_is_named_at_start(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=f"KEFU_{name.upper()}"):
        Guard(settings(tmp_path, **{name: value}))


def test_that_a_public_address_is_the_only_own_origin() -> None:
    assert own_origins("https://chat.shop.example", "127.0.0.1", 5005) == {"https://chat.shop.example"}


def test_that_without_one_this_machine_is_the_own_origin_by_all_its_names() -> None:
    assert own_origins(None, "192.0.2.7", 5005) == {
        "http://127.0.0.1:5005",
        "http://localhost:5005",
        "http://[::1]:5005",
        "http://192.0.2.7:5005",
    }
    assert "http://0.0.0.0:5005" not in own_origins(None, "0.0.0.0", 5005)
    assert "http://localhost" in own_origins(None, "127.0.0.1", 80), "a browser leaves the usual port out"


def test_that_a_port_taken_at_random_is_known_once_it_is_bound(tmp_path: Path) -> None:
    guard = Guard(settings(tmp_path, port=0))
    guard.listens_at(41_234)
    assert "http://127.0.0.1:41234" in guard.own


def test_that_hosts_are_read_from_web_addresses_only() -> None:
    assert hosts_of(
        [
            "https://Larkfell.example/p/1",
            "http://b.example:8080/?q#f",
            "https://c.example:443",
            "javascript:alert(1)//d.example",
            "data:text/html,https://e.example",
            "//f.example",
            "https://anna:secret@g.example",
            "https://h.example:port",
            "https://i.example; script-src *",
            "/demo/tent.jpg",
            None,
        ]
    ) == {"larkfell.example", "b.example:8080", "c.example"}


@given(st.text())
def test_that_no_host_can_break_out_of_the_policy(value: str) -> None:
    hosts = [*hosts_of([f"https://{value}/"])]
    with suppress(SettingError):
        hosts.append(read_host("image_hosts", value))
    for host in hosts:
        assert not set(host) & set(" \t\r\n;,'\"*/\\@"), host


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        # A stranger's word about others is not heard.
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("203.0.113.9", ["127.0.0.1"], "203.0.113.9"),
        # A proxy's is: the last that it wrote, whatever the shopper put before.
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["127.0.0.1, 1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.0.0.7, 10.9.9.9"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::/64"),
        # An IPv6 customer has a whole /64.
        ("2001:db8:0:1:a:b:c:d", [], "2001:db8:0:1::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        # Nobody is named: a program on this machine, a unix socket, a proxy that does not say.
        ("127.0.0.1", [], None),
        ("::1", [], None),
        ("", [], None),
        (None, ["198.51.100.1"], None),
        ("10.0.0.1", ["10.0.0.2"], None),
        ("10.0.0.1", ["198.51.100.1, unknown"], None),
        ("10.0.0.1", [""], None),
    ],
)
def test_whose_address_a_request_has(peer: str | None, forwarded: list[str], expected: str | None) -> None:
    assert caller(peer, forwarded, PROXIES) == expected


@given(st.lists(st.text(), max_size=5))
def test_that_no_made_up_header_changes_a_shoppers_address_behind_a_proxy(made_up: list[str]) -> None:
    header = ", ".join([*made_up, "198.51.100.1"])
    assert caller("127.0.0.1", [header], LOOPBACK) == "198.51.100.1"
    assert caller("203.0.113.9", [header], LOOPBACK) == "203.0.113.9"


# ── Failures ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (NotAllowed("no"), 401, None),
        (OriginRefused("no"), 403, None),
        (FileTooBig("no"), 413, None),
        (FileRefused("no"), 415, None),
        (RateLimited("no", 0.02), 429, "1"),
        (BudgetSpent("no", 3599.2), 429, "3600"),
        (Overloaded("no", 2.5), 503, "3"),
        (StoreUnavailable("no"), 503, "1"),
    ],
)
def test_that_each_error_has_its_status_and_says_when_to_come_back(
    error: KefuError, status: int, retry_after: str | None
) -> None:
    told = explain(error)
    assert told is not None
    assert (told.status, told.headers.get("Retry-After")) == (status, retry_after)


def test_that_an_outage_is_told_without_its_innards() -> None:
    told = explain(StoreUnavailable("Redis does not answer: ConnectionError('/var/run/kefu/redis.sock')"))
    assert told is not None
    assert "redis" not in (told.text or "").lower()


def test_that_our_own_faults_are_nobodys_business() -> None:
    assert status_of(SettingError("x")) == 500
    assert explain(SettingError("x")) is None
