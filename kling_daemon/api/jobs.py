"""The jobs of the local API: list them, look one up, wait for its end, give it up."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

import pydantic
from aiohttp import web

from kling_daemon.api.cursors import to_cursor
from kling_daemon.api.guard import CALLER
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import Moment, Paging, Query, seconds
from kling_daemon.api.routes import Routes, get, post
from kling_daemon.api.services import ApiServices
from kling_daemon.client.models import JobModel, Page
from kling_daemon.clock import optional
from kling_daemon.jobs import Job, JobState
from kling_daemon.store import AmbiguousReferenceError, JobFilter, Reader
from kling_daemon.submission import NotCancellableError
from kling_daemon.tracking import NotAbandonableError

MAX_WAIT = timedelta(minutes=5)

JobReference = Annotated[
    str, pydantic.Field(description="The job's own id, Kling's task id or the external id, looked for in this order.")
]
AMBIGUOUS = {HTTPStatus.CONFLICT: "more than one job answers to this id; use the job's own id"}
NAMED_JOB = {HTTPStatus.NOT_FOUND: "no job has this id, task id or external id", **AMBIGUOUS}


class JobsQuery(Paging):
    """Which jobs are listed."""

    state: JobState | None = None
    endpoint: str | None = None
    """Only those that were created at this path of Kling's."""
    model: str | None = None
    """Only those of this model."""
    tag: Annotated[str, pydantic.Field(pattern="^[^=]+=")] | None = None
    """Only those with this tag, as `NAME=VALUE`."""
    since: Moment | None = None
    """Only those that the daemon has known from this moment on."""
    overdue: bool = False
    """Only those that have been open for longer than `poller.overdue_after`."""

    def wanted(self) -> JobFilter:
        """Return it for the store."""
        name, found, value = (self.tag or "").partition("=")
        tag = (name, value) if found else None
        return JobFilter(state=self.state, endpoint=self.endpoint, model=self.model, tag=tag, since=self.since)


class WaitQuery(Query):
    """How long to wait."""

    timeout: Annotated[timedelta, seconds(most=MAX_WAIT)] = timedelta(seconds=30)
    """After how many seconds the job is answered as it stands; at most 300."""


class JobRoutes(Routes):
    """The routes below `/api/v1/jobs`."""

    @get("/api/v1/jobs")
    async def list_jobs(self, query: JobsQuery) -> Page[JobModel]:
        """List jobs, the latest first.

        A part looks at some thousand jobs at most: where few are asked for, it may have fewer than `limit`, even none,
        and the list goes on as long as there is a `next`.
        """
        if query.overdue:
            part, following = await self._overdue(query)
        else:
            pages = self._read.job_pages
            part, further = await pages.falling(query.wanted(), limit=query.limit, before=query.cursor)
            following = optional(to_cursor, further)
        return Page[JobModel](items=[job_model(job, self._services) for _, job in part], next=following)

    async def _overdue(self, query: JobsQuery) -> tuple[list[tuple[int, Job]], str | None]:
        late = self._services.clock.now() - self._services.polling.overdue_after
        after = 0 if query.since is None else await self._read.job_pages.before(query.since)
        rows = await self._read.overdue_jobs(late, limit=query.limit + 1, before=query.cursor, state=query.state)
        part, following = query.cut(rows, lambda row: row[0])
        wanted = query.wanted()
        return [(seq, job) for seq, job in part if seq > after and wanted.takes(job)], following

    @get("/api/v1/jobs/{ref}", problems=AMBIGUOUS)
    async def show_job(self, ref: JobReference) -> JobModel:
        """Show one job."""
        return job_model(await find_job(self._read, ref), self._services)

    @get("/api/v1/jobs/{ref}/wait", problems=AMBIGUOUS)
    async def wait_for_job(self, ref: JobReference, query: WaitQuery, request: web.Request) -> JobModel:
        """Show one job once it has ended.

        It is answered as it stands when the time is over or the daemon stops; its state tells which.
        """
        job = await find_job(self._read, ref)
        job = await self._waiting.until_end(job, query.timeout, gone=lambda: request.transport is None)
        return job_model(job, self._services)

    @post("/api/v1/jobs/{ref}/cancel", problems={HTTPStatus.CONFLICT: "its create is being sent, or Kling has it"})
    async def cancel_job(self, ref: JobReference) -> JobModel:
        """Give up a job that was not sent yet.

        One that was cancelled before is answered as it stands.
        """
        try:
            return job_model(await self._services.cancel(await find_job(self._read, ref)), self._services)
        except NotCancellableError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None

    @post(
        "/api/v1/jobs/{ref}/abandon",
        problems={HTTPStatus.CONFLICT: "it was not sent to Kling, or has succeeded or failed otherwise"},
    )
    async def abandon_job(self, ref: JobReference, request: web.Request) -> JobModel:
        """Give up a job for good that Kling has taken and will not tell of any more.

        Its reason is `lost`, its message names the token that was shown. One that is lost already is answered as it
        stands.
        """
        job = await find_job(self._read, ref)
        try:
            lost = await self._services.abandon(job, request[CALLER])
        except NotAbandonableError as error:
            raise ProblemError(HTTPStatus.CONFLICT, str(error)) from None
        return job_model(lost, self._services)


async def find_job(read: Reader, reference: str) -> Job:
    """Return the job that answers to an id of ours, a task id or an external id; a ProblemError of 404 or 409."""
    try:
        job = await read.job(reference)
    except AmbiguousReferenceError:
        raise ProblemError(HTTPStatus.CONFLICT, AMBIGUOUS[HTTPStatus.CONFLICT]) from None
    if job is None:
        raise ProblemError(HTTPStatus.NOT_FOUND, NAMED_JOB[HTTPStatus.NOT_FOUND])
    return job


def job_model(job: Job, services: ApiServices) -> JobModel:
    """Return a job as it is answered now."""
    model = JobModel.model_validate(job, from_attributes=True)
    return model.model_copy(update={"overdue": services.polling.is_overdue(job, services.clock.now())})
