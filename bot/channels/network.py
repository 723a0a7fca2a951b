"""Whose address a request has, behind proxies that are trusted and headers that are not."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from bot.errors import SettingError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CUSTOMER = 64
"""Bits of an IPv6 address that name a customer; the rest a device changes as it likes (RFC 6177, RFC 8981)."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks whose word about who stands behind them is believed."""

    known: tuple[_Network, ...]

    @classmethod
    def read(cls, setting: str, values: Iterable[str]) -> "Networks":
        """Networks of the settings, checked.

        Raises:
            SettingError: names the setting, the value, and what is allowed.
        """
        return cls(tuple(_network(setting, value) for value in values))

    def __contains__(self, address: _Address) -> bool:
        return any(address in network for network in self.known)


def caller(peer: str | None, forwarded: Iterable[str], trusted: Networks) -> str | None:
    """The address that a request is counted for: the nearest one that no trusted proxy has, IPv6 by its /64.

    ``forwarded`` are the ``X-Forwarded-For`` headers as they came. They are read from the right, where the nearest
    proxy wrote; what a client made up stands further left and is never reached. None when all who are named are
    trusted, or a trusted proxy names nobody: then nothing is known of who stands behind.
    """
    nearest = _address(peer or "")
    if nearest is None:
        return None  # A unix socket, or a connection that has gone.
    chain = [name for header in forwarded for name in header.split(",")]
    while nearest in trusted:
        if not chain or (nearest := _address(chain.pop())) is None:
            return None
    if nearest.version == 4:
        return str(nearest)
    return str(ipaddress.ip_network((nearest, _CUSTOMER), strict=False))


def _address(text: str) -> _Address | None:
    """An address as proxies write it: some add a port, some brackets; one of IPv4 in IPv6's clothes is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(setting: str, value: str) -> _Network:
    try:
        network = ipaddress.ip_network(value)
    except ValueError as exc:
        raise SettingError(
            f"{setting} (KEFU_{setting.upper()}) names {value!r}, which is no network: {exc}; "
            "it has to be as '10.0.0.0/8' or '::1/128'."
        ) from exc
    if network.prefixlen == 0:
        raise SettingError(
            f"{setting} (KEFU_{setting.upper()}) names {value!r}, which is everybody: then each shopper could "
            "tell any address. Name the networks of your proxies."
        )
    return network
