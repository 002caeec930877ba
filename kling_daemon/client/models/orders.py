"""Orders to create jobs or to track tasks, and what comes of them."""

from typing import Annotated, Any

import pydantic

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.jobs import JobModel


class SubmitModel(pydantic.BaseModel):
    """The order to create a job."""

    model_config = pydantic.ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        hide_input_in_errors=True,
        json_schema_extra={
            "examples": [
                {
                    "endpoint": "/text-to-video/kling-3.0",
                    "body": {"prompt": "a cat on a windowsill"},
                    "tags": {"shot": "7"},
                }
            ]
        },
    )

    endpoint: str
    """The path at Kling: `/text-to-video/kling-3.0`, `/v1/videos/image2video`, …."""
    body: dict[str, Any]
    """What Kling documents for the path; callback URL and external id are added where they are left out."""
    tags: dict[str, str] = {}
    external_id: str | None = None
    """The id under which the job is created at Kling; by default the daemon's own."""
    idempotency_key: Annotated[str, pydantic.Field(min_length=1, max_length=256)] | None = None
    """Makes the order repeatable: a second one with the same key is answered with the job of the first."""


class CheckModel(pydantic.BaseModel):
    """Orders that are to be looked at and not carried out."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    orders: Annotated[list[SubmitModel], pydantic.Field(max_length=500)]


class CheckedModel(Answer):
    """What would become of an order."""

    refusal: str | None
    """Why it would be refused; None when it would not be."""
    job: JobModel | None
    """The job that its idempotency key has made already."""


class NamedTaskModel(pydantic.BaseModel):
    """A task that is to be tracked, though it was created elsewhere."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    task_id: str
    """Kling's id."""
    endpoint: str | None = None
    """The path that created it; a solution, and with a key pair any older task, is not found without it."""
    external_id: str | None = None
    """The id that its creator gave it, for the case that Kling does not tell."""
    tags: dict[str, str] = {}


class TrackModel(pydantic.BaseModel):
    """Tasks that are to be tracked."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    tasks: Annotated[list[NamedTaskModel], pydantic.Field(max_length=500)]


class TrackedModel(Answer):
    """What became of a task that was to be tracked."""

    task_id: str
    finding: str
    """`tracked`, `known` (it was already), `unknown` (Kling does not know it), `unasked` (Kling could not be asked) or
    `refused`; of the last three nothing is kept."""
    job: JobModel | None
    detail: str
    """Why it is not tracked; empty when it is."""
