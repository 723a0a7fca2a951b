"""Reads the tokens by which the shop's own site says who writes."""

import os
from collections.abc import Mapping

import jwt

from actions.shop.records import User
from actions.shop.shop import Shop


def by_token(shop: Shop, token: object, environ: Mapping[str, str] = os.environ) -> User | None:
    """The user whom a token of the shop's site names (JWT, HS256, signed with ``KEFU_SHOP_KEY``, not expired).

    ``sub`` is the user's id; where there is none, ``email`` is their address. Without the key no token counts.
    """
    key = environ.get("KEFU_SHOP_KEY")
    if not key or not isinstance(token, str):
        return None
    try:
        claims = jwt.decode(token, key, algorithms=["HS256"], options={"require": ["exp"]})
    except jwt.InvalidTokenError:
        return None
    if isinstance(claims.get("sub"), str):
        return shop.user(claims["sub"])
    return shop.user_by_email(claims["email"]) if isinstance(claims.get("email"), str) else None
