"""When a job changes: which callbacks are due, in which order, and which of them never leave."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from kling_daemon.jobs import JobState
from kling_daemon.simulator.fates import Fate, fate_of
from kling_daemon.simulator.forgeries import Forgery
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.simulator.statistics import Statistics
from kling_daemon.simulator.timeline import Timeline
from kling_daemon.simulator.wire import called_back

_SECOND_COPY_AFTER = timedelta(milliseconds=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """One POST that is to be made."""

    job: SimulatedJob
    """As it was when it changed."""
    url: str
    body: bytes
    """Empty for a forged one: its body is made when it is sent."""
    webhook_id: str
    forgery: Forgery | None = None
    attempt: int = 1


class Outlet(Protocol):
    """What takes a callback that is to be sent now; callbacks of one job leave in the order they are given."""

    def send(self, callback: Callback) -> None:
        """Take it without waiting."""
        ...


class Announcer:
    """Plans the callbacks of each change of state: lost, doubled, held back, delayed or preceded by a forged one."""

    def __init__(self, timeline: Timeline, outlet: Outlet, statistics: Statistics) -> None:
        """Plan on a timeline, send through an outlet, count in the statistics."""
        self._timeline = timeline
        self._outlet = outlet
        self._statistics = statistics
        self._latest: dict[str, float] = {}
        self._held: dict[str, list[Callback]] = {}

    def announce(self, job: SimulatedJob, settings: SimulatorSettings) -> None:
        """Plan what is to be sent about a job that has just changed; nothing if it has no callback URL."""
        url = job.order.callback_url
        if url is None or (job.state is JobState.SUBMITTED and not settings.submitted_callbacks):
            return
        self._statistics.callbacks["due"] += 1
        fate = fate_of(settings, job)
        moment = max(self._timeline.now() + fate.delay.total_seconds(), self._latest.get(job.id, 0.0))
        self._latest[job.id] = moment
        if fate.late_by:
            # Not among the latest: what comes after it shall overtake it.
            moment += fate.late_by.total_seconds()
            self._statistics.callbacks["late"] += 1
        if fate.forgery is not None:
            self._plan(moment, Callback(job=job, url=url, body=b"", webhook_id="", forgery=fate.forgery))
        callback = Callback(job=job, url=url, body=json.dumps(called_back(job)).encode(), webhook_id=fate.webhook_id)
        self._plan_true(moment, callback, fate)
        if job.state.is_terminal:
            # Nothing follows by which a held one could be overtaken: it goes now.
            self._release(job.id, moment, overtaken=not fate.lost)
            self._latest.pop(job.id, None)

    def _plan_true(self, moment: float, callback: Callback, fate: Fate) -> None:
        counts = self._statistics.callbacks
        if fate.lost:
            counts["lost"] += 1
            return
        if fate.reordered:
            self._held.setdefault(callback.job.id, []).append(callback)
            return
        self._plan(moment, callback)
        if fate.duplicated:
            counts["duplicated"] += 1
            copy = Callback(job=callback.job, url=callback.url, body=callback.body, webhook_id=fate.duplicate_id)
            self._plan(moment + _SECOND_COPY_AFTER.total_seconds(), copy)
        self._release(callback.job.id, moment, overtaken=True)

    def _release(self, job_id: str, moment: float, *, overtaken: bool) -> None:
        for callback in self._held.pop(job_id, ()):
            self._statistics.callbacks["reordered"] += overtaken
            self._plan(moment, callback)

    def _plan(self, moment: float, callback: Callback) -> None:
        self._timeline.at(moment, lambda: self._outlet.send(callback))
