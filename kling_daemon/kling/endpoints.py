"""Which paths of Kling's create tasks, and how each one's tasks are created, found and counted: data, not code."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kling_daemon.jobs import Generation

LEGACY_PREFIX = "/v1/"
SOLUTIONS_PREFIX = "/solutions/"
"""The family of the new generation whose paths name a product and no model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path that creates tasks."""

    path: str
    """The path without the host; for the new generation up to and without the model."""
    generation: Generation
    kind: str
    """`video` or `image`: which of the account's concurrency limits its tasks count against."""
    has_external_id: bool = True
    """The create takes an external id, and a task can be looked up by it."""

    @property
    def callback_field(self) -> tuple[str, ...]:
        """Where in the body the callback URL belongs; elsewhere Kling ignores it silently and bills the task."""
        return ("callback_url",) if self.generation is Generation.LEGACY else ("options", "callback_url")

    @property
    def external_id_field(self) -> tuple[str, ...]:
        """Where in the body the caller's own id belongs."""
        return ("external_task_id",) if self.generation is Generation.LEGACY else ("options", "external_task_id")


REGISTRY: tuple[Endpoint, ...] = (
    Endpoint(path="/text-to-video", generation=Generation.NEW, kind="video"),
    Endpoint(path="/image-to-video", generation=Generation.NEW, kind="video"),
    Endpoint(path="/v1/videos/text2video", generation=Generation.LEGACY, kind="video"),
    Endpoint(path="/v1/videos/image2video", generation=Generation.LEGACY, kind="video"),
    Endpoint(path="/v1/images/generations", generation=Generation.LEGACY, kind="image"),
)


def endpoint_of(path: str) -> Endpoint:
    """Return what is known of a create path; an unknown one is told by its shape, for Kling adds paths monthly."""
    for endpoint in REGISTRY:
        if path == endpoint.path or (
            endpoint.generation is Generation.NEW and path.rpartition("/")[0] == endpoint.path
        ):
            return endpoint
    generation = Generation.LEGACY if path.startswith(LEGACY_PREFIX) else Generation.NEW
    return Endpoint(path=path, generation=generation, kind="image" if "/images/" in path else "video")


def model_of(path: str, body: Mapping[str, Any]) -> str | None:
    """Return the model that a create asks for: in the path of the new generation, in the body of the legacy one.

    None where neither names one; `/solutions/…` never does.
    """
    if endpoint_of(path).generation is Generation.NEW:
        family, _, name = path.rpartition("/")
        return name if name and family and not path.startswith(SOLUTIONS_PREFIX) else None
    model = body.get("model_name") or body.get("model")
    return model if isinstance(model, str) else None


def with_field(body: Mapping[str, Any], field: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a copy of a create body with a value set at a (nested) field."""
    head, *rest = field
    if not rest:
        return {**body, head: value}
    inner = body.get(head)
    return {**body, head: with_field(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)}


def field_of(body: Mapping[str, Any], field: tuple[str, ...]) -> str | None:
    """Return the text at a (nested) field of a create body; None where there is none, or an empty one."""
    value: Any = body
    for key in field:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value else None
