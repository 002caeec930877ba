"""Having tasks tracked that were created elsewhere: one request for many, and what became of them in words."""

from collections import Counter
from collections.abc import Sequence

import click

from kling_daemon.cli.output import printable
from kling_daemon.client import Daemon
from kling_daemon.client.models import NamedTaskModel, TrackedModel

PART = 100
"""How many tasks are asked about with one request."""
GOOD = ("tracked", "known")


async def track(daemon: Daemon, tasks: Sequence[NamedTaskModel]) -> list[TrackedModel]:
    """Return what became of each task, in their order; one that is named twice is asked about once."""
    once = list({task.task_id: task for task in reversed(tasks)}.values())[::-1]
    found: list[TrackedModel] = []
    # Asked for nothing it is asked all the same: a daemon that is not there must not look like one that has done it.
    for start in range(0, max(len(once), 1), PART):
        found += await daemon.track(once[start : start + PART])
    return found


def tell_track(found: Sequence[TrackedModel], lines: Sequence[int] = ()) -> None:
    """Print a sum, and each task that is not tracked now with the reason, and with its line where there are lines."""
    counts = Counter(one.finding for one in found)
    click.echo(", ".join(f"{count} {finding}" for finding, count in sorted(counts.items())) or "nothing to track")
    for place, one in enumerate(found):
        if one.finding not in GOOD:
            where = f"line {lines[place]}: " if lines else ""
            click.echo(f"Error: {where}{printable(one.task_id)}: {printable(one.detail)}", err=True)
    if counts["unasked"]:
        click.echo("Kling could not be asked about all of them; the same command again, later, does no harm.", err=True)
