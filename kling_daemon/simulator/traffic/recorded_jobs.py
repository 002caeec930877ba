"""The jobs that a recording tells of, and which job of the present each of them has become."""

import json
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kling_daemon.simulator.traffic.exchanges import Exchange, Side, Signature
from kling_daemon.simulator.traffic.masks import shape_of

LISTS = frozenset(("/tasks", "/solutions"))
"""What is posted there asks and creates nothing."""


@dataclass(slots=True, kw_only=True, eq=False)
class RecordedJob:
    """One job: the creates that asked for it, in their order, and what Kling called it."""

    path: str
    external_id: str | None
    callback_url: str | None
    """Masked, as all in a recording."""
    creates: list[Exchange] = field(default_factory=list)
    task_ids: list[str] = field(default_factory=list)
    """What Kling calls it, as far as the answers to its creates tell."""
    told: list[Mapping[str, Any]] = field(default_factory=list)
    """What Kling said of it in answers to creates and in callbacks that bear a good signature, in that order."""
    asked: int = 0
    """How often it was created in the present."""
    live_external_id: str | None = None
    live_callback_url: str | None = None

    @property
    def is_taken(self) -> bool:
        """True when a job of the present stands for it."""
        return self.asked > 0

    @property
    def answered_at(self) -> float:
        """When the first of its creates was answered in the recording."""
        return self.creates[0].at + self.creates[0].took

    def next_create(self) -> Exchange:
        """Return the create that is to be answered now; the last one again when there are no more."""
        self.asked += 1
        return self.creates[min(self.asked, len(self.creates)) - 1]


class RecordedJobs:
    """All jobs of a recording whose creates are in it."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        """Gather creates of the same external id; each of the others is a job of its own."""
        self._jobs: list[RecordedJob] = []
        self._by_task: dict[str, RecordedJob] = {}
        self._by_external: dict[str, RecordedJob] = {}
        self._by_live_external: dict[str, RecordedJob] = {}
        self._by_callback_url: defaultdict[str, list[RecordedJob]] = defaultdict(list)
        # Each job twice; who takes one from either row passes over those that were taken from the other.
        self._free: defaultdict[Hashable, deque[RecordedJob]] = defaultdict(deque)
        for exchange in exchanges:
            if exchange.side == Side.KLING and is_create(exchange.method, exchange.target):
                self._add(exchange)
        for exchange in exchanges:
            if exchange.side == Side.CALLBACK and exchange.signature in {Signature.VALID, Signature.UNCHECKED}:
                job = self.of_callback(exchange)
                if job is not None and isinstance(exchange.body, Mapping):
                    job.told.append(exchange.body)

    def __iter__(self) -> Iterator[RecordedJob]:
        """Yield the jobs in the order of their creates."""
        return iter(self._jobs)

    def __len__(self) -> int:
        return len(self._jobs)

    def _add(self, exchange: Exchange) -> None:
        external_id, callback_url = named(exchange.body, "external_task_id"), named(exchange.body, "callback_url")
        job = self._by_external.get(external_id) if external_id else None
        if job is None:
            job = RecordedJob(path=exchange.target, external_id=external_id, callback_url=callback_url)
            self._jobs.append(job)
            for row in _rows(exchange.target, exchange.body):
                self._free[row].append(job)
            if callback_url:
                self._by_callback_url[callback_url].append(job)
            if external_id:
                self._by_external[external_id] = job
        job.creates.append(exchange)
        if task_id := task_id_of(exchange.answer):
            if self._by_task.setdefault(task_id, job) is job:
                job.task_ids.append(task_id)
            job.told.append(exchange.answer.get("data", exchange.answer))

    def take(self, target: str, body: Any) -> RecordedJob | None:
        """Return the recorded job that a create of the present is answered with; None when there is no more.

        The same one for an external id that was there already, else the first that nobody has taken of this path: one
        that asked for the same if there is any, and else any, for texts were masked.
        """
        external_id = named(body, "external_task_id")
        job = self._by_live_external.get(external_id) if external_id else None
        if job is None:
            job = next(filter(None, map(self._first_free, _rows(target, body))), None)
        if job is not None:
            job.live_external_id, job.live_callback_url = external_id, named(body, "callback_url")
            if external_id:
                self._by_live_external[external_id] = job
        return job

    def _first_free(self, row: Hashable) -> RecordedJob | None:
        jobs = self._free.get(row, deque())
        while jobs and jobs[0].is_taken:
            jobs.popleft()
        return jobs[0] if jobs else None

    def of_task(self, task_id: str | None) -> RecordedJob | None:
        """Return the job that Kling calls so."""
        return self._by_task.get(task_id) if task_id else None

    def of_external_id(self, external_id: str) -> RecordedJob | None:
        """Return the job of a recorded external id."""
        return self._by_external.get(external_id)

    def of_callback(self, exchange: Exchange) -> RecordedJob | None:
        """Return the job that a recorded callback is about: by Kling's id, else by a URL that no other job has."""
        if job := self.of_task(task_id_of(exchange.body)):
            return job
        fitting = self._by_callback_url.get(exchange.target, ())
        return fitting[0] if len(fitting) == 1 else None

    def recorded_external_id(self, live: str) -> str:
        """Return the recorded external id that one of the present stands for; itself when it stands for none."""
        job = self._by_live_external.get(live)
        return live if job is None or job.external_id is None else job.external_id

    def in_the_present(self, value: Any) -> Any:
        """Return a recorded body with the external ids of the present in it."""
        if isinstance(value, Mapping):
            return {name: self.in_the_present(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.in_the_present(inner) for inner in value]
        if isinstance(value, str) and (job := self._by_external.get(value)) and job.live_external_id:
            return job.live_external_id
        return value


def _rows(path: str, body: Any) -> tuple[Hashable, Hashable]:
    """Return where the jobs of a path stand that asked for the same as a body, and where all of the path do."""
    return (path, json.dumps(shape_of(body), sort_keys=True)), path


def is_create(method: str, target: str) -> bool:
    """True for a request that creates a task, or does something else that is done by POST."""
    return method == "POST" and target not in LISTS


def named(body: Any, name: str) -> str | None:
    """Return the text under a name in a create's body, where either generation has it."""
    if not isinstance(body, Mapping):
        return None
    options = body.get("options")
    for place in (body, options if isinstance(options, Mapping) else {}):
        if isinstance(value := place.get(name), str) and value:
            return value
    return None


def task_id_of(answer: Any) -> str | None:
    """Return Kling's id of a task, from an answer's envelope or a callback's body."""
    if not isinstance(answer, Mapping):
        return None
    data = answer.get("data")
    for place in (data if isinstance(data, Mapping) else {}, answer):
        for name in ("task_id", "id"):
            if isinstance(value := place.get(name), str):
                return value
    return None
