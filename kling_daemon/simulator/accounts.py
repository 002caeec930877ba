"""The accounts of the simulated Kling: their jobs, their external ids, their slots and what they were billed."""

import hashlib
import heapq
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from kling_daemon.clock import Clock
from kling_daemon.jobs import JobState
from kling_daemon.kling.endpoints import Kind
from kling_daemon.simulator.plans import AT_ONCE, plan
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.results import result_id
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.simulated_jobs import Order, SimulatedJob

ANSWERED_AT_ONCE = 9
"""The first digit of ids of what is no task; that of tasks is 8."""
IDS_PER_JOB = 100
"""Ids are this far apart: those between are the ids of the job's results."""


class Account:
    """Every job that one customer ever created, by its id and by its external id. All of it is in memory only."""

    def __init__(self, name: str, clock: Clock, numbers: Iterator[int]) -> None:
        """Open an empty account; numbers: the next one for each job, whatever account it is of."""
        self.name = name
        self.opened_at = clock.now()
        self._clock = clock
        self._numbers = numbers
        self._jobs: dict[str, SimulatedJob] = {}
        self._answers: dict[str, SimulatedJob] = {}
        self._made: dict[tuple[Kind, str], str] = {}
        self._ids: dict[str, str] = {}
        self._taken: Counter[str] = Counter()
        self.billed_jobs = 0
        self.billed_units = Decimal(0)
        self.billed_cash = Decimal(0)

    def __iter__(self) -> Iterator[SimulatedJob]:
        """Yield all jobs in the order of their creates."""
        return iter(self._jobs.values())

    def newest_first(self) -> Iterator[SimulatedJob]:
        """Yield all jobs in the reverse order of their creates."""
        return reversed(self._jobs.values())

    def __len__(self) -> int:
        return len(self._jobs)

    def create(self, order: Order, settings: SimulatorSettings) -> SimulatedJob:
        """Take an order in. RefusalError when it cannot be taken: then nothing exists.

        That is so when its external id is in use, no slot is free or the units do not suffice.
        """
        if order.external_id is not None and order.external_id in self._ids:
            raise RefusalError(1201, f"External_task_id {order.external_id} already exists")
        kind = order.endpoint.kind
        limit = settings.image_slots if kind is Kind.IMAGE else settings.video_slots
        if limit and order.slots and self._taken[kind] + order.slots > limit:
            raise RefusalError(1303)
        self._check_units(order, settings)
        number = next(self._numbers)
        now = self._clock.now()
        job = SimulatedJob(
            number=number,
            account=self.name,
            id=_id_of(settings.seed, number),
            order=order,
            plan=plan(settings, number, order.prompt),
            state=JobState.SUBMITTED,
            created_at=now,
            updated_at=now,
            file_lifetime=settings.file_lifetime,
        )
        self._taken[kind] += order.slots
        self._jobs[job.id] = job
        if order.external_id is not None:
            self._ids[order.external_id] = job.id
        return job

    def answer_at_once(self, order: Order, settings: SimulatorSettings) -> SimulatedJob:
        """Carry an order out whose answer is its result, and bill it. No query knows it, only its files are kept.

        RefusalError 1102 when the units do not suffice.
        """
        self._check_units(order, settings)
        now = self._clock.now()
        job = SimulatedJob(
            number=0,
            account=self.name,
            id=_id_of(settings.seed, len(self._answers) + 1, ANSWERED_AT_ONCE),
            order=order,
            plan=AT_ONCE,
            state=JobState.SUCCEEDED,
            created_at=now,
            updated_at=now,
            file_lifetime=settings.file_lifetime,
        )
        self._answers[job.id] = job
        self._bill(job)
        return job

    def delete(self, kind: Kind, result_id: str) -> SimulatedJob | None:
        """Delete the voice or element of an id and return its job; None when there is none of that kind, or no more."""
        job_id = self._made.pop((kind, result_id), None)
        if job_id is None:
            return None
        self._jobs[job_id] = replace(self._jobs[job_id], is_deleted=True)
        return self._jobs[job_id]

    def with_files(self, job_id: str) -> SimulatedJob | None:
        """Return the job of an id, or what was answered at once under it: whose files may be fetched."""
        return self._jobs.get(job_id) or self._answers.get(job_id)

    def advance(self, job_id: str, state: JobState) -> SimulatedJob:
        """Bring a job to a state and return it; at an end its slots are free again and a success is billed."""
        job = replace(self._jobs[job_id], state=state, updated_at=self._clock.now())
        self._jobs[job_id] = job
        if state.is_terminal:
            self._taken[job.order.endpoint.kind] -= job.order.slots
        if job.state is JobState.SUCCEEDED:
            self._bill(job)
            if job.order.endpoint.kind in (Kind.VOICE, Kind.ELEMENT):
                self._made[job.order.endpoint.kind, result_id(job, 0)] = job.id
        return job

    def _check_units(self, order: Order, settings: SimulatorSettings) -> None:
        if settings.pack_units and self.billed_units + order.units > settings.pack_units:
            raise RefusalError(1102)

    def _bill(self, job: SimulatedJob) -> None:
        self.billed_jobs += 1
        self.billed_units += job.units
        self.billed_cash += job.cash

    def by_id(self, job_id: str) -> SimulatedJob | None:
        """Return the job of an id of ours."""
        return self._jobs.get(job_id)

    def by_external_id(self, external_id: str) -> SimulatedJob | None:
        """Return the job of an id that the creator gave."""
        return self._jobs.get(self._ids.get(external_id, ""))

    @property
    def unfinished(self) -> int:
        """How many jobs have not reached an end."""
        return sum(not job.state.is_terminal for job in self)


class Accounts:
    """All accounts; what concerns Kling as a whole is asked here. No two jobs have an id or a number in common."""

    def __init__(self, clock: Clock) -> None:
        """Start without an account."""
        self._clock = clock
        self._numbers = itertools.count(1)
        self._accounts: dict[str, Account] = {}

    def of(self, name: str) -> Account:
        """Return the account of a name, which is opened at the first time."""
        if name not in self._accounts:
            self._accounts[name] = Account(name, self._clock, self._numbers)
        return self._accounts[name]

    def each(self) -> Iterator[Account]:
        """Yield the accounts that were used, in the order in which they were first."""
        return iter(self._accounts.values())

    def jobs(self) -> Iterator[SimulatedJob]:
        """Yield the jobs of all accounts in the order of their creates."""
        return heapq.merge(*self.each(), key=lambda job: job.number)

    def with_files(self, job_id: str) -> SimulatedJob | None:
        """Return the job of an id of ours whose files may be fetched, whosever it is."""
        return next((job for account in self.each() if (job := account.with_files(job_id)) is not None), None)


def _id_of(seed: int, number: int, lead: int = 8) -> str:
    """Return 18 digits: one `8` or `9` as Kling's ids bear today, seven of the seed, ten that count."""
    digest = int.from_bytes(hashlib.sha256(b"%d" % seed).digest()[:8], "big")
    return f"{lead}{digest % 10**7:07d}{number * IDS_PER_JOB:010d}"
