"""The kept callbacks of the local API: the raw evidence of what Kling has said, and whether it still holds."""

from dataclasses import asdict
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

import pydantic

from kling_daemon.api.cursors import to_cursor
from kling_daemon.api.jobs import NAMED_JOB, find_job
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.queries import Moment, Paging
from kling_daemon.api.routes import Routes, get
from kling_daemon.client.models import CallbackModel, CheckedCallbackModel, Page
from kling_daemon.clock import optional
from kling_daemon.store import CallbackFilter, CallbackRow
from kling_daemon.tracking import check_evidence

UNKNOWN = {HTTPStatus.NOT_FOUND: "no job or callback has this id"}

_NUMBER = r"^[0-9]{1,18}$"


class KeptVerdict(StrEnum):
    """How a kept callback was judged."""

    BELIEVED = "believed"
    """Its body was a report."""
    HINT = "hint"
    """Kling was asked because of it."""
    UNREADABLE = "unreadable"
    """It was signed, and no version so far could read it."""


class CallbacksQuery(Paging):
    """Which kept callbacks are listed."""

    job: str | None = None
    """Only those of this job, which is named as in a path."""
    verdict: KeptVerdict | None = None
    since: Moment | None = None
    """Only those that came for the first time from this moment on."""

    @property
    def before(self) -> int | None:
        """Before which number the part begins; None for the latest."""
        return self.cursor


class ChecksQuery(CallbacksQuery):
    """Which kept callbacks are checked."""

    callback: Annotated[str, pydantic.Field(pattern=_NUMBER)] | None = None
    """Only the one with this id."""

    @property
    def before(self) -> int | None:
        """Before which number the part begins: it has the one that is asked for as its first."""
        if self.callback is None:
            return self.cursor
        behind = int(self.callback) + 1
        return behind if self.cursor is None else min(behind, self.cursor)


class CallbackRoutes(Routes):
    """The routes below `/api/v1/callbacks`."""

    @get("/api/v1/callbacks", problems=NAMED_JOB)
    async def list_callbacks(self, query: CallbacksQuery) -> Page[CallbackModel]:
        """List the kept callbacks, the latest first.

        A part looks at a thousand callbacks at most: where few are asked for, it may have fewer than `limit`, even
        none, and the list goes on as long as there is a `next`.
        """
        rows, further = await self._part(query)
        return Page[CallbackModel](items=[_model(row) for row in rows], next=optional(to_cursor, further))

    @get("/api/v1/callbacks/checks", problems={**NAMED_JOB, **UNKNOWN})
    async def check_callbacks(self, query: ChecksQuery) -> Page[CheckedCallbackModel]:
        """Check the signatures of kept callbacks again, as of when they came, with the secrets that are configured now.

        In parts, as they are listed; the secrets stay where they are.
        """
        pages, trust = self._read.callback_pages, self._services.trust()
        rows, further = await self._part(query)
        if query.callback is not None:
            rows, further = [row for row in rows if row.id == int(query.callback)], None
            if not rows:
                raise ProblemError(HTTPStatus.NOT_FOUND, "no callback has this id")
        items = []
        for row in rows:  # one by one: a hundred bodies may be a hundred megabytes
            kept = await pages.evidence(row.id)
            if kept is not None:
                checked = check_evidence(trust, kept)
                finding = {"finding": checked.finding, "verified_with": checked.secret, "flaw": checked.flaw}
                items.append(CheckedCallbackModel.model_validate(asdict(row) | finding))
        return Page[CheckedCallbackModel](items=items, next=optional(to_cursor, further))

    async def _part(self, query: CallbacksQuery) -> tuple[list[CallbackRow], int | None]:
        job = None if query.job is None else await find_job(self._read, query.job)
        wanted = CallbackFilter(job_id=job.id if job else None, verdict=query.verdict, since=query.since)
        return await self._read.callback_pages.falling(wanted, limit=query.limit, before=query.before)


def _model(row: CallbackRow) -> CallbackModel:
    return CallbackModel.model_validate(asdict(row))
