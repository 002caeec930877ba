"""What the daemon itself reads from the store: what is to be done, when, and with what."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from kling_daemon.clock import from_millis, optional, to_millis
from kling_daemon.jobs import Job
from kling_daemon.store.accounts import AccountRow
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.hints import Hint
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.news import RawCallback
from kling_daemon.store.queries import Queries
from kling_daemon.store.rows import StoredJob, from_row
from kling_daemon.store.undelivered import Undelivered, UndeliveredPage, UndeliveredResults


class Due:
    """The work that lies in the store. Every method raises StoreUnavailableError when SQLite cannot answer."""

    def __init__(self, connection: ReaderConnection, *, account: str) -> None:
        """Take a read-only connection whose rows have names."""
        self._account = account
        self._queries = Queries(connection, "due")

    async def next_delivery_due(self, handler: str, now: datetime) -> datetime | None:
        """Return when the first of a handler's waiting deliveries falls due after now.

        What is due already and was not claimed waits for another delivery, whose end wakes the lane.
        """
        return await self._queries.moment("next_delivery_due", (handler, to_millis(now)))

    async def step(self, delivery: int, name: str) -> Any:
        """Return what a handler kept under a name, or None."""
        rows = await self._queries.all("step", (delivery, name))
        return json.loads(rows[0]["value"]) if rows else None

    async def due_polls(self, now: datetime, limit: int) -> list[int]:
        """Choose the jobs to ask Kling about, the longest due first; returns their row numbers."""
        return [row["seq"] for row in await self._queries.all("due_polls", (to_millis(now), limit))]

    async def jobs_to_poll(self, chosen: Sequence[int], now: datetime) -> list[StoredJob]:
        """Return those of the chosen jobs that are still due: of the others news has come meanwhile."""
        rows = await self._queries.all("jobs_to_poll", (json.dumps(chosen), to_millis(now)))
        return [from_row(row) for row in rows]

    async def neighbours(self, seq: int, *, since: datetime, limit: int) -> list[StoredJob]:
        """Return jobs made around one, half of them before it, that Kling has known: open, or ended since then."""
        after = limit // 2
        values = {
            "seq": seq,
            "account": self._account,
            "since": to_millis(since),
            "before": limit - after,
            "after": after,
        }
        return [from_row(row) for row in await self._queries.all("neighbours", values)]

    async def once_known(self, *, since: datetime, limit: int) -> list[Job]:
        """Return the latest jobs of which Kling has told since then, those left out that it has lost."""
        values = {"since": to_millis(since), "account": self._account, "limit": limit}
        return [from_row(row).job for row in await self._queries.all("once_known", values)]

    async def heard_before(self, seq: int, others: Collection[int]) -> frozenset[int]:
        """Return those of the other jobs that were heard of before Kling, asked, last told anything new about one."""
        values = {"seq": seq, "seqs": json.dumps(list(others))}
        return frozenset(row["job"] for row in await self._queries.all("heard_before", values))

    async def undelivered_results(
        self, kind: Undelivered, *, after: int, made_before: datetime, expiring_before: datetime, limit: int = 500
    ) -> UndeliveredPage:
        """Return completed jobs that a handler has not got and whose results will soon be gone, or are.

        Only those of the next so many deliveries of this kind; of the open ones, only those made before a moment.
        """
        (window,) = await self._queries.all(f"{kind}_window", {"after": after, "limit": limit})
        if window["last"] is None:
            return UndeliveredPage(results=(), after=None)
        values = {
            "after": after,
            "last": window["last"],
            "made": to_millis(made_before),
            "expiring": to_millis(expiring_before),
        }
        results = [
            UndeliveredResults(job_id=row["job_id"], handler=row["handler"], expires_at=from_millis(row["expires_at"]))
            for row in await self._queries.all(f"{kind}_results", values)
        ]
        return UndeliveredPage(results=tuple(results), after=window["last"])

    async def next_poll_due(self) -> datetime | None:
        """Return when the next job falls due to be polled."""
        return await self._queries.moment("next_poll_due")

    async def hints(self, limit: int, *, signed: bool = False) -> list[Hint]:
        """Return the task ids that were named without proof, or that are to be confirmed, the oldest first.

        Where more of them wait, half are the oldest and half the latest ones.
        """
        last = limit // 2
        values = {"weight": int(signed), "account": self._account, "first": limit - last, "last": last}
        return [Hint(task_id=row["task_id"], again=row["again"]) for row in await self._queries.all("hints", values)]

    async def last_job(self) -> int:
        """Return the highest row number of a job, 0 while there is none."""
        (row,) = await self._queries.all("last_job")
        return int(row["seq"])

    async def any_open(self, *, last_job: int) -> bool:
        """Return whether a job of our own up to this row number has not come to its end."""
        return bool(await self._queries.all("any_open", (last_job,)))

    async def account(self) -> AccountRow:
        """Return what is known of the account itself, once a start was noted."""
        (row,) = await self._queries.all("account", (self._account,))
        return AccountRow(
            first_at=from_millis(row["first_at"]), adopted_until=optional(from_millis, row["adopted_until"])
        )

    async def oldest_open(self) -> datetime | None:
        """Return when the longest known of the open jobs was made, those of ambiguous creates included."""
        return await self._queries.moment("oldest_open")

    async def open_endpoints(self, limit: int) -> frozenset[str | None]:
        """Return the paths that made open jobs or may have, as far as so many tell; None for one that nobody knows."""
        return frozenset(row["endpoint"] for row in await self._queries.all("open_endpoints", {"limit": limit}))

    async def tracked(self, task_ids: Collection[str], external_ids: Collection[str]) -> list[StoredJob]:
        """Return the jobs of these tasks, and those without a task that were to be made under these external ids."""
        parameters = {
            "account": self._account,
            "task_ids": to_json_text(list(task_ids)),
            "external_ids": to_json_text(list(external_ids)),
        }
        return [from_row(row) for row in await self._queries.all("tracked", parameters)]

    async def last_written(self) -> datetime | None:
        """Return the time of the latest report, event or callback, whichever is latest, as our clock was then."""
        return await self._queries.moment("last_written")

    async def next_submission_due(self) -> datetime | None:
        """Return when the next create may be sent."""
        return await self._queries.moment("next_submission_due")

    async def digests_in_use(self) -> frozenset[str]:
        """Return the digests of the bodies that may still have to be sent."""
        return frozenset(row["digest"] for row in await self._queries.all("digests_in_use"))

    async def unreadable_callbacks(self, reader_version: str, limit: int) -> list[tuple[RawCallback, str | None]]:
        """Return believed callbacks that only other versions have tried to read, with the job a capability named."""
        rows = await self._queries.all("unreadable", (reader_version, limit))
        return [
            (
                RawCallback(
                    webhook_id=row["webhook_id"],
                    body=row["body"],
                    headers=row["headers"],
                    verdict="unreadable",
                    secret=row["secret"],
                    received_at=from_millis(row["received_at"]),
                ),
                row["capability"] or None,
            )
            for row in rows
        ]
