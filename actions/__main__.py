"""Serves the actions in one process: `python -m actions [--host 127.0.0.1] [--port 5055] [--data FOLDER]`."""

import argparse
import os
import signal
import sys
import threading
import time
from pathlib import Path

from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor

from actions import addresses, cancel, changes, exchanges, facts, identity, key_check, orders, products, returns
from actions.shop.database import ShopError
from actions.shop.opening import open_shop
from actions.tokens import read_key


def main() -> None:
    """Run rasa-sdk's server over this package's actions until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m actions", description="Serve the shop's actions to Kefu or Rasa.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=5055, help="port to listen on (default: rasa-sdk's)")
    parser.add_argument(
        "--with-parent", type=int, metavar="PID", help="stop when this process, which started it, is gone"
    )
    parser.add_argument("--data", type=Path, help="folder of the shop's database, where KEFU_SHOP_URL names none")
    options = parser.parse_args()
    if options.with_parent:
        threading.Thread(target=_end_with, args=(options.with_parent,), daemon=True).start()
    try:
        read_key()
        shop = open_shop(data=options.data)
    except ShopError as exc:
        sys.exit(str(exc))
    executor = ActionExecutor()
    for module in (identity, orders, cancel, addresses, changes, returns, exchanges, products, facts, key_check):
        for action in module.actions(shop):
            executor.register_action(action)
    app = create_app(executor, cors_origins=None)
    app.run(host=options.host, port=options.port, single_process=True, motd=False, access_log=False)


def _end_with(parent: int) -> None:
    """Stop when ``parent`` is gone, so that a killed chat server leaves no orphan.

    It is told, not asked for here: it may be gone before this process has read its imports.
    """
    while os.getppid() == parent:
        time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
