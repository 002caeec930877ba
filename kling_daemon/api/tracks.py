"""The part of the local API that takes on tasks which other programs have created."""

from http import HTTPStatus

from kling_daemon.api.jobs import job_model
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Routes, post
from kling_daemon.client.models import Page, TrackedModel, TrackModel
from kling_daemon.poller import NamedTask

_NO_KEY = "no Kling API key is configured; set kling.api_key or KLING_API_KEY"


class TrackRoutes(Routes):
    """The route `/api/v1/track`."""

    @post(
        "/api/v1/track",
        problems={
            HTTPStatus.CONFLICT: _NO_KEY,
            HTTPStatus.INSUFFICIENT_STORAGE: "the disk is nearly full; nothing was stored",
        },
    )
    async def track_jobs(self, body: TrackModel) -> Page[TrackedModel]:
        """Track tasks that were created elsewhere.

        Kling is asked about each at once. What it does not know, or cannot be asked about now, leaves no trace.
        """
        if self._services.track is None:
            raise ProblemError(HTTPStatus.CONFLICT, _NO_KEY)
        self._services.reserve.require()
        tasks = [
            NamedTask(task_id=one.task_id, endpoint=one.endpoint, external_id=one.external_id, tags=one.tags)
            for one in body.tasks
        ]
        items = [
            TrackedModel(
                task_id=named.task_id,
                finding=named.finding,
                job=job_model(named.job, self._services) if named.job is not None else None,
                detail=named.detail,
            )
            for named in await self._services.track(tasks)
        ]
        return Page[TrackedModel](items=items, next=None)
