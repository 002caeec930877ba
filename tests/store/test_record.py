import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from fakes.stored_news import ALL_EVENTS, all_of, callback, news, opened, record_all, report
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies.kling_news import arrivals, histories

from kling_daemon.events import EventType
from kling_daemon.ids import adopted_job_id
from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.polling import PollPolicy
from kling_daemon.reports import Source, adopt, fold
from kling_daemon.store import DATABASE, Effect, HintWeight, News, Registration
from kling_daemon.testing.clock import START

TERMINAL = (EventType.COMPLETED, EventType.FAILED)
REGISTRATION = Registration(name="archive", events=ALL_EVENTS)


async def test_one_report_commits_callback_job_events_and_deliveries_as_one(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([REGISTRATION, Registration(name="notify", events=frozenset({"job.failed"}))])
        recorded = await store.record(replace(news(), callback=callback()))
        assert recorded.effect is Effect.ADVANCED
        assert [event.type for event in recorded.events] == [EventType.STATUS_CHANGED, EventType.COMPLETED]
    async with opened(tmp_path) as store:
        job = await store.read.job("t1")
        assert job == recorded.job
        assert job.id == adopted_job_id("default", "t1")
        assert [event for _, event in await all_of(store.read.events)] == list(recorded.events)
        assert await store.read.delivery_counts() == {"archive": {"pending": 2}}
        assert await store.read.callback_counts() == {"believed": 1}


async def test_two_reports_of_one_group_cannot_both_end_a_job(tmp_path):
    async with opened(tmp_path) as store:
        ends = [news(state=JobState.SUCCEEDED), news(state=JobState.FAILED, reason=FailureReason.OTHER)]
        first, second = await record_all(store, ends)
        assert (first.effect, second.effect) == (Effect.ADVANCED, Effect.CONTRADICTED)
        assert second.job.contradicted
        assert second.job.state is JobState.SUCCEEDED
        types = [event.type for _, event in await all_of(store.read.events)]
        assert types == [EventType.STATUS_CHANGED, EventType.COMPLETED]


async def test_a_repeated_callback_is_counted_and_changes_nothing(tmp_path):
    async with opened(tmp_path) as store:
        told = replace(news(), callback=callback())
        effects = [recorded.effect for recorded in await record_all(store, [told] * 3)]
        effects.append((await store.record(told)).effect)
        assert effects == [Effect.ADVANCED, Effect.UNCHANGED, Effect.UNCHANGED, Effect.UNCHANGED]
        assert await store.read.callback_counts() == {"believed": 4}
        assert len(await all_of(store.read.events)) == 2
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        assert db.execute("SELECT count(*) FROM reports").fetchone() == (1,)


async def test_the_same_body_under_another_webhook_id_is_kept_as_its_own_row(tmp_path):
    async with opened(tmp_path) as store:
        await store.record(replace(news(), callback=callback(webhook_id="a")))
        await store.record(replace(news(), callback=callback(webhook_id="b")))
        assert [(row.webhook_id, row.count) for row in await all_of(store.read.callbacks)] == [("a", 1), ("b", 1)]


async def test_news_of_an_unknown_task_makes_no_job_unless_it_may(tmp_path):
    async with opened(tmp_path) as store:
        recorded = await store.record(replace(news(), adopt=False, callback=callback()))
        assert (recorded.effect, recorded.job) == (Effect.IGNORED, None)
        assert await all_of(store.read.jobs) == []
        assert await store.read.callback_counts() == {"believed": 1}


@settings(max_examples=25, deadline=None)
@given(data=st.data(), verdict=st.sampled_from((JobState.SUCCEEDED, JobState.FAILED)))
def test_any_grouping_and_any_restart_ends_in_what_the_pure_core_says(data, verdict):
    arrived = data.draw(arrivals(data.draw(histories(verdict))))
    cuts = data.draw(st.lists(st.integers(0, len(arrived)), max_size=3).map(sorted))
    groups = [arrived[start:end] for start, end in pairwise([0, *cuts, len(arrived)])]
    job = adopt(arrived[0], "default").job
    for later in arrived[1:]:
        job = fold(job, later).job
    with tempfile.TemporaryDirectory() as directory:
        stored, events, told = asyncio.run(record_with_restarts(Path(directory), groups))
    assert stored == job
    assert events == told
    assert [event.type in TERMINAL for event in events].count(True) == 1
    assert events[-1].type in TERMINAL
    states = [event.job.state for event in events if event.type is EventType.STATUS_CHANGED]
    assert all(earlier.rank < later.rank for earlier, later in pairwise(states))


async def record_with_restarts(directory, groups):
    """Record groups of reports, each in a run of its own; return the job, and its events as read and as told."""
    told = []
    for group in groups:
        async with opened(directory) as store:
            for recorded in await record_all(store, [News(report=report, adopt=True) for report in group]):
                told += recorded.events
    async with opened(directory) as store:
        return await store.read.job("t1"), [event for _, event in await all_of(store.read.events)], told


async def test_an_event_tells_of_the_job_as_it_was_then_whatever_became_of_it(tmp_path):
    async with opened(tmp_path) as store:
        told = list((await store.record(news(state=JobState.SUBMITTED))).events)
        prompt = News(hint=HintWeight.JOB, hinted_task_id="t1")
        later = [news(state=JobState.PROCESSING), prompt, news(state=JobState.SUCCEEDED), news(state=JobState.FAILED)]
        for recorded in await record_all(store, [prompt, *later]):
            told += recorded.events
        assert (await store.read.job("t1")).contradicted
        assert [event for _, event in await all_of(store.read.events)] == told
        assert [event.job.state for event in told] == ["submitted", "processing", "succeeded", "succeeded"]
        assert not any(event.job.contradicted for event in told)


async def test_a_callback_before_the_creates_answer_finds_the_job_by_its_external_id(tmp_path, intents):
    async with opened(tmp_path) as store:
        made = (await store.make_job(intents("our-own-id"))).job
        told = await store.record(news(external_id="our-own-id", state=JobState.PROCESSING))
        assert told.job.id == made.id
        answered = await store.record(
            News(report=report(state=JobState.SUBMITTED, source=Source.SUBMISSION), job_id=made.id)
        )
        assert answered.effect in (Effect.UNCHANGED, Effect.MERGED)
        assert answered.job.state is JobState.PROCESSING
        assert len(await all_of(store.read.jobs)) == 1


async def test_a_report_about_another_task_never_moves_a_job(tmp_path, intents):
    async with opened(tmp_path) as store:
        made = (await store.make_job(intents("e1"))).job
        await store.record(News(report=report("t1", JobState.SUBMITTED), job_id=made.id))
        strange = await store.record(News(report=report("t2"), job_id=made.id))
        assert strange.effect is Effect.IGNORED
        assert (await store.read.job(made.id)).state is JobState.SUBMITTED


async def test_a_report_with_another_external_id_is_not_about_a_job_that_waits_for_its_task(tmp_path, intents):
    async with opened(tmp_path) as store:
        made = (await store.make_job(intents("e1"))).job
        strange = await store.record(News(report=report("t9", external_id="e9"), job_id=made.id))
        assert strange.effect is Effect.IGNORED
        assert (await store.read.job(made.id)).task_id is None


async def test_a_task_that_belongs_to_another_job_is_not_given_to_a_second_one(tmp_path, intents):
    async with opened(tmp_path) as store:
        await store.record(news("t1", JobState.PROCESSING))
        made = (await store.make_job(intents("e1"))).job
        answered = await store.record(News(report=report("t1", JobState.SUBMITTED), job_id=made.id))
        assert answered.effect is Effect.IGNORED
        assert (await store.read.job(made.id)).task_id is None


async def to_poll(store, now):
    return await store.due.jobs_to_poll(await store.due.due_polls(now, 10), now)


async def test_what_was_chosen_is_not_asked_about_once_news_of_it_has_come(tmp_path):
    async with opened(tmp_path) as store:
        await record_all(store, [news(name, JobState.PROCESSING) for name in ("t1", "t2")])
        tomorrow = START + timedelta(days=1)
        chosen = await store.due.due_polls(tomorrow, 10)
        await store.record(news("t1"))
        assert [stored.job.task_id for stored in await store.due.jobs_to_poll(chosen, tomorrow)] == ["t2"]


async def test_a_hint_with_a_job_has_it_polled_at_once_and_what_is_found_was_not_missed(tmp_path):
    async with opened(tmp_path) as store:
        job = (await store.record(news(state=JobState.PROCESSING))).job
        assert await store.due.due_polls(START, 10) == []
        hinted = await store.record(News(hint=HintWeight.JOB, job_id=job.id))
        assert hinted.effect is Effect.HINTED
        (due,) = await to_poll(store, START)
        assert due.following.prompted


async def test_a_hint_about_a_job_that_has_ended_asks_for_nothing(tmp_path):
    async with opened(tmp_path) as store:
        job = (await store.record(news())).job
        assert (await store.record(News(hint=HintWeight.JOB, job_id=job.id))).effect is Effect.UNCHANGED
        plain = await store.record(News(hint=HintWeight.NONE, hinted_task_id="t1"))
        assert plain.effect is Effect.UNCHANGED
        assert await store.due.hints(10) == []


async def test_hints_without_weight_are_kept_once_and_bounded(tmp_path):
    async with opened(tmp_path, hint_limit=5) as store:
        told = [News(hint=HintWeight.NONE, hinted_task_id=f"t{number % 8}") for number in range(16)]
        recorded = await record_all(store, told)
        assert sum(one.evicted_hints for one in recorded) == 3
        assert [hint.task_id for hint in await store.due.hints(10)] == ["t0", "t1", "t5", "t6", "t7"]


async def test_jobs_whose_callbacks_should_come_are_polled_later_than_others(tmp_path, intents):
    policy = PollPolicy(fallback_after=timedelta(minutes=5), interval=timedelta(seconds=15))
    async with opened(tmp_path, policy=policy) as store:
        told = (await store.make_job(intents("told", callback_expected=True))).job
        silent = (await store.make_job(intents("silent", callback_expected=False))).job
        for number, job in enumerate((told, silent)):
            answer = report(f"t{number}", JobState.SUBMITTED, source=Source.SUBMISSION)
            await store.record(News(report=answer, job_id=job.id))
        due = await to_poll(store, START + timedelta(seconds=16))
        assert [stored.job.id for stored in due] == [silent.id]
        assert len(await store.due.due_polls(START + timedelta(minutes=6), 10)) == 2


@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED])
async def test_a_job_that_has_ended_is_never_polled_again(tmp_path, state):
    async with opened(tmp_path) as store:
        await store.record(news(state=JobState.PROCESSING))
        await store.record(news(state=state))
        assert await store.due.next_poll_due() is None


async def test_news_for_a_job_that_must_still_stand_as_it_was_is_dropped_when_anything_came_meanwhile(tmp_path):
    lost = report("t1", JobState.FAILED, reason=FailureReason.LOST, source=Source.POLL)
    async with opened(tmp_path) as store:
        await store.record(news("t1", JobState.PROCESSING))
        (before,) = await to_poll(store, START + timedelta(days=1))
        await store.record(news("t1", JobState.PROCESSING))
        stale = News(report=lost, only_if=before.following)
        assert (await store.record(stale)).effect is Effect.IGNORED
        (now,) = await to_poll(store, START + timedelta(days=1))
        recorded = await store.record(News(report=lost, only_if=now.following))
        assert (recorded.effect, recorded.job.reason) == (Effect.ADVANCED, FailureReason.LOST)
        nobody = News(report=report("t2"), only_if=now.following, adopt=True)
        assert (await store.record(nobody)).effect is Effect.IGNORED
