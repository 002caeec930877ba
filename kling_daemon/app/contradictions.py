"""Tells the operator of jobs about which Kling has contradicted itself, or somebody who knows a webhook secret."""

from datetime import timedelta

import structlog

from kling_daemon.events import NoticeKind
from kling_daemon.tracking import NoticeBoard, Tracker

log = structlog.get_logger(__name__)

LOOK = timedelta(seconds=10)
"""How often it is looked whether any have come."""
MOST = 20
"""So many jobs are told of in a run; of more, the metrics tell how many."""

_WORDS = {
    "end": "Kling has told of another end of job {job} as well. The one that came first stands",
    "results": "Kling has told of other results of job {job} as well. Those that it tells when it is asked stand",
}


class Contradictions:
    """One notice and one line in the log for each job. Those of an earlier run are taken down, as they were told."""

    def __init__(self, board: NoticeBoard, tracker: Tracker) -> None:
        """Take who has heard of contradictions, and where to tell of them."""
        self._board = board
        self._tracker = tracker
        self._told: set[str] | None = None

    async def look(self) -> None:
        """Tell of the jobs that were contradicted since the last look."""
        if self._told is None:
            for job_id in await self._board.open_subjects(NoticeKind.KLING_CONTRADICTION):
                await self._board.take_down(NoticeKind.KLING_CONTRADICTION, job_id)
            self._told = set()
        for job_id, what in self._tracker.take_contradictions().items():
            if job_id in self._told or len(self._told) == MOST:
                continue
            self._told.add(job_id)
            log.warning("kling contradicts itself", job_id=job_id, what=what)
            more = " No more jobs are told of until the next start." if len(self._told) == MOST else ""
            await self._board.put_up(
                NoticeKind.KLING_CONTRADICTION,
                job_id,
                f"{_WORDS[what].format(job=job_id)}, and handlers are not told again. Kling has been asked: "
                f"`kling-daemon explain {job_id}` shows what it said. If it did not say what a signed callback says, "
                f"somebody else may know the webhook secret: exchange it.{more}",
            )
