"""Where callbacks prove unreliable jobs are polled earlier, and later again once callbacks come."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
import structlog
from fakes.stored_news import callback, news, opened, record_all, report

from kling_daemon.app.punctuality import PunctualityWatch
from kling_daemon.ids import new_id
from kling_daemon.jobs import FailureReason, Generation, JobState
from kling_daemon.polling import PollPolicy
from kling_daemon.punctuality import PROMPT, JobKind
from kling_daemon.reports import Source
from kling_daemon.store import HintWeight, Intent, News
from kling_daemon.store.statements import Statements
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START, ManualClock

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
KIND = JobKind(endpoint=None, generation=Generation.NEW, model=None)


class Here:
    """A store whose polls go by a policy, and the watch that sets its patience."""

    def __init__(self, directory, store, clock, policy, hastened):
        self.directory = directory
        self.store = store
        self.clock = clock
        self.policy = policy
        self.watch = PunctualityWatch(store, clock, policy, hastened)
        self.made = 0

    async def ends(self, number, *, delay=SECOND, found_by=Source.CALLBACK):
        """Have jobs begin by a callback and end, the end becoming known so long after it."""
        names = [f"t{self.made + n}" for n in range(number)]
        self.made += number
        await record_all(self.store, [news(name, JobState.PROCESSING, updated_at=self.clock.now()) for name in names])
        ended_at = self.clock.now()
        self.clock.set(ended_at + delay)
        now = self.clock.now()
        polled = {"polled_at": now} if found_by is Source.POLL else {}
        await record_all(
            self.store,
            [
                News(report=one.report, adopt=True, callback=self.raw(name) if not polled else None, **polled)
                for name in names
                for one in [news(name, updated_at=ended_at, received_at=now, source=found_by)]
            ],
        )
        return names

    async def called_back(self, name):
        """Have the callback of an end arrive, which a poll has found before."""
        later = news(name, updated_at=START, received_at=self.clock.now())
        await self.store.record(News(report=later.report, callback=self.raw(name)))

    def raw(self, name):
        return callback(name.encode(), received_at=self.clock.now())

    async def judged(self):
        self.clock.advance(2 * PROMPT)
        (punctuality,) = await self.store.read.punctuality(self.clock.now())
        return punctuality

    async def patience(self):
        """Return how long a job that has news now is left to its callbacks."""
        self.clock.advance(2 * PROMPT)
        await self.watch.look()
        return self.policy.patience(KIND)


@pytest.fixture
async def here(tmp_path):
    clock, hastened = ManualClock(), {}
    policy = PollPolicy(hastened=hastened)
    async with opened(tmp_path, clock=clock, policy=policy) as store:
        yield Here(tmp_path, store, clock, policy, hastened)


async def test_callbacks_that_come_are_left_alone(here):
    await here.ends(30)
    judged = await here.judged()
    assert (judged.kind, judged.jobs, judged.missed, judged.late) == (KIND, 30, 0, 0)
    assert (judged.usual_delay, judged.longest_delay) == (SECOND, SECOND)
    assert await here.patience() == here.policy.fallback_after


async def test_jobs_whose_callbacks_do_not_come_are_polled_earlier_and_the_log_says_why(here):
    await here.ends(24)
    await here.ends(6, delay=timedelta(minutes=5), found_by=Source.POLL)
    with structlog.testing.capture_logs() as logs:
        assert await here.patience() == here.policy.fallback_after / 4
        assert await here.patience() == here.policy.fallback_after / 4
    (line,) = logs
    assert (line["log_level"], line["jobs"], line["missed"], line["late"]) == ("warning", 30, 6, 0)
    assert line["polled_after_seconds"] == 75
    began = here.clock.now()
    await here.store.record(news("next", JobState.PROCESSING))
    assert timedelta(seconds=75) <= await here.store.due.next_poll_due() - began <= timedelta(seconds=83)


async def test_they_are_left_to_callbacks_again_once_these_come(here):
    await here.ends(10)
    await here.ends(10, found_by=Source.POLL)
    assert await here.patience() < here.policy.fallback_after
    await here.ends(200)
    with structlog.testing.capture_logs() as logs:
        assert await here.patience() == here.policy.fallback_after
    assert [(line["log_level"], line["event"]) for line in logs] == [
        ("info", "callbacks are more reliable again: polling starts later")
    ]


async def test_a_callback_that_comes_after_the_poll_is_late_and_not_missed(here):
    names = await here.ends(2, delay=HOUR, found_by=Source.POLL)
    await here.called_back(names[0])
    judged = await here.judged()
    assert (judged.jobs, judged.missed, judged.late) == (2, 1, 1)
    assert judged.longest_delay == HOUR


async def test_a_hint_is_a_callback_that_came(here):
    (name,) = await here.ends(1, found_by=Source.POLL)
    await here.store.record(News(hint=HintWeight.JOB, hinted_task_id=name, callback=here.raw(name)))
    assert (await here.judged()).missed == 0


async def test_an_end_that_kling_calls_back_about_to_nobody_says_nothing_of_callbacks(here):
    job = make_job(id=new_id(START), state=JobState.QUEUED, endpoint=None, model=None)
    await here.store.make_job(Intent(job=job, path="/x", digest="0" * 64, callback_expected=True))
    refused = {"external_id": job.external_id, "reason": FailureReason.REJECTED, "source": Source.SUBMISSION}
    await here.store.record(News(report=report(None, JobState.FAILED, **refused), job_id=job.id))
    await here.store.record(news("lost", JobState.PROCESSING))
    lost = report("lost", JobState.FAILED, reason=FailureReason.LOST, source=Source.POLL)
    await here.store.record(News(report=lost))
    assert (await here.store.read.job(job.id)).state == "failed"
    assert (await here.store.read.job("lost")).state == "failed"
    here.clock.advance(HOUR)
    assert await here.store.read.punctuality(here.clock.now()) == []


async def test_a_callback_that_may_yet_come_is_not_missed(here):
    await here.ends(1, found_by=Source.POLL)
    assert await here.store.read.punctuality(here.clock.now()) == []


async def test_a_clock_behind_klings_makes_no_callback_missed(here):
    await here.ends(1, delay=-10 * SECOND)
    judged = await here.judged()
    assert (judged.missed, judged.usual_delay) == (0, timedelta(0))


async def test_what_is_forgotten_is_waited_for_as_configured(here):
    await here.ends(20, found_by=Source.POLL)
    assert await here.patience() < here.policy.fallback_after
    with closing(sqlite3.connect(here.directory / "kling.db")) as db, db:
        db.execute("DELETE FROM reports")
    assert await here.patience() == here.policy.fallback_after


async def test_only_the_latest_reports_are_read(here):
    await here.ends(1)
    with closing(sqlite3.connect(here.directory / "kling.db")) as db:
        given = {"window": 10, "before": 0}
        sql = Statements("reader")
        plan = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql['punctuality']}", given)]
        plan += [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql['missed_callbacks']}")]
    assert [step for step in plan if step.startswith("SCAN") and "INDEX jobs_missed" not in step] == []
