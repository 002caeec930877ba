"""Finds out whether a job that Kling does not know is gone, or whether we ask for the jobs of the wrong account.

A key of another account, or of another region, is answered 200 with nothing. So its neighbours are asked for too: jobs
that were made around the same time and that Kling once knew as well.
"""

from dataclasses import dataclass
from enum import StrEnum

from kling_daemon.clock import Clock
from kling_daemon.kling.answers import Answers
from kling_daemon.kling.client import MAX_IDS, KlingClient
from kling_daemon.kling.everywhere import is_asked_everywhere, query_everywhere
from kling_daemon.kling.expiry import LIFETIME
from kling_daemon.reports import Report
from kling_daemon.store import Store, StoredJob

MANY = 5
"""When so many of the jobs around it are unknown, that is no matter of single jobs."""


class Finding(StrEnum):
    """What came of looking into a job that Kling does not know."""

    GONE = "gone"
    """Kling knows the jobs that were made around it, and not this one."""
    DOUBTFUL = "doubtful"
    """Kling does not know the jobs that were made around it either: this may be the wrong account."""
    ALONE = "alone"
    """There is no other job that could tell whether this is the right account."""
    KNOWN = "known"
    """Now Kling knows it."""
    OPEN = "open"
    """Kling could not be asked, or not everywhere where it may know the job, or knows only what was heard of later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A finding, and what it was found from."""

    finding: Finding
    known: int = 0
    """How many of the others Kling knew, of those heard of before it last answered for the job itself."""
    unknown: int = 0
    """How many of the others it did not know."""
    report: Report | None = None
    """What Kling says of the job itself, where it knows it."""


class Neighbours:
    """Asks for a job and for those around it, in one breath and in the same way."""

    def __init__(self, store: Store, client: KlingClient, clock: Clock) -> None:
        """Take where jobs are, and whom to ask."""
        self._store = store
        self._client = client
        self._clock = clock

    async def look_into(self, stored: StoredJob) -> Look:
        """Ask for the job once more, with up to 19 others."""
        if not is_asked_everywhere(stored.job):
            return Look(finding=Finding.OPEN)
        others = await self._store.due.neighbours(stored.seq, since=self._clock.now() - LIFETIME, limit=MAX_IDS - 1)
        if not others:
            return Look(finding=Finding.ALONE)
        around = {one.job.task_id: one for one in (stored, *others) if one.job.task_id is not None}
        answers = await query_everywhere(self._client, {task_id: one.job for task_id, one in around.items()})
        # What was heard of later may belong to the account that the key is good for now: being known, it tells nothing.
        # When it was made tells nothing either: it may have been adopted long after that.
        heard = await self._store.due.heard_before(stored.seq, [one.seq for one in others])
        earlier = frozenset(task_id for task_id, one in around.items() if one.seq in heard)
        return _find(stored.job.task_id, answers, earlier)


def _find(task_id: str | None, answers: Answers, earlier: frozenset[str]) -> Look:
    report = next((report for report in answers.reports if report.task_id == task_id), None)
    if report is not None:
        return Look(finding=Finding.KNOWN, report=report)
    if task_id not in answers.unknown_ids:
        return Look(finding=Finding.OPEN)
    known = sum(other.task_id in earlier for other in answers.reports)
    unknown = len(answers.unknown_ids) - 1
    if not known and not unknown:
        finding = Finding.OPEN
    elif known and unknown <= known and unknown < MANY:
        finding = Finding.GONE
    else:
        finding = Finding.DOUBTFUL
    return Look(finding=finding, known=known, unknown=unknown)
