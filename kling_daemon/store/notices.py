"""Raises and clears notices: one open notice per kind and subject, however often its cause recurs."""

import sqlite3
from collections.abc import Sequence

from kling_daemon.clock import Clock, to_millis
from kling_daemon.events import Notice, NoticeKind
from kling_daemon.store.fanout import Fanout
from kling_daemon.store.sequences import Sequences
from kling_daemon.store.statements import Statements


class NoticeDesk:
    """The operations on notices."""

    def __init__(self, *, clock: Clock, sequences: Sequences, fanout: Fanout) -> None:
        """Take what is shared with the other operations."""
        self._clock = clock
        self._sequences = sequences
        self._fanout = fanout
        self._sql = Statements("notices")

    def raise_(self, db: sqlite3.Connection, units: Sequence[Notice]) -> list[bool]:
        """Store notices with their deliveries; False for one that is open already."""
        answers = []
        for notice in units:
            seq = self._sequences.next("notices")
            raised_at = to_millis(notice.raised_at)
            new = db.execute(
                self._sql["raise"], (seq, notice.id, notice.kind.value, notice.subject, notice.message, raised_at)
            ).rowcount
            if new:
                self._fanout.deliver(db, self._clock.now(), [(seq, None, notice)])
            answers.append(new == 1)
        return answers

    def clear(self, db: sqlite3.Connection, units: Sequence[tuple[NoticeKind, str]]) -> list[bool]:
        """Close open notices; False where none was open."""
        now = to_millis(self._clock.now())
        return [db.execute(self._sql["clear"], (now, kind.value, subject)).rowcount == 1 for kind, subject in units]
