"""What a look at Kling's lists is for, and what of a page is news: decided without any I/O."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import LEGACY_PATHS, LEGACY_PREFIX, SOLUTIONS, TASKS, endpoint_of
from kling_daemon.punctuality import PROMPT
from kling_daemon.reports import Report, fold
from kling_daemon.store import AccountRow, News, Recorded, StoredJob

REACH = timedelta(days=3)
"""How far back lists are read for open jobs; those few that are older still are polled one by one."""
OVERLAP = timedelta(hours=1)
"""How much is read once more: Kling's clock may differ from ours, and a task may be listed late."""
KEPT = timedelta(days=30)
"""For how long Kling keeps results, and lists tasks unless told otherwise: older ones are adopted by nobody."""
NAMELESS_AFTER = timedelta(minutes=10)
"""When a task without an external id is adopted: before, it may be of a create of ours whose answer is on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """Why lists are read: which, how far back, and what becomes of tasks that nobody tracks."""

    paths: tuple[str, ...]
    since: datetime
    """When the earliest tasks were made that are looked for, by our clock."""
    adopt_from: datetime | None
    """Tasks made from then on are adopted; None where none are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What came of one look at Kling's lists."""

    at: datetime
    """When it began."""
    lists: int
    """How many were read; those that Kling refuses to show are not counted."""
    pages: int
    tasks: int
    """How many tasks stood on them."""
    adopted: int
    """Tasks that are tracked from now on."""
    settled: int
    """Creates without a clear answer, or with none yet, whose task was found."""
    advanced: int
    """Tracked jobs that had come further."""
    complete: bool
    """False when a list went on past the most pages that are read at a time."""


@dataclass(slots=True)
class Tally:
    """What has been counted so far."""

    lists: int = 0
    pages: int = 0
    tasks: int = 0
    adopted: int = 0
    settled: int = 0
    advanced: int = 0
    complete: bool = True

    def count(self, recorded: Iterable[Recorded]) -> None:
        """Count what recording led to."""
        for done in recorded:
            if not done.events:
                continue
            previous = done.events[0].previous_state
            self.adopted += previous is None
            self.settled += previous is JobState.QUEUED
            self.advanced += previous not in (None, JobState.QUEUED)

    def conclude(self, at: datetime) -> Reconciliation:
        """Return the result of a look that began then."""
        return Reconciliation(
            at=at,
            lists=self.lists,
            pages=self.pages,
            tasks=self.tasks,
            adopted=self.adopted,
            settled=self.settled,
            advanced=self.advanced,
            complete=self.complete,
        )


def purpose_of(
    *,
    now: datetime,
    oldest_open: datetime | None,
    endpoints: Collection[str | None],
    account: AccountRow | None,
    opens_new_generation: bool,
) -> Purpose | None:
    """Return what lists are to be read for; None where there is nothing to find out.

    oldest_open: when the longest known open job was made. endpoints: the paths that made open jobs, None for one that
    nobody knows. account: given where all tasks since the first start are adopted.
    """
    bounds = [] if oldest_open is None else [max(oldest_open, now - REACH) - OVERLAP]
    adopt_from = None
    if account is not None:
        adopted = account.adopted_until
        adopt_from = max(account.first_at, now - KEPT, adopted - OVERLAP if adopted is not None else account.first_at)
        bounds.append(adopt_from)
    paths = _paths(endpoints, everything=account is not None, opens_new_generation=opens_new_generation)
    return Purpose(paths=paths, since=min(bounds), adopt_from=adopt_from) if bounds and paths else None


def _paths(endpoints: Collection[str | None], *, everything: bool, opens_new_generation: bool) -> tuple[str, ...]:
    """Return the lists on which tasks of these paths may stand.

    With an API key open legacy jobs are looked for on `/tasks` alone: whether it shows them is not proved, but then
    they are polled.
    """
    made_at = {path for path in endpoints if path is not None}
    anywhere = everything or None in endpoints
    paths = []
    if everything or not opens_new_generation:
        # First: only their own lists tell by which path legacy tasks were made.
        known = set(LEGACY_PATHS) if anywhere else set()
        paths += sorted(known | {path for path in made_at if path.startswith(LEGACY_PREFIX)})
    if opens_new_generation:
        if anywhere or not all(endpoint_of(path).is_solution for path in made_at):
            paths.append(TASKS)
        if anywhere or any(endpoint_of(path).is_solution for path in made_at):
            paths.append(SOLUTIONS)
    return tuple(paths)


def news_of(
    reports: Collection[Report], tracked: Collection[StoredJob], *, asked_at: datetime, adopt_from: datetime | None
) -> list[News]:
    """Return what of a page is to be recorded.

    tracked: the jobs of its tasks, and those that wait for a task with an external id of theirs.
    """
    by_task: dict[str | None, StoredJob] = {s.job.task_id: s for s in tracked if s.job.task_id is not None}
    waiting = {stored.job.external_id: stored for stored in tracked if stored.job.task_id is None}
    news = []
    for report in reports:
        known = by_task.get(report.task_id) or (None if report.external_id is None else waiting.get(report.external_id))
        if known is None and _is_adopted(report, asked_at, adopt_from):
            news.append(News(report=report, polled_at=asked_at, adopt=True))
        elif known is not None and _is_news(known, report, asked_at):
            news.append(News(report=report, polled_at=asked_at))
    return news


def _is_adopted(report: Report, asked_at: datetime, adopt_from: datetime | None) -> bool:
    made = report.created_at
    if adopt_from is None or made is None or made < adopt_from:
        return False
    return report.external_id is not None or made <= asked_at - NAMELESS_AFTER


def _is_news(known: StoredJob, report: Report, asked_at: datetime) -> bool:
    """Tell whether a report takes a job further, or shows for the first time that Kling contradicts itself."""
    job, following = known.job, known.following
    change = fold(job, report)
    if change.contradicted:
        return not job.contradicted
    if not change.advanced:
        return False
    # What has happened just now is left to its callback, or else nobody would know whether one comes.
    is_due = following.poll_at is not None and following.poll_at <= asked_at
    is_fresh = report.stamp > asked_at - PROMPT
    return is_due or job.task_id is None or not (is_fresh and following.is_left_to_callbacks)
