"""Handlers, and the plugins that they come from."""

from kling_daemon.client.models.answers import Answer
from kling_daemon.client.models.moments import Moment


class HandlerModel(Answer):
    """A handler that is loaded, or was in an earlier run."""

    name: str
    state: str
    """`opening`, `open`, `closed`, `stopped`; or `unloaded`: its deliveries are parked until it is configured again."""
    reason: str | None
    """Why it is closed."""
    plugin: str | None
    events: list[str]
    depends_on: list[str]
    running: int
    """How many attempts are under way."""
    concurrency: int | None
    first_at: Moment | None
    loaded_at: Moment | None


class ForgottenModel(Answer):
    """What forgetting a handler came to."""

    name: str
    dropped: int
    """How many of its deliveries were waiting or dead, and are dropped."""


class PluginModel(Answer):
    """An installed plugin, usable or not."""

    name: str
    distribution: str
    version: str
    status: str
    """`ready`, or `broken` for the problem that is told."""
    problem: str | None
    types: list[str]
    """The handler types that it offers."""
    hooks: list[str]
    """What its event hooks react to."""
