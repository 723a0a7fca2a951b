"""Opens the shop that the environment names, ready to use."""

import os
from collections.abc import Mapping
from pathlib import Path

from actions.shop import demo
from actions.shop.database import ShopError, connect, migrate
from actions.shop.rules import Policy
from actions.shop.shop import Shop


def open_shop(environ: Mapping[str, str] = os.environ, data: Path | None = None) -> Shop:
    """Connect, migrate, and fill an empty database with the demo.

    ``KEFU_SHOP_URL`` names the database; unset, it is `shop.db` in the folder ``data``, else in ``KEFU_DATA``, else in
    `.kefu`. ``KEFU_SHOP_DEMO=false`` leaves an empty database empty. ``KEFU_SHOP_RETURN_DAYS`` is the return period,
    ``KEFU_SHOP_CURRENCY`` what the amounts are in.

    Raises:
        ShopError: a setting cannot be read, or the database cannot be reached.
    """
    folder = data or Path(environ.get("KEFU_DATA") or ".kefu")
    engine = connect(environ.get("KEFU_SHOP_URL") or f"sqlite:///{folder / 'shop.db'}")
    days = environ.get("KEFU_SHOP_RETURN_DAYS") or str(Policy().return_days)
    if not days.isdecimal():
        raise ShopError(f"KEFU_SHOP_RETURN_DAYS = {days!r}: has to be a number of days, such as 30.")
    wants_demo = environ.get("KEFU_SHOP_DEMO", "true").lower()
    if wants_demo not in ("true", "false"):
        raise ShopError(f"KEFU_SHOP_DEMO = {wants_demo!r}: has to be true or false.")
    migrate(engine)
    if wants_demo == "true":
        demo.seed(engine)
    return Shop(engine, Policy(int(days), environ.get("KEFU_SHOP_CURRENCY") or Policy().currency))
