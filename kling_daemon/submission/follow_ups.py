"""Lets handlers submit follow-up jobs, once per delivery and key whatever is repeated."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from kling_daemon.contexts import Submit
from kling_daemon.deliveries import Delivery
from kling_daemon.handlers import Retry
from kling_daemon.ids import derived_id
from kling_daemon.jobs import Job
from kling_daemon.store import StoreUnavailableError

_UNSTORED = timedelta(minutes=1)
"""When a handler whose job could not be stored is called again: a full disk is no failure of the handler's."""


class Accept(Protocol):
    """Takes a job that is to be created, as `Intake.accept` does."""

    async def __call__(
        self, path: str, body: Mapping[str, Any], *, tags: Mapping[str, str] | None, job_id: str | None
    ) -> Job:
        """Return the job once its intent is committed; the one that has the id already is returned as it stands."""
        ...


def follow_up_id(delivery: Delivery, key: str) -> str:
    """Return the id of a follow-up job: the same for every attempt, and again from a restored backup."""
    return derived_id(f"submit:{delivery.idempotency_key}:{key}")


def submit_for(accept: Accept, delivery: Delivery) -> Submit:
    """Return what a handler submits with during one delivery.

    It raises SubmitRefusedError for bad input, and Retry while nothing can be stored: that costs no attempt.
    """

    async def submit(
        endpoint: str, body: Mapping[str, Any], *, key: str = "", tags: Mapping[str, str] | None = None
    ) -> str:
        try:
            job = await accept(endpoint, body, tags=tags, job_id=follow_up_id(delivery, key))
        except StoreUnavailableError as error:
            raise Retry(f"the follow-up job was not taken: {error}", after=_UNSTORED) from error
        return job.id

    return submit
