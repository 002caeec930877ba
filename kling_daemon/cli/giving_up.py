"""Giving up several jobs: each for itself, so that one that cannot be given up keeps no other going."""

from collections.abc import Awaitable, Callable, Sequence

from kling_daemon.client import DaemonError
from kling_daemon.client.models import JobModel


async def give_up(
    references: Sequence[str], one: Callable[[str], Awaitable[JobModel]]
) -> tuple[list[JobModel], dict[str, DaemonError]]:
    """Return the jobs that are given up, and why the others are not, by the references that were given."""
    ended: list[JobModel] = []
    errors: dict[str, DaemonError] = {}
    for reference in dict.fromkeys(references):
        try:
            ended.append(await one(reference))
        except DaemonError as error:
            errors[reference] = error
    return ended, errors
