"""Reads jobs in parts, the latest first; a part costs the same however many jobs there are, whatever is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.jobs import Job, JobState
from kling_daemon.store.connection import ReaderConnection
from kling_daemon.store.json_text import to_json_text
from kling_daemon.store.queries import Queries
from kling_daemon.store.rows import from_row

WINDOW = 4_000
"""How many jobs one part looks at; where fewer of them than wanted are asked for, the part is short."""

_BEYOND = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFilter:
    """Which jobs are asked for; by default all."""

    state: JobState | None = None
    endpoint: str | None = None
    model: str | None = None
    tag: tuple[str, str] | None = None
    """A tag's name and value."""
    since: datetime | None = None
    """Only jobs that the daemon has known from this moment on."""

    def takes(self, job: Job) -> bool:
        """Return whether a job is asked for, as far as the job itself can tell."""
        return (
            self.state in (None, job.state)
            and self.endpoint in (None, job.endpoint)
            and self.model in (None, job.model)
            and (self.tag is None or job.tags.get(self.tag[0]) == self.tag[1])
        )

    @property
    def is_narrow(self) -> bool:
        """True when jobs have to be looked at to know whether they are asked for."""
        return any(part is not None for part in (self.state, self.endpoint, self.model, self.tag))


ALL_JOBS = JobFilter()
Rows = list[tuple[int, Job]]


class JobPages:
    """Parts of the list of all jobs, which are numbered in the order in which the daemon came to know them.

    Every method raises StoreUnavailableError when SQLite cannot answer.
    """

    def __init__(self, connection: ReaderConnection, *, window: int = WINDOW) -> None:
        """Take a read-only connection whose rows have names, and how many jobs a part looks at."""
        self._queries = Queries(connection, "job_pages")
        self._window = window

    async def falling(
        self, wanted: JobFilter = ALL_JOBS, *, limit: int, before: int | None = None
    ) -> tuple[Rows, int | None]:
        """Return jobs with their numbers, and before which number the list goes on: None at its end."""
        parameters: dict[str, Any] = {
            "before": _BEYOND if before is None else before,
            "after": await self.before(wanted.since) if wanted.since is not None else 0,
            "limit": limit + 1,
            "window": self._window,
            "few": self._window + 1,
            "state": wanted.state.value if wanted.state else None,
            "endpoint": wanted.endpoint,
            "model": wanted.model,
            "tag": wanted.tag[0] if wanted.tag else None,
            "tag_value": wanted.tag[1] if wanted.tag else None,
        }
        rows, looked_at = await self._rows(wanted, parameters)
        if len(rows) > limit:
            return rows[:limit], rows[limit - 1][0]
        return rows, looked_at

    async def before(self, moment: datetime) -> int:
        """Return the number of the last job that the daemon knew before a moment; 0 when there is none.

        Looks at as many jobs as their number has binary digits.
        """
        (latest,) = await self._queries.all("latest")
        low, high, millis = 0, int(latest["seq"]), to_millis(moment)
        while low < high:
            middle = (low + high) // 2
            rows = await self._queries.all("known", (middle,))
            if not rows or rows[0]["seq"] > high or (rows[0]["known_at"] or 0) >= millis:
                high = middle
            else:
                low = rows[0]["seq"]
        return low

    async def _rows(self, wanted: JobFilter, parameters: dict[str, Any]) -> tuple[Rows, int | None]:
        """Return up to one row more than is wanted, and how far was looked: None when that was everything."""
        if not wanted.is_narrow:
            return await self._jobs("page", parameters), None
        if wanted.state is JobState.FAILED:
            candidates = [row["seq"] for row in await self._queries.all("failed_rows", parameters)]
            return await self._among(candidates, parameters, whole=len(candidates) < self._window)
        if wanted.state is not None and not wanted.state.is_terminal:
            candidates = [row["seq"] for row in await self._queries.all("open_rows", parameters)]
            if len(candidates) <= self._window:
                return await self._among(candidates, parameters, whole=True)
        (window,) = await self._queries.all("window", parameters)
        rows = await self._jobs("between", parameters | {"least": window["least"]})
        return rows, window["least"] if window["rows"] == self._window else None

    async def _among(
        self, candidates: Sequence[int], parameters: dict[str, Any], *, whole: bool
    ) -> tuple[Rows, int | None]:
        rows = await self._jobs("among", parameters | {"rows": to_json_text(candidates)})
        return rows, None if whole else candidates[-1]

    async def _jobs(self, statement: str, parameters: dict[str, Any]) -> Rows:
        return [(row["seq"], from_row(row).job) for row in await self._queries.all(statement, parameters)]
