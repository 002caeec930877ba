"""Tells the operator that the key may be another account's, and that it is the right one after all."""

from datetime import timedelta

from kling_daemon.clock import Clock
from kling_daemon.events import NoticeKind
from kling_daemon.store import Store
from kling_daemon.tracking import NoticeBoard

_LOOK = timedelta(minutes=1).total_seconds()


class AccountDoubt:
    """One open notice at most, about the job that raised it: it is over when Kling knows that job, or it has ended.

    The notice itself is all that is remembered, so that the next run of the daemon can take it down.
    """

    def __init__(self, store: Store, board: NoticeBoard, clock: Clock, *, account: str = "default") -> None:
        """Take where notices are put up. account: whose they are."""
        self._store = store
        self._board = board
        self._clock = clock
        self._account = account
        self._subjects: set[str] | None = None
        self._next_look = clock.monotonic()

    async def raise_(self, job_id: str, *, known: int, unknown: int) -> None:
        """Doubt the account, unless it is doubted already. known, unknown: of the jobs made around this one."""
        subjects = await self._open()
        if not subjects:
            subjects.add(job_id)
            others = f"{unknown} of the {known + unknown} jobs" if known else f"any of the {unknown} jobs"
            await self._board.put_up(
                NoticeKind.KLING_ACCOUNT,
                job_id,
                f"Kling answers, but does not know job {job_id}, nor {others} made around it that it once knew. Is the "
                "key one of another account, or of another region than kling.base_url? No job is ended because of "
                "this; they are polled on.",
            )

    async def step(self, known: frozenset[str]) -> None:
        """Take the notice down if Kling knows its job, or if that has ended."""
        subjects = await self._open()
        if not subjects:
            return
        over = subjects & known
        if self._clock.monotonic() >= self._next_look:
            self._next_look = self._clock.monotonic() + _LOOK
            over |= {subject for subject in subjects if await self._has_ended(subject)}
        for subject in over:
            if await self._board.take_down(NoticeKind.KLING_ACCOUNT, subject):
                subjects.discard(subject)

    async def _open(self) -> set[str]:
        if self._subjects is None:
            # Other than about a job it is none of this run's observing: the proof of the account takes it down.
            subjects = await self._board.open_subjects(NoticeKind.KLING_ACCOUNT)
            self._subjects = subjects - {self._account}
        return self._subjects

    async def _has_ended(self, job_id: str) -> bool:
        job = await self._store.read.job(job_id)
        return job is None or job.state.is_terminal
