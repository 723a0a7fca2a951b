"""Which origins and hosts there are: as the settings name them, and as a browser writes them."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from bot.errors import SettingError

_NAME = re.compile(r"(?!.{254})[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|[0-9a-f.]*:[0-9a-f:.]*")
"""A host's name in lower case and ASCII (``xn--…`` for other scripts), or an IPv6 address."""

_PORTS = {"http": 80, "https": 443}
"""The usual ones, which a browser leaves out."""

_EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - recognised here, not listened on
"""To listen on every address is to have no address of one's own."""


def read_origin(setting: str, value: str) -> str:
    """An origin of the settings, checked: comparing is exact, so it has to be written as browsers write it.

    Source: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin

    Raises:
        SettingError: names the setting, the value, and what is allowed.
    """
    scheme, host, port = _parts(value)
    if scheme in _PORTS and _NAME.fullmatch(host) and value == origin(scheme, host, port):
        return value
    raise SettingError(
        f"{setting} (KEFU_{setting.upper()}) names {value!r}, which is no origin as browsers write it: "
        "it has to be http:// or https:// and a host in lower case (xn--… for other scripts), with the port "
        "where it is not the usual one, and nothing after it: 'https://shop.example'."
    )


def read_host(setting: str, value: str) -> str:
    """A host of the settings, with its port where it has one, checked.

    Raises:
        SettingError: names the setting, the value, and what is allowed.
    """
    _, host, port = _parts(f"//{value}")
    if _NAME.fullmatch(host) and value == _joined(host, port):
        return value
    raise SettingError(
        f"{setting} (KEFU_{setting.upper()}) names {value!r}, which is no host: "
        "it has to be a name in lower case, with a port where it needs one: 'images.shop.example'."
    )


def own_origins(public: str | None, host: str, port: int) -> frozenset[str]:
    """Kefu's own origins: the one that browsers see, or without one, those of this machine at ``port``."""
    if public:
        return frozenset((public,))
    hosts = ["127.0.0.1", "localhost", "::1"] + ([host.lower()] if host not in _EVERYWHERE else [])
    return frozenset(origin("http", name, port) for name in hosts)


def origin(scheme: str, host: str, port: int | None) -> str:
    """An origin as a browser writes it: brackets around an IPv6 address, no usual port."""
    return f"{scheme}://{_joined(host, None if port == _PORTS.get(scheme) else port)}"


def hosts_of(addresses: Iterable[str | None]) -> frozenset[str]:
    """The hosts of web addresses, with the ports that are not usual; what is no web address has none."""
    return frozenset(host for address in addresses if address and (host := _host_of(address)))


def _host_of(address: str) -> str | None:
    scheme, host, port = _parts(address)
    if scheme not in _PORTS or not _NAME.fullmatch(host):
        return None
    return origin(scheme, host, port).partition("://")[2]


def _parts(address: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; empty where they cannot be read, or somebody's name stands before the host."""
    try:
        parts = urlsplit(address)
        named = parts.username is not None or parts.password is not None
        return ("", "", None) if named else (parts.scheme, parts.hostname or "", parts.port)
    except ValueError:
        return "", "", None


def _joined(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
