"""Brings a database to the schema that this version knows, one numbered step after the other."""

import sqlite3
from collections.abc import Sequence
from importlib.resources import files

from kling_daemon.store.errors import StoreError


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


def migrate(db: sqlite3.Connection, steps: Sequence[tuple[int, str]] | None = None) -> None:
    """Apply what is missing, each step with its number in one transaction, so that a crash leaves whole steps.

    steps: all there are; this version's own unless a test brings others.

    Raises StoreError for a database of a newer version: going back could lose what it has learnt.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    steps = migrations() if steps is None else steps
    if version > len(steps):
        raise StoreError(
            f"the database has schema {version}, this kling-daemon knows {len(steps)}: "
            "it was used by a newer version; install that one again"
        )
    for number, script in steps[version:]:
        try:
            db.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
