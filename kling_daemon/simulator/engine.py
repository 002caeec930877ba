"""The simulated Kling without its HTTP: takes orders in, and lets each pass through its states in time."""

import asyncio
from collections.abc import Sequence

from kling_daemon.clock import Clock
from kling_daemon.jobs import JobState
from kling_daemon.simulator.accounts import Account, Accounts
from kling_daemon.simulator.callbacks import Announcer
from kling_daemon.simulator.courier import Courier
from kling_daemon.simulator.pending import Pending
from kling_daemon.simulator.scenarios.conductor import Conductor
from kling_daemon.simulator.scenarios.phases import Phase
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.shifted_clock import ShiftedClock
from kling_daemon.simulator.simulated_jobs import Order, SimulatedJob
from kling_daemon.simulator.statistics import Statistics
from kling_daemon.simulator.timeline import Timeline


class Engine:
    """Accounts, timeline and callbacks of one simulated Kling, without its HTTP."""

    def __init__(self, settings: SimulatorSettings, clock: Clock, phases: Sequence[Phase] = ()) -> None:
        """Start without a job; phases count from now. ValueError if one contradicts the settings."""
        self.clock = ShiftedClock(clock)
        """Kling's own clock, by which everything goes that Kling tells or judges."""
        self.statistics = Statistics()
        self.accounts = Accounts(self.clock)
        self.pending = Pending()
        self.timeline = Timeline(clock, self.pending)
        self.courier = Courier(
            settings, clock=self.clock, timeline=self.timeline, pending=self.pending, statistics=self.statistics
        )
        self._announcer = Announcer(self.timeline, self.courier, self.statistics)
        self.changed = asyncio.Event()
        """Set with every change of the settings; who waits for it clears it."""
        self._settings = settings
        self.conductor = Conductor(settings, phases, self.timeline, self._take)

    @property
    def settings(self) -> SimulatorSettings:
        """The settings that hold now; new ones hold for what is decided from then on."""
        return self._settings

    def _take(self, settings: SimulatorSettings) -> None:
        self._settings = self.courier.settings = settings
        self.clock.offset = settings.clock_offset
        self.changed.set()

    def create(self, order: Order, account: Account) -> SimulatedJob:
        """Take an account's order in and plan its life. RefusalError when it cannot be taken: then nothing exists."""
        job = account.create(order, self._settings)
        end = JobState.FAILED if job.plan.failure else JobState.SUCCEEDED
        begins = self.timeline.now() + job.plan.submitted.total_seconds()
        self.timeline.at(begins, lambda: self._advance(account, job.id, JobState.PROCESSING))
        self.timeline.at(begins + job.plan.processing.total_seconds(), lambda: self._advance(account, job.id, end))
        self._enter(job)
        return job

    def _advance(self, account: Account, job_id: str, state: JobState) -> None:
        self._enter(account.advance(job_id, state))

    def _enter(self, job: SimulatedJob) -> None:
        self.statistics.states[job.state] += 1
        self._announcer.announce(job, self._settings)
