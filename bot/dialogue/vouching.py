"""Tells an action server whom a channel vouches for, with a proof that nobody but Kefu and that server can write.

The proof is a JWT (RFC 7519, HS256) for one call in one conversation. Its key is made of the shop's, and is not the
shop's: whoever gets hold of a proof can open no session with it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import jwt

from bot.records import ConversationId, Vouched

VOUCHED = "vouched"
"""Where it stands in the metadata of a message; no client can write there."""

ISSUER = "kefu"
AUDIENCE = "kefu-actions"

_GOOD_FOR = timedelta(minutes=1)
"""It is made anew for each call, and a call is not as long as that."""


def proof_key(shop_key: str) -> bytes:
    """What proofs are signed with, 32 bytes; `actions.tokens` makes the same."""
    return blake2b(shop_key.encode(), digest_size=32, person=b"kefu vouched").digest()


def told(vouched: Vouched, conversation: ConversationId, shop_key: str | None) -> Mapping[str, Any]:
    """What ``metadata.vouched`` of the latest message says: ``by``, ``user``, ``email``; with a key, the ``proof``."""
    said = {"by": vouched.by, "user": vouched.user, "email": vouched.email}
    known = {name: value for name, value in said.items() if value is not None}
    if shop_key is None:
        return known
    claims = {
        **known,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "conversation": conversation,
        "exp": datetime.now(UTC) + _GOOD_FOR,
    }
    return {**known, "proof": jwt.encode(claims, proof_key(shop_key), "HS256")}
