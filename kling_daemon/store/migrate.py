"""Brings a database to the schema that this version knows, one numbered step after the other."""

import sqlite3
from collections.abc import Callable, Sequence
from importlib.resources import files

from kling_daemon import __version__
from kling_daemon.store.errors import StoreError

_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_history (
  number     INTEGER PRIMARY KEY, -- of the migration
  version    TEXT NOT NULL,       -- of the kling-daemon that applied it
  applied_at INTEGER NOT NULL
) STRICT
"""
"""Not a migration itself: it goes along with each, so that every database tells who changed it last."""


def migrations() -> list[tuple[int, str]]:
    """Return the numbers and texts of all migrations, rising from 1 without a gap."""
    folder = files("kling_daemon.store").joinpath("migrations")
    found = sorted(
        (int(file.name.partition("_")[0]), file.read_text(encoding="utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    )
    if [number for number, _ in found] != list(range(1, len(found) + 1)):
        raise StoreError("this installation's migrations are incomplete; install kling-daemon again")
    return found


def migrate(
    db: sqlite3.Connection,
    steps: Sequence[tuple[int, str]] | None = None,
    *,
    before: Callable[[int], None] = lambda _version: None,
) -> None:
    """Apply what is missing, each step with its number in one transaction, so that a crash leaves whole steps.

    steps: all there are; this version's own unless a test brings others. before: called with the schema's number when
    a database that is in use is about to be changed; if it raises, nothing is.

    Raises StoreError for a database of a newer version: going back could lose what it has learnt.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    steps = migrations() if steps is None else steps
    if version > len(steps):
        raise StoreError(_refusal(db, version, len(steps)))
    if 0 < version < len(steps):
        before(version)
    for number, script in steps[version:]:
        try:
            db.executescript(f"BEGIN IMMEDIATE; {script}; {_entry(number)}; PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def _entry(number: int) -> str:
    """Return the statements that write down which program takes a step."""
    entry = f"INSERT INTO schema_history VALUES ({number}, '{__version__}', unixepoch() * 1000)"  # noqa: S608 - our own
    return f"{_HISTORY}; {entry}"


def _refusal(db: sqlite3.Connection, version: int, known: int) -> str:
    """Say which program made a schema that is not known here, and what to do."""
    try:
        row = db.execute("SELECT version FROM schema_history WHERE number = ?", (version,)).fetchone()
    except sqlite3.OperationalError:  # whatever a newer version has made of the table
        row = None
    by = f"kling-daemon {row[0]}" if row else "a newer version of kling-daemon"
    again = f"kling-daemon {row[0]} or newer" if row else "that one, or a newer one,"
    return (
        f"the database has schema {version}, made by {by}; this is kling-daemon {__version__}, which knows "
        f"only {known} and has changed nothing. Install {again} again; or, to go back and lose what came since, put "
        f"the copy kling.schema-{known}.TIME.db, made before the change, in the place of kling.db"
    )
