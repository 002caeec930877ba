from datetime import timedelta

from fakes.stored_news import all_of, opened, report

from kling_daemon.events import EventType
from kling_daemon.jobs import JobState
from kling_daemon.reports import Source
from kling_daemon.store import Effect, News, Postponement, SubmissionState
from kling_daemon.testing.clock import START, ManualClock


async def test_an_intent_is_a_queued_job_with_its_first_event(tmp_path, intents):
    async with opened(tmp_path) as store:
        recorded = await store.make_job(intents("e1"))
        assert recorded.job.state is JobState.QUEUED
        assert [event.type for event in recorded.events] == [EventType.STATUS_CHANGED]
        assert recorded.events[0].previous_state is None
        assert await store.read.job("e1") == recorded.job


async def test_an_intent_with_a_known_id_makes_nothing(tmp_path, intents):
    async with opened(tmp_path) as store:
        intent = intents("e1")
        first, second = await store.make_job(intent), await store.make_job(intent)
        assert (second.effect, second.job, second.events) == (Effect.UNCHANGED, first.job, ())
        assert len(await all_of(store.read.jobs)) == 1


async def test_what_was_on_the_wire_when_the_daemon_died_is_ambiguous_afterwards(tmp_path, intents):
    async with opened(tmp_path) as store:
        await store.make_job(intents("e1"))
        (sent,) = await store.claim_submissions(10)
        assert (sent.was, sent.tries) == (SubmissionState.QUEUED, 1)
        assert await store.claim_submissions(10) == []
    async with opened(tmp_path) as store:
        (again,) = await store.claim_submissions(10)
        assert (again.was, again.tries) == (SubmissionState.AMBIGUOUS, 2)


async def test_a_postponed_create_comes_back_when_it_is_due(tmp_path, intents):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        job = (await store.make_job(intents("e1"))).job
        await store.claim_submissions(10)
        later = START + timedelta(seconds=5)
        postponed = Postponement(job_id=job.id, state=SubmissionState.QUEUED, due_at=later, error="no slot")
        assert await store.postpone_submission(postponed)
        assert not await store.postpone_submission(postponed), "it is not on the wire any more"
        assert await store.claim_submissions(10) == []
        assert await store.due.next_submission_due() == later
        clock.advance(timedelta(seconds=5))
        assert [submission.was for submission in await store.claim_submissions(10)] == [SubmissionState.QUEUED]


async def test_a_report_about_its_job_settles_a_create_and_frees_its_body(tmp_path, intents):
    async with opened(tmp_path) as store:
        job = (await store.make_job(intents("e1"))).job
        assert await store.due.digests_in_use() == {"0" * 64}
        await store.claim_submissions(10)
        answer = report("t1", JobState.SUBMITTED, source=Source.SUBMISSION)
        assert (await store.record(News(report=answer, job_id=job.id))).effect is Effect.ADVANCED
        assert await store.due.digests_in_use() == frozenset()
        assert await store.due.next_submission_due() is None
