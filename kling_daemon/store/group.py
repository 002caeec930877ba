"""What one transaction that records news knows of the jobs that it is about, and has yet to write."""

from dataclasses import dataclass, field
from typing import Any

from kling_daemon.events import JobEvent
from kling_daemon.reports import Change
from kling_daemon.store.hints import HintRow
from kling_daemon.store.rows import StoredJob


@dataclass(slots=True)
class Group:
    """The state of one transaction; a new one for each."""

    by_id: dict[str, StoredJob]
    by_task: dict[str, StoredJob]
    unanswered: dict[str, str]
    """The ids of jobs whose create has not been answered yet, by external id."""
    changed: dict[int, StoredJob] = field(default_factory=dict)
    """The jobs that must be written."""
    altered: set[int] = field(default_factory=set)
    """Those of which the database may hold events that must not change with them."""
    moves: list[tuple[StoredJob, Change]] = field(default_factory=list)
    """What made a job's state rise, and the job right after it, in the order in which it happened."""
    reports: list[tuple[Any, ...]] = field(default_factory=list)
    events: list[tuple[Any, ...]] = field(default_factory=list)
    settled: list[int] = field(default_factory=list)
    hints: list[HintRow] = field(default_factory=list)
    happened: list[tuple[int, int, JobEvent]] = field(default_factory=list)

    def keep(self, stored: StoredJob) -> None:
        """Make a changed job what the rest of the group sees, and have it written."""
        before = self.by_id.get(stored.job.id)
        if before is not None and before.job != stored.job:
            self.altered.add(before.seq)
        self.by_id[stored.job.id] = stored
        if stored.job.task_id is not None:
            self.by_task[stored.job.task_id] = stored
        self.changed[stored.seq] = stored
