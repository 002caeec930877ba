"""Keeps the raw callbacks of a transaction: all that bear a signature, and so many of a job's others."""

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from kling_daemon import __version__
from kling_daemon.clock import to_millis
from kling_daemon.store.bulk import BulkInsert, marks
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.news import News, RawCallback
from kling_daemon.store.rows import StoredJob
from kling_daemon.store.sequences import Sequences
from kling_daemon.store.statements import Statements

MOST_UNSIGNED = 20
"""So many callbacks are kept of a job before unsigned ones are not any more.

Whoever has its capability can send as many different bodies as he likes, of up to `receiver.max_body` each.
"""


class Evidence:
    """The callbacks that one transaction after the other has to write."""

    def __init__(self, *, account: str, sequences: Sequences) -> None:
        """Take what it shares with the other operations of the one writer."""
        self._account = account
        self._sequences = sequences
        self._sql = Statements("record")
        self._save = BulkInsert(self._sql["save_callback"], marks(14))
        self._rows: list[tuple[Any, ...]] = []
        self._kept: dict[int, int] = {}
        """How many callbacks are kept of the jobs that unsigned ones of this transaction may be about."""

    def begin(self, db: sqlite3.Connection, units: Sequence[News], jobs: Mapping[str, StoredJob]) -> None:
        """Begin with a transaction anew. jobs: those that it names, by their ids."""
        self._rows, self._kept = [], {}
        about = {
            job.seq
            for news in units
            if news.callback is not None and news.callback.secret is None and (job := jobs.get(news.job_id or ""))
        }
        if about:
            self._kept = dict.fromkeys(about, 0)
            self._kept.update(db.execute(self._sql["count_callbacks"], (to_json_text(list(about)),)))

    def keep(self, news: News, callback: RawCallback, job: int | None) -> int | None:
        """Have a callback written and return its row number; None for an unsigned one that is not kept.

        job: the row number of the job that it is about.
        """
        if callback.secret is None:
            if job is None or self._kept.get(job, 0) >= MOST_UNSIGNED:
                return None
            self._kept[job] = self._kept.get(job, 0) + 1
        seq = self._sequences.next("callbacks")
        digest = hashlib.sha256(callback.body).digest()[:16]
        received_at = to_millis(callback.received_at)
        self._rows.append((
            seq, self._account, callback.webhook_id, digest, news.job_id or "", callback.body, callback.headers,
            callback.verdict, callback.secret, job, __version__, received_at, received_at, int(news.recount),
        ))  # fmt: skip
        return seq

    def write(self, db: sqlite3.Connection) -> None:
        """Write them."""
        self._save.run(db, self._rows)
