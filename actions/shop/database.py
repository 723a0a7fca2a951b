"""A connection to the shop's database, at its newest tables, with transactions that lock as they begin."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from actions.shop.schema import METADATA

_STEPS = Path(__file__).with_name("migrations")

_LOCK = 0x6B656675
"""Any number, the same in each process: PostgreSQL's lock for the migration ("kefu")."""

_BUSY_SECONDS = 20.0
"""How long a writer waits for another one on SQLite; transactions here take milliseconds."""


class ShopError(Exception):
    """The shop cannot be reached or was configured wrongly."""


def connect(url: str) -> Engine:
    """An engine for ``url``, SQLite or PostgreSQL; nothing is opened yet.

    Raises:
        ShopError: the URL cannot be read, or names another kind of database.
    """
    parsed = _read_url(url)
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).expanduser().parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the database to the newest tables; safe to run again, and by two processes at once."""
    with exclusive(engine) as connection:
        config = Config()
        config.set_main_option("script_location", str(_STEPS))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def exclusive(engine: Engine) -> Iterator[Connection]:
    """A transaction beside which no other process migrates or seeds."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield connection


def empty(connection: Connection) -> None:
    """Delete every row of the shop."""
    for table in reversed(METADATA.sorted_tables):
        connection.execute(table.delete())


def _read_url(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError) as exc:
        raise ShopError(f"KEFU_SHOP_URL = {url!r}: not a database URL; write sqlite:///folder/shop.db.") from exc
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return parsed
    raise ShopError(f"KEFU_SHOP_URL: {backend!r} is not supported; write a URL of sqlite:/// or postgresql://.")


def _prepare(connection: Any, _: object) -> None:
    """Readers beside the writer; a crash of the machine loses no receipt; and SQLAlchemy says when it begins."""
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Take the write lock at once where a transaction will write: one that reads first could not go on to write."""
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("reads") else "BEGIN IMMEDIATE")
