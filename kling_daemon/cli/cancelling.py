"""Cancelling several jobs: each for itself, so that one that cannot be cancelled keeps no other going."""

from collections.abc import Sequence

from kling_daemon.client import Daemon, DaemonError
from kling_daemon.client.models import JobModel


async def cancel(daemon: Daemon, references: Sequence[str]) -> tuple[list[JobModel], dict[str, DaemonError]]:
    """Return the jobs that are cancelled, and why the others are not, by the references that were given."""
    cancelled: list[JobModel] = []
    errors: dict[str, DaemonError] = {}
    for reference in dict.fromkeys(references):
        try:
            cancelled.append(await daemon.cancel(reference))
        except DaemonError as error:
            errors[reference] = error
    return cancelled, errors
