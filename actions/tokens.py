"""Reads what proves who writes: a token of the shop's own site, and Kefu's word for one that it has checked.

Both are JWTs (RFC 7519, HS256) and come of one key, ``KEFU_SHOP_KEY``; without it no proof counts.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import jwt

from actions.shop.database import ShopError
from actions.shop.records import User
from actions.shop.shop import Shop

_log = logging.getLogger(__name__)

KEY_CHARACTERS = 32
"""HS256 asks for a key of 256 bits at least (RFC 7518, 3.2)."""

_SKEW = 60.0
"""Seconds that the clock of Kefu's machine may be off."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that was checked."""

    about: str | None
    """Whom it names, in the words of who signed it; None where a program speaks, which names nobody."""
    user: User | None
    """The user of the shop's database, where it has them."""


def read_key(environ: Mapping[str, str] = os.environ) -> str | None:
    """The shop's key; None where none is set.

    Raises:
        ShopError: it is too short to keep anybody from guessing it.
    """
    key = environ.get("KEFU_SHOP_KEY") or None
    if key is not None and len(key) < KEY_CHARACTERS:
        raise ShopError(f"KEFU_SHOP_KEY: has to have {KEY_CHARACTERS} characters or more, not {len(key)}.")
    return key


def prove(
    shop: Shop, metadata: Mapping[str, Any], conversation: str, environ: Mapping[str, str] = os.environ
) -> Proof | None:
    """Who writes, by what a message's metadata proves: ``vouched``, Kefu's word, else the token ``identity``."""
    key = read_key(environ)
    if key is None:
        return None
    claims = read_vouched(metadata.get("vouched"), conversation, key)
    if claims is not None:
        return Proof(None, None) if claims.get("by") == "program" else _proof(shop, claims.get("user"), claims)
    claims = _decode(metadata.get("identity"), key, {"options": {"require": ["exp"]}})
    return None if claims is None else _proof(shop, claims.get("sub"), claims)


def read_vouched(vouched: object, conversation: str, key: str) -> Mapping[str, Any] | None:
    """What Kefu says of the shopper in ``conversation``; None where it says nothing, or its proof is none."""
    proof = vouched.get("proof") if isinstance(vouched, Mapping) else None
    if proof is None:
        return None
    # As `bot.dialogue.vouching` makes it: no token of the shop's own, and none that opens a session.
    secret = blake2b(key.encode(), digest_size=32, person=b"kefu vouched").digest()
    bound = {"audience": "kefu-actions", "issuer": "kefu", "leeway": _SKEW, "options": {"require": ["exp"]}}
    claims = _decode(proof, secret, bound)
    if claims is None or claims.get("conversation") != conversation:
        _log.warning("metadata.vouched is no proof: it is forged, too old, or KEFU_SHOP_KEY is not the same as Kefu's")
        return None
    return claims


def _decode(token: object, key: str | bytes, bound: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(token, str):
        return None
    try:
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["HS256"], **bound)
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    return claims


def _proof(shop: Shop, user: object, claims: Mapping[str, Any]) -> Proof | None:
    """Whom the claims name: by the user's id, and where the shop has none of that id, by their e-mail address."""
    email = claims.get("email")
    named = [value for value in (user, email) if isinstance(value, str) and value]
    if not named:
        return None
    found = shop.user(user) if isinstance(user, str) else None
    if found is None and isinstance(email, str):
        found = shop.user_by_email(email)
    return Proof(named[0], found)


Match = Literal["same", "other", "missing", "unasked"]


def compare_keys(metadata: Mapping[str, Any], conversation: str, environ: Mapping[str, str] = os.environ) -> Match:
    """Whether Kefu's key is this server's; ``unasked`` where Kefu sent no proof, so has none, and this server has."""
    key = read_key(environ)
    if key is None:
        return "missing"
    vouched = metadata.get("vouched")
    if not isinstance(vouched, Mapping) or "proof" not in vouched:
        return "unasked"
    return "same" if read_vouched(vouched, conversation, key) is not None else "other"
