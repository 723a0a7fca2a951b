"""Fills, plays on and compares a shop's database: `python -m actions.shop tau|demo|dump|play|changes|compare …`.

What else measures the assistant (`kefu eval conversations`) uses these from outside, as it uses the actions over HTTP.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from actions.shop import demo
from actions.shop.database import ShopError, connect, empty, exclusive, migrate
from actions.shop.opening import open_shop
from actions.shop.plain import Plain, differences, dump, load
from actions.shop.shop import Shop
from actions.shop.tau import Tools, read_folder


def main() -> None:
    """Run one command; the database is the one that ``KEFU_SHOP_URL`` names."""
    parser = argparse.ArgumentParser(prog="python -m actions.shop", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (
        ("tau", "make the database hold tau-bench retail's, from a folder with users, products and orders"),
        ("changes", "print what the database has otherwise than the folder, as JSON"),
        ("compare", "read a database's URL a line; print a line of `changes` for each"),
        ("play", "read a JSON list of tool calls a line; print answers and the changes they make of the folder's data"),
    ):
        commands.add_parser(name, help=about).add_argument("folder", type=Path)
    commands.add_parser("demo", help="make the database hold the demo shop, as on the first day")
    commands.add_parser("dump", help="print the whole database as JSON")
    options = parser.parse_args()
    try:
        _run(options.command, getattr(options, "folder", None), sys.stdin, sys.stdout)
    except ShopError as exc:
        sys.exit(str(exc))


def _run(command: str, folder: Path | None, lines: TextIO, out: TextIO) -> None:
    match command, folder:
        case "play", Path():
            for played in play(read_folder(folder), map(json.loads, filter(str.strip, lines))):
                out.write(json.dumps(played, ensure_ascii=False) + "\n")
                out.flush()
        case "compare", Path():
            data = read_folder(folder)
            for url in filter(None, map(str.strip, lines)):
                out.write(json.dumps(changes(data, dump(_opened(url))), ensure_ascii=False) + "\n")
                out.flush()
        case "tau", Path():
            load(_opened().engine, read_folder(folder))
        case "changes", Path():
            out.write(json.dumps(changes(read_folder(folder), dump(_opened()))) + "\n")
        case "demo", _:
            engine = _opened().engine
            with exclusive(engine) as connection:
                empty(connection)
            demo.seed(engine)
        case _:
            out.write(json.dumps(dump(_opened()), ensure_ascii=False) + "\n")


def play(data: Plain, tasks: Iterable[Iterable[Mapping[str, Any]]]) -> Iterable[dict[str, Any]]:
    """Play each task's tool calls on ``data`` as published, in memory: the answers, and what changed.

    A call is ``{"name": …, "kwargs": {…}}``; a change is as `changes` has it.
    """
    engine = connect("sqlite://")
    migrate(engine)
    shop = Shop(engine)
    load(engine, data)
    for number, calls in enumerate(tasks):
        tools = Tools(shop, str(number))
        results = [tools.call(str(call["name"]), call["kwargs"]) for call in calls]
        made = changes(data, dump(shop))
        yield {"results": results, "changes": made}
        if made:
            load(engine, data)


def changes(before: Plain, after: Plain) -> list[str]:
    """What ``after`` has otherwise than ``before``, a line each, in order; equal lists mean equal databases."""
    return sorted(differences(before, after))


def _opened(url: str | None = None) -> Shop:
    named = {"KEFU_SHOP_URL": url} if url else {}
    return open_shop({**os.environ, "KEFU_SHOP_DEMO": "false", **named})


if __name__ == "__main__":
    main()
