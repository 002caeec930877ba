"""Takes orders in: what a caller wants made is on disk, as a job that is queued, before Kling is asked."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kling_daemon.clock import Clock
from kling_daemon.contexts import SubmitRefusedError
from kling_daemon.ids import new_id
from kling_daemon.jobs import Job, JobState, Origin
from kling_daemon.store import AmbiguousReferenceError, Intent, News, Store, StoreUnavailableError
from kling_daemon.submission.orders import Order, complete
from kling_daemon.submission.spool import Spool
from kling_daemon.tracking import Capabilities, Tracker


class Intake:
    """Stores the intent to create a job.

    A job's id is also its external id at Kling, unless the caller gave one, so that after a crash, a time-out or a
    lost answer the task can be found.
    """

    def __init__(
        self,
        *,
        store: Store,
        tracker: Tracker,
        spool: Spool,
        capabilities: Capabilities,
        clock: Clock,
        callback_url: str | None,
        on_accepted: Callable[[], None],
        require_room: Callable[[int], None] = lambda _size: None,
        account: str = "default",
    ) -> None:
        """Take the parts.

        callback_url: where Kling reaches the receiver's callback path; None where it cannot. on_accepted: called when
        there is something to send. require_room: raises where so many bytes should not be written.
        """
        self._store = store
        self._tracker = tracker
        self._spool = spool
        self._capabilities = capabilities
        self._clock = clock
        self._callback_url = callback_url
        self._on_accepted = on_accepted
        self._require_room = require_room
        self._account = account

    async def accept(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        tags: Mapping[str, str] | None = None,
        external_id: str | None = None,
        job_id: str | None = None,
    ) -> Job:
        """Store the intent to create a job and return it; Kling is asked right afterwards.

        path: the create path, such as `/text-to-video/kling-3.0`. body: what Kling documents for it; a callback URL
        or external id of the caller's own is kept. job_id: makes the call repeatable: a job that has it already is
        returned as it stands. Raises SubmitRefusedError, or StoreUnavailableError where the disk is nearly full, fails
        or cannot be written to; then there is no job.
        """
        if job_id is not None and (known := await self._store.read.job(job_id)) is not None:
            return known
        now = self._clock.now()
        job_id = job_id or new_id(now)
        order = await self._order(path, body, external_id, job_id)
        self._require_room(len(order.body))
        job = self._job(order, job_id, tags or {}, now)
        try:
            async with self._spool.arriving(order.body) as digest:
                intent = Intent(job=job, path=path, digest=digest, callback_expected=order.calls_us_back)
                recorded = await self._store.make_job(intent)
        except OSError as error:
            where = f"in {error.filename}" if error.filename else "in the spool"
            raise StoreUnavailableError(f"the body cannot be kept {where}: {error.strerror}") from error
        self._tracker.tell(News(), recorded)
        self._on_accepted()
        return recorded.job or job

    async def check(
        self, path: str, body: Mapping[str, Any], *, external_id: str | None = None, job_id: str | None = None
    ) -> None:
        """Raise SubmitRefusedError where `accept` would now; nothing is stored."""
        await self._order(path, body, external_id, job_id or new_id(self._clock.now()))

    async def _order(self, path: str, body: Mapping[str, Any], external_id: str | None, job_id: str) -> Order:
        order = complete(path, body, job_id=job_id, external_id=external_id, callback_url=self._callback_url_of(job_id))
        if order.external_id is not None and order.external_id != job_id:
            await self._refuse_duplicate(order.external_id, job_id)
        return order

    def _callback_url_of(self, job_id: str) -> str | None:
        if self._callback_url is None:
            return None
        return f"{self._callback_url}/{self._capabilities.issue(job_id)}"

    async def _refuse_duplicate(self, external_id: str, job_id: str) -> None:
        """Spare the caller a job that Kling would refuse; two that come at once are told apart by Kling."""
        try:
            other = await self._store.read.job(external_id)
        except AmbiguousReferenceError:
            raise SubmitRefusedError(f"the external id {external_id!r} is already that of several jobs") from None
        if other is not None and other.id != job_id:
            raise SubmitRefusedError(f"the external id {external_id!r} is already that of job {other.id}")

    def _job(self, order: Order, job_id: str, tags: Mapping[str, str], now: datetime) -> Job:
        return Job(
            id=job_id,
            task_id=None,
            external_id=order.external_id,
            account=self._account,
            generation=order.endpoint.generation,
            endpoint=order.path,
            model=order.model,
            state=JobState.QUEUED,
            reason=None,
            message="",
            outputs=(),
            cost=(),
            tags=dict(tags),
            origin=Origin.SUBMITTED,
            created_at=now,
            submitted_at=None,
            updated_at=now,
            finished_at=None,
            contradicted=False,
            callback_missed=False,
        )
