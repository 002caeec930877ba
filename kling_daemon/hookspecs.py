"""The hooks that a plugin may implement, each with its exact signature."""

import pluggy

from kling_daemon.contexts import DeliveryContext
from kling_daemon.events import JobEvent, Notice
from kling_daemon.handlers import HandlerType

PROJECT = "kling_daemon"
ENTRY_POINT_GROUP = "kling_daemon.plugins"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def kling_register_handlers() -> list[HandlerType]:
    """Return the handler types that this plugin offers; called once, at start."""
    return []


@hookspec
async def kling_job_status_changed(event: JobEvent, context: DeliveryContext) -> None:
    """React to each change of a job's state. May be sync; may take either parameter or both."""


@hookspec
async def kling_job_completed(event: JobEvent, context: DeliveryContext) -> None:
    """React to a job's success. May be sync; may take either parameter or both."""


@hookspec
async def kling_job_failed(event: JobEvent, context: DeliveryContext) -> None:
    """React to a job's failure. May be sync; may take either parameter or both."""


@hookspec
async def kling_notice(event: Notice, context: DeliveryContext) -> None:
    """React to a notice of the daemon's. May be sync; may take either parameter or both."""


EVENT_HOOKS = {
    "kling_job_status_changed": "job.status_changed",
    "kling_job_completed": "job.completed",
    "kling_job_failed": "job.failed",
    "kling_notice": "notice",
}
"""Which hook is called for what."""
