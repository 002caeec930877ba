"""Jobs that are waited for, as a terminal shows them while they run: each of a few, the sum of many."""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kling_daemon.cli.job_views import HEADINGS, job_lines
from kling_daemon.cli.output import COLOURS, rich_table
from kling_daemon.jobs import JobState

if TYPE_CHECKING:
    from rich.console import RenderableType

    from kling_daemon.client.models import JobModel

FEW = 20
"""So many jobs fit on a screen, a line each."""
SLOWEST = 8
"""How many of many are shown by themselves: those that have been open for longest."""

_FRAMES_PER_SECOND = 4
_BAR = 40


@contextmanager
def shown(jobs: Mapping[str, "JobModel"], *, total: int, live: bool) -> Iterator[None]:
    """Show jobs as they change, as long as the context lasts, and nothing of it afterwards; unless live, nothing.

    total: how many there will be; jobs that are not there yet are counted as to come.
    """
    if not live:
        yield
        return
    from rich.live import Live

    def view() -> "RenderableType":
        now = datetime.now(UTC)
        return table(jobs, now) if total <= FEW and len(jobs) == total else crowd(jobs, total, now)

    with Live(get_renderable=view, refresh_per_second=_FRAMES_PER_SECOND, transient=True):
        yield


def table(jobs: Mapping[str, "JobModel"], now: datetime) -> "RenderableType":
    """Return a line for each job."""
    return rich_table(HEADINGS, job_lines(list(jobs.values()), now))


def crowd(jobs: Mapping[str, "JobModel"], total: int, now: datetime) -> "RenderableType":
    """Return a bar, how many jobs are in each state, and those that have been open for longest."""
    from rich.columns import Columns
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    everything = list(jobs.values())  # the others may grow while this is drawn
    counts = Counter(job.state for job in everything)
    ended = sum(job.has_ended for job in everything)
    words = Text("  ").join(
        Text(f"{counts[state]} {state}", style=COLOURS.get(state, "")) for state in JobState if counts[state]
    )
    if total > len(everything):
        words.append(f"  {total - len(everything)} to come")
    bar = ProgressBar(total=total, completed=ended, width=_BAR)
    parts: list[RenderableType] = [Columns([bar, f"{ended} of {total}"]), words]
    slowest = heapq.nsmallest(SLOWEST, (job for job in everything if not job.has_ended), key=lambda job: job.created_at)
    if slowest:
        parts += [Text(""), rich_table(HEADINGS, job_lines(slowest, now))]
    return Group(*parts)
