"""The orders of the local API: have a job created, once for each idempotency key, or only ask whether it would be."""

from http import HTTPStatus

from aiohttp import web

from kling_daemon.api.bodies import read_body
from kling_daemon.api.problems import ProblemError, bad_request
from kling_daemon.api.queries import read_query
from kling_daemon.api.services import ApiServices
from kling_daemon.client.models import CheckedModel, CheckModel, JobModel, SubmitModel
from kling_daemon.ids import keyed_job_id
from kling_daemon.jobs import Job
from kling_daemon.submission import SubmitRefusedError


class OrderRoutes:
    """The routes that take orders to create jobs."""

    def __init__(self, services: ApiServices) -> None:
        """Take the daemon's parts."""
        self._services = services
        self._read = services.store.read

    def routes(self) -> list[web.RouteDef]:
        """Return a route for each path and method."""
        return [web.post("/api/v1/jobs", self._submit), web.post("/api/v1/jobs/check", self._check)]

    async def _submit(self, request: web.Request) -> web.Response:
        read_query(request, ())
        order = await read_body(request, SubmitModel)
        try:
            known = await self._made_by(order)
            job = known or await self._services.submit(
                order.endpoint, order.body, tags=order.tags, external_id=order.external_id, job_id=_job_id_of(order)
            )
        except SubmitRefusedError as error:
            raise bad_request(str(error)) from None
        status = HTTPStatus.CREATED if known is None else HTTPStatus.OK
        headers = {"Location": f"/api/v1/jobs/{job.id}"}
        return web.json_response(job.as_json(), status=status, headers=headers)

    async def _check(self, request: web.Request) -> web.Response:
        read_query(request, ())
        orders = (await read_body(request, CheckModel)).orders
        items = [(await self._checked(order)).as_json() for order in orders]
        return web.json_response({"items": items, "next": None})

    async def _checked(self, order: SubmitModel) -> CheckedModel:
        try:
            known = await self._made_by(order)
            if known is None:
                await self._services.check(
                    order.endpoint, order.body, external_id=order.external_id, job_id=_job_id_of(order)
                )
        except (SubmitRefusedError, ProblemError) as error:
            return CheckedModel(refusal=str(error), job=None)
        job = JobModel.model_validate(known.as_json()) if known is not None else None
        return CheckedModel(refusal=None, job=job)

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
