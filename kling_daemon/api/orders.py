"""The orders of the local API: have a job created, once for each idempotency key, or only ask whether it would be."""

from http import HTTPStatus

from kling_daemon.api.jobs import job_model
from kling_daemon.api.problems import ProblemError
from kling_daemon.api.routes import Created, Routes, post
from kling_daemon.client.models import CheckedModel, CheckModel, JobModel, Page, SubmitModel
from kling_daemon.ids import keyed_job_id
from kling_daemon.jobs import Job
from kling_daemon.submission import SubmitRefusedError


class OrderRoutes(Routes):
    """The routes that take orders to create jobs."""

    @post(
        "/api/v1/jobs",
        problems={
            HTTPStatus.CONFLICT: "the idempotency key has made a job of another endpoint",
            HTTPStatus.UNPROCESSABLE_ENTITY: "the order cannot be sent to Kling",
            HTTPStatus.INSUFFICIENT_STORAGE: "the disk is nearly full; nothing was stored",
        },
    )
    async def submit_job(self, body: SubmitModel) -> Created[JobModel] | JobModel:
        """Create a job.

        It is answered once the intent is on disk; Kling is asked right afterwards. An order whose idempotency key has
        made a job is answered with that job as it stands.
        """
        try:
            known = await self._made_by(body)
            if known is not None:
                return job_model(known, self._services)
            job = await self._services.submit(
                body.endpoint, body.body, tags=body.tags, external_id=body.external_id, job_id=_job_id_of(body)
            )
        except SubmitRefusedError as error:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        return Created(model=job_model(job, self._services), location=f"/api/v1/jobs/{job.id}")

    @post("/api/v1/orders/check")
    async def check_orders(self, body: CheckModel) -> Page[CheckedModel]:
        """Tell whether jobs would be created, and create none."""
        return Page[CheckedModel](items=[await self._checked(order) for order in body.orders], next=None)

    async def _checked(self, order: SubmitModel) -> CheckedModel:
        try:
            known = await self._made_by(order)
            if known is None:
                await self._services.check(
                    order.endpoint, order.body, external_id=order.external_id, job_id=_job_id_of(order)
                )
        except (SubmitRefusedError, ProblemError) as error:
            return CheckedModel(refusal=str(error), job=None)
        return CheckedModel(refusal=None, job=job_model(known, self._services) if known is not None else None)

    async def _made_by(self, order: SubmitModel) -> Job | None:
        """Return the job that the order's key has made; a ProblemError of 409 where that is another order's."""
        job_id = _job_id_of(order)
        known = await self._read.job(job_id) if job_id is not None else None
        if known is not None and known.endpoint != order.endpoint:
            detail = f"the idempotency key has made job {known.id} at {known.endpoint}; another order needs another key"
            raise ProblemError(HTTPStatus.CONFLICT, detail)
        return known


def _job_id_of(order: SubmitModel) -> str | None:
    return keyed_job_id(order.idempotency_key) if order.idempotency_key is not None else None
