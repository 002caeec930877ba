"""What can be known after a campaign: what Kling did, what the database holds, what the witnesses saw."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kling_daemon.events import JobEvent
from kling_daemon.jobs import Job
from kling_daemon.prove.kling import SimulatedKling
from kling_daemon.prove.orders import Order
from kling_daemon.prove.private_daemon import PrivateDaemon
from kling_daemon.prove.witnesses import Sighting
from kling_daemon.store import CallbackRow, DeliveryRow, Reader

T = TypeVar("T")

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One callback that Kling sent and that was answered with a 2xx."""

    task_id: str
    state: str
    webhook_id: str
    digest: str
    """As the store keeps it."""
    status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task as Kling has it."""

    task_id: str
    external_id: str | None
    state: str
    urls: frozenset[str]
    """Of its result files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of it, each list in the order in which things happened."""

    orders: Sequence[Order]
    answers: Sequence[Answer]
    tasks: Sequence[Task]
    callbacks: Sequence[CallbackRow]
    jobs: Sequence[Job]
    events: Sequence[JobEvent]
    deliveries: Sequence[DeliveryRow]
    sightings: Mapping[str, Sequence[Sighting]]
    """By witness."""
    flaws: Sequence[str]
    """Damage in the database file."""
    complaints: Sequence[str]
    """Log lines that should not be."""


async def gather(orders: Sequence[Order], daemon: PrivateDaemon, kling: SimulatedKling) -> Evidence:
    """Collect the evidence; the daemon may run or not, but everything should be at rest."""
    async with Reader.of(daemon.state) as read:
        jobs = await _pages(lambda last: read.jobs(limit=_PAGE, before=last[0] if last else None))
        events = await _pages(lambda last: read.events(limit=_PAGE, after=last[0] if last else 0))
        deliveries = await _pages(lambda last: read.deliveries(limit=_PAGE, before=last.id if last else None))
        callbacks = await _pages(lambda last: read.callbacks(limit=_PAGE, after=last.id if last else 0))
        flaws = await read.flaws()
    return Evidence(
        orders=orders,
        answers=[_answer(posted) for posted in await kling.callbacks() if posted["answer"].startswith("2")],
        tasks=[_task(task) for task in await kling.tasks()],
        callbacks=callbacks,
        jobs=[job for _, job in reversed(jobs)],
        events=[event for _, event in events],
        deliveries=list(reversed(deliveries)),
        sightings=daemon.sightings(),
        flaws=flaws,
        complaints=daemon.complaints(),
    )


async def _pages(page_after: Callable[[T | None], Awaitable[Sequence[T]]]) -> list[T]:
    """Return all pages as one list; each is asked for with the last entry of the one before."""
    found: list[T] = []
    while page := await page_after(found[-1] if found else None):
        found += page
    return found


def _answer(posted: Mapping[str, str]) -> Answer:
    return Answer(
        task_id=posted["id"],
        state=posted["state"],
        webhook_id=posted["webhook_id"],
        digest=posted["sha256"][:32],
        status=int(posted["answer"]),
    )


def _task(task: Mapping[str, Any]) -> Task:
    return Task(
        task_id=task["id"],
        external_id=task["external_id"],
        state=task["state"],
        urls=frozenset(file["url"] for file in task["files"]),
    )
