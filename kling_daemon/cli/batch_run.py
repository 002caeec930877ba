"""Carries a batch out: every line is checked, then all are submitted, a few at a time, and followed to their ends."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus

from kling_daemon.cli.batch_files import Mistake
from kling_daemon.cli.batch_lines import BatchLine
from kling_daemon.cli.following import AT_A_TIME, first_of, watched
from kling_daemon.cli.live_jobs import shown
from kling_daemon.cli.watching import Watch
from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError
from kling_daemon.client.long_polls import GRACE

Lines = Callable[[], Iterator[BatchLine | Mistake]]
"""Reads the batch from its beginning."""

_PAUSE = 0.5
_ORDERS = 100
_BYTES = 4 * 1024**2
"""How much is checked with one request."""


class MistakesError(Exception):
    """Lines of the batch make no sense."""

    def __init__(self, mistakes: Iterable[Mistake], *, nothing_submitted: bool = True) -> None:
        """Take what is wrong."""
        self.nothing_submitted = nothing_submitted
        self.mistakes = sorted(mistakes, key=lambda mistake: mistake.number)
        super().__init__(f"{len(self.mistakes)} lines make no sense")


@dataclass
class Progress:
    """How far a batch has come."""

    lines: dict[str, int] = field(default_factory=dict)
    """The lines' numbers, by the ids of their jobs."""
    known: set[str] = field(default_factory=set)
    """The jobs that an earlier run has created."""
    created: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    """Why the daemon took lines not, by their numbers."""
    lost: DaemonUnreachableError | None = None
    """Set when the daemon went away and did not come back."""

    @property
    def left(self) -> int:
        """How many lines have not been submitted yet."""
        return len(self.lines) - len(self.known) - self.created - len(self.refused)


async def run_batch(
    daemon: Daemon,
    lines: Lines,
    progress: Progress,
    watch: Watch,
    *,
    wait: bool,
    patience: timedelta | None,
    live: bool,
) -> None:
    """Carry a batch out; progress and watch are kept up to date, so that they tell the truth whenever it ends.

    wait: follow the jobs to their ends; patience: for how long, once all are submitted. Raises MistakesError, before
    anything was submitted unless the file changes meanwhile, and DaemonUnreachableError when no daemon answers to begin
    with. Cancelled or killed, it can be run again: what was submitted is not submitted twice.
    """
    await watch.begin()
    await _check(daemon, lines(), progress, watch)
    watch.expect(progress.lines)
    try:
        with shown(watch.jobs, total=len(progress.lines), live=live):
            if not wait:
                await _submit_all(daemon, lines(), progress, watch)
                return
            async with watched(watch):
                await _submit_all(daemon, lines(), progress, watch)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if patience is None else patience.total_seconds()):
                        await watch.ended.wait()
    except DaemonUnreachableError as error:
        progress.lost = error


async def _check(daemon: Daemon, lines: Iterator[BatchLine | Mistake], progress: Progress, watch: Watch) -> None:
    """Have the daemon look at all lines, and learn which it knows already."""
    mistakes: list[Mistake] = []
    part: list[BatchLine] = []
    size = 0
    for line in lines:
        if isinstance(line, Mistake):
            mistakes.append(line)
            continue
        progress.lines[line.job_id] = line.number
        part.append(line)
        size += len(line.order.model_dump_json())
        if len(part) >= _ORDERS or size >= _BYTES:
            mistakes += await _check_part(daemon, part, progress, watch)
            part, size = [], 0
    if part:
        mistakes += await _check_part(daemon, part, progress, watch)
    if not mistakes and not progress.lines:
        mistakes.append(Mistake(number=1, message="there is nothing in it"))
    if mistakes:
        raise MistakesError(mistakes)


async def _check_part(daemon: Daemon, part: list[BatchLine], progress: Progress, watch: Watch) -> list[Mistake]:
    mistakes = []
    for line, checked in zip(part, await daemon.check([line.order for line in part]), strict=True):
        if checked.refusal is not None:
            mistakes.append(Mistake(number=line.number, message=checked.refusal))
        elif checked.job is not None:
            progress.known.add(line.job_id)
            watch.learn(checked.job)
    return mistakes


async def _submit_all(daemon: Daemon, lines: Iterator[BatchLine | Mistake], progress: Progress, watch: Watch) -> None:
    async def submit() -> None:
        for line in lines:
            if isinstance(line, Mistake) or line.job_id not in progress.lines:
                changed = Mistake(number=line.number, message="the file has changed since it was checked")
                raise MistakesError([changed], nothing_submitted=False)
            if line.job_id not in progress.known:
                await _submit(daemon, line, progress, watch)

    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(AT_A_TIME):
                tasks.create_task(submit(), name=f"submit {number}")
    except ExceptionGroup as group:
        raise first_of(group) from None


async def _submit(daemon: Daemon, line: BatchLine, progress: Progress, watch: Watch) -> None:
    """Submit one line, and again while the daemon is away for a moment: its key makes that harmless."""
    clock = asyncio.get_running_loop()
    deadline = clock.time() + GRACE.total_seconds()
    while True:
        try:
            job = await daemon.submit_order(line.order)
        except DaemonUnreachableError:
            if clock.time() >= deadline:
                raise
        except DaemonError as error:
            if error.status != HTTPStatus.SERVICE_UNAVAILABLE or clock.time() >= deadline:
                progress.refused[line.number] = str(error)
                watch.give_up(line.job_id)
                return
        else:
            progress.created += 1
            watch.learn(job)
            return
        await asyncio.sleep(_PAUSE)
