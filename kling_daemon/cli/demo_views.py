"""What is seen of a demo while it runs: a live table on a terminal, a line now and then elsewhere."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import click

from kling_daemon.cli.durations import brief
from kling_daemon.demo import ENDPOINTS, HANDLERS, Progress, Scenario, Stage
from kling_daemon.jobs import JobState

if TYPE_CHECKING:
    from rich.console import Group
    from rich.text import Text

_LINE_EVERY = timedelta(seconds=2)
_FRAMES_PER_SECOND = 8

_LOOKS = {
    JobState.QUEUED: ("·", ".", "dim"),
    JobState.SUBMITTED: ("○", "o", "yellow"),
    JobState.PROCESSING: ("◐", "%", "cyan"),
    JobState.SUCCEEDED: ("●", "#", "green"),
    JobState.FAILED: ("✗", "x", "red"),
}
"""How a job in each state looks: its sign, the sign where only ASCII can be shown, and the colour."""


class Audience(Protocol):
    """Who looks on."""

    def begun(self, stage: Stage) -> None:
        """Learn that both programs run."""
        ...

    def seen(self, progress: Progress) -> None:
        """Learn how far it has come."""
        ...


@contextmanager
def audience(scenario: Scenario, *, as_json: bool) -> Iterator[Audience]:
    """Give the audience that suits standard output."""
    if as_json:
        yield Silence()
    elif sys.stdout.isatty():
        live = LiveTable(scenario)
        with live.shown():
            yield live
    else:
        yield Lines(scenario)


class Silence:
    """An audience that says nothing: standard output is for JSON."""

    def begun(self, stage: Stage) -> None:
        """Say nothing."""

    def seen(self, progress: Progress) -> None:
        """Say nothing."""


class Lines:
    """An audience that prints a line every other second."""

    def __init__(self, scenario: Scenario) -> None:
        """Take what is going to happen."""
        self._scenario = scenario
        self._next = timedelta()

    def begun(self, stage: Stage) -> None:
        """Print who takes part."""
        for line in introduction(self._scenario, stage):
            click.echo(line)

    def seen(self, progress: Progress) -> None:
        """Print a line if it is time for one."""
        if progress.elapsed >= self._next or progress.is_over:
            self._next = progress.elapsed + _LINE_EVERY
            states = Counter(job.state for job in progress.jobs)
            told = "  ".join(f"{state} {states[state]:2}" for state in JobState)
            click.echo(f"{brief(progress.elapsed):>6}  {told}  deliveries {_done(progress)}")


class LiveTable:
    """An audience in front of a terminal."""

    def __init__(self, scenario: Scenario) -> None:
        """Take what is going to happen."""
        from rich.console import Console
        from rich.live import Live

        self._scenario = scenario
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=_FRAMES_PER_SECOND)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table until the context is left; its last state stays."""
        with self._live:
            yield

    def begun(self, stage: Stage) -> None:
        """Print who takes part, above the table."""
        for line in introduction(self._scenario, stage):
            self._console.print(line, highlight=False, markup=False)
        self._console.print()

    def seen(self, progress: Progress) -> None:
        """Show it."""
        self._live.update(picture(progress, is_ascii=self._console.options.ascii_only))


def introduction(scenario: Scenario, stage: Stage) -> Sequence[str]:
    """Return who takes part, in lines."""
    return (
        f"A simulated Kling, process {stage.simulator.pid}, listens at {stage.kling.url} (seed {scenario.seed}).",
        f"The daemon, process {stage.daemon.pid}, takes its callbacks at {stage.receiver_url}.",
        f"{scenario.jobs} jobs are submitted to the daemon.",
    )


def picture(progress: Progress, *, is_ascii: bool = False) -> "Group":
    """Return what a terminal shows: each job as a sign in its endpoint's row, and the numbers of both sides."""
    from rich.console import Group
    from rich.table import Table

    jobs = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    jobs.add_column("ENDPOINT", no_wrap=True)
    jobs.add_column("JOBS", overflow="fold")
    for heading in ("OPEN", "SUCCEEDED", "FAILED"):
        jobs.add_column(heading, justify="right")
    for endpoint in ENDPOINTS:
        states = [JobState(job.state) for job in progress.jobs if job.endpoint == endpoint]
        counts = Counter(states)
        ended = counts[JobState.SUCCEEDED], counts[JobState.FAILED]
        cells = (str(number) for number in (len(states) - sum(ended), *ended))
        jobs.add_row(endpoint, _signs(states, is_ascii=is_ascii), *cells)
    numbers = Table.grid(padding=(0, 2, 0, 0))
    for name, told in _numbers(progress):
        numbers.add_row(name, told)
    return Group(jobs, _legend(progress, is_ascii=is_ascii), "", numbers)


def _numbers(progress: Progress) -> Sequence[tuple[str, str]]:
    kling = progress.kling
    mishaps = f"{kling.lost} lost, {kling.doubled} doubled, {kling.reordered} reordered, {kling.forged} forged"
    asked = sum(count for kind, count in kling.requests.items() if kind.endswith("query"))
    return (
        ("callbacks", f"{kling.sent} sent, {mishaps}"),
        (
            "requests",
            f"{kling.requests.get('create', 0)} creates ({kling.slots_full} without a free slot), {asked} queries",
        ),
        ("deliveries", _done(progress)),
        ("elapsed", brief(progress.elapsed)),
    )


def _done(progress: Progress) -> str:
    counts = [(name, progress.deliveries(name), progress.open_deliveries(name)) for name in HANDLERS]
    return ", ".join(f"{name} {total - waiting} of {total}" for name, total, waiting in counts)


def _signs(states: Sequence[JobState], *, is_ascii: bool) -> "Text":
    from rich.text import Text

    return Text.assemble(*(_sign(state, is_ascii=is_ascii) for state in states))


def _legend(progress: Progress, *, is_ascii: bool) -> "Text":
    from rich.text import Text

    counts = Counter(job.state for job in progress.jobs)
    parts: list[Any] = []
    for state in JobState:
        parts += [_sign(state, is_ascii=is_ascii), f" {counts[state]} {state}   "]
    return Text.assemble(*parts, style="dim")


def _sign(state: JobState, *, is_ascii: bool) -> tuple[str, str]:
    sign, plain, style = _LOOKS[state]
    return plain if is_ascii else sign, style
