"""The database engine: SQLite by default, PostgreSQL by its URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from clipbench.errors import DataError
from clipbench.jobs import tables


def open_engine(url: str) -> Engine:
    """An engine with the tables in place; the folder of a SQLite file is made.

    Raises DataError when the database cannot be opened, or another version made its tables.
    """
    try:
        engine = _open(url)
        others = _of_another_version(engine)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise DataError(f"the state in {_shown(url)} cannot be opened: {reason}") from error
    if others:
        raise DataError(
            f"the state in {_shown(url)} was made by another version of clipbench ("
            f"{', '.join(others)}): let that version finish its jobs, or move the state away; a "
            "server without one starts with none"
        )
    return engine


def _shown(url: str) -> str:
    """The address without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "CLIPBENCH_DATABASE"


def _of_another_version(engine: Engine) -> list[str]:
    """What is missing from the tables in place, and what is there besides."""
    inspector = inspect(engine)
    found = []
    for table in tables.metadata.sorted_tables:
        here = {column["name"] for column in inspector.get_columns(table.name)}
        wanted = set(table.columns.keys())
        found += [f"no {table.name}.{name}" for name in sorted(wanted - here)]
        found += [f"{table.name}.{name}" for name in sorted(here - wanted)]
    return found


def _open(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
    _create_tables(engine)
    return engine


def database_bytes(connection: Connection) -> int:
    """The size of the whole database; in SQLite without the pages that deletion has freed."""
    if connection.dialect.name == "postgresql":
        size = "SELECT pg_database_size(current_database())"
        return int(connection.execute(text(size)).scalar_one())
    pages, free, size_of_page = (
        int(connection.execute(text(f"PRAGMA {name}")).scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size_of_page


def _create_tables(engine: Engine) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # several processes start at the same time
            connection.execute(text("SELECT pg_advisory_xact_lock(7241301)"))
        tables.metadata.create_all(connection)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    # WAL with NORMAL loses nothing when the process is killed; only a power cut may lose the tail.
    # A page of 4 kB would hold one embedding and waste half of itself; checkpoints wait
    for pragma in (
        "page_size=8192",
        "journal_mode=WAL",
        "wal_autocheckpoint=4000",
        "synchronous=NORMAL",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
