"""A handler is forgotten with the transaction that says so, and not at all when that fails."""

import sqlite3
from contextlib import closing

from kling_daemon.events import EventType
from kling_daemon.store import Registration
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.migrate import migrate
from kling_daemon.store.sequences import Sequences
from kling_daemon.testing.clock import START


def test_a_transaction_that_fails_has_forgotten_nothing():
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db)
        fanout = Fanout(db, Sequences(db))
        archive = Registration(name="archive", events=frozenset({EventType.COMPLETED}), depends_on=("other",))
        fanout.register(db, START, [archive, Registration(name="other", events=archive.events)])
        fanout.forget(db, "archive")
        assert fanout.dependencies_of("archive") == {}
        fanout.rolled_back()
        assert list(fanout.dependencies_of("archive")) == ["other"]
        fanout.forget(db, "archive")
        fanout.committed()
        fanout.rolled_back()
        assert fanout.dependencies_of("archive") == {}
