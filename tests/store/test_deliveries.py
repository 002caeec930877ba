from dataclasses import replace
from datetime import timedelta

from fakes.stored_news import ALL_EVENTS, news, opened, record_all

from kling_daemon.deliveries import Acknowledged, DeliveryState, Failed, RetryPolicy, settle
from kling_daemon.events import EventType, NoticeKind, notice
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration
from kling_daemon.testing.clock import START, ManualClock

LEASE = timedelta(minutes=5)


async def claim(store, handler="archive", limit=10):
    return await store.claim(handler, limit=limit, lease=LEASE)


async def end(store, delivery, outcome, now=START):
    settlement = settle(
        outcome, attempt=delivery.attempt, created_at=delivery.created_at, policy=RetryPolicy(), now=now, jitter=0
    )
    return await store.settle(delivery, settlement, outcome="test", started_at=now)


async def test_a_claim_counts_the_attempt_before_it_is_made(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news())
        (delivery,) = await claim(store)
        assert delivery.attempt == 1
        assert await claim(store) == []
        (row,) = await store.read.deliveries(limit=10)
        assert (row.state, row.attempt) == (DeliveryState.RUNNING, 1)


async def test_events_of_one_job_are_claimed_one_after_the_other(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        await store.record(news())
        (first,) = await claim(store)
        assert first.item.type is EventType.STATUS_CHANGED
        assert await claim(store) == []
        assert await end(store, first, Acknowledged())
        (second,) = await claim(store)
        assert second.item.type is EventType.COMPLETED


async def test_a_failing_event_holds_back_its_own_job_only(tmp_path):
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        await record_all(store, [news("t1"), news("t2")])
        one, other = await claim(store)
        await end(store, one, Failed(error="not today"))
        await end(store, other, Acknowledged())
        (next_one,) = await claim(store)
        assert next_one.item.job.task_id == other.item.job.task_id
        clock.advance(timedelta(minutes=1))
        (again,) = await claim(store)
        assert (again.item, again.attempt) == (one.item, 2)


async def test_a_dead_letter_frees_the_events_behind_it(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        await store.record(news())
        (first,) = await claim(store)
        dead = settle(
            Failed(error="no"),
            attempt=1,
            created_at=START,
            policy=RetryPolicy(max_attempts=1),
            now=START,
            jitter=0,
        )
        assert dead.state is DeliveryState.DEAD
        await store.settle(first, dead, outcome="failed", started_at=START)
        (second,) = await claim(store)
        assert second.item.type is EventType.COMPLETED


async def test_a_handler_waits_for_those_it_depends_on_and_is_given_their_results(tmp_path):
    async with opened(tmp_path) as store:
        completed = frozenset({"job.completed"})
        await store.register_handlers(
            [
                Registration(name="archive", events=completed),
                Registration(name="notify", events=completed, depends_on=("archive",)),
            ]
        )
        await store.record(news())
        assert await claim(store, "notify") == []
        (archived,) = await claim(store, "archive")
        await end(store, archived, Acknowledged(result={"path": "/videos/1.mp4"}))
        (notified,) = await claim(store, "notify")
        assert notified.results == {"archive": {"path": "/videos/1.mp4"}}


async def test_the_result_of_a_dead_dependency_is_none(tmp_path):
    async with opened(tmp_path) as store:
        completed = frozenset({"job.completed"})
        await store.register_handlers(
            [
                Registration(name="archive", events=completed),
                Registration(name="notify", events=completed, depends_on=("archive",)),
            ]
        )
        await store.record(news())
        (archived,) = await claim(store, "archive")
        dead = settle(
            Failed(error="no"), attempt=1, created_at=START, policy=RetryPolicy(max_attempts=1), now=START, jitter=0
        )
        await store.settle(archived, dead, outcome="failed", started_at=START)
        (notified,) = await claim(store, "notify")
        assert notified.results == {"archive": None}


async def test_a_restart_voids_leases_at_once_and_the_attempt_stays_counted(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news())
        (lost,) = await claim(store)
    async with opened(tmp_path) as store:
        (again,) = await claim(store)
        assert (again.id, again.attempt) == (lost.id, 2)
        assert not await end(store, lost, Acknowledged()), "the lease of an earlier run settles nothing"
        assert not await end(store, replace(again, attempt=1), Acknowledged()), "nor does an earlier attempt"
        assert await end(store, again, Acknowledged())
        assert not await end(store, again, Acknowledged()), "and nothing is settled twice"


async def test_deliveries_that_are_lost_together_twice_back_off_and_part_ways(tmp_path):
    """One of them may be what ends the process: tried together each time, all of them would end dead with it."""
    events = frozenset({"job.completed"})
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=events)])
        await record_all(store, [news(f"t{number}") for number in range(10)])
        assert len(await claim(store)) == 10
    async with opened(tmp_path) as store:
        assert len(await claim(store)) == 10, "the first loss is hardly their fault"
    async with opened(tmp_path) as store:
        assert await claim(store) == []
        due = {row.due_at - START for row in await store.read.deliveries(limit=10)}
    assert len(due) > 5
    backoff = RetryPolicy().backoff
    assert backoff.pause(1, 0) <= min(due) < max(due) <= backoff.pause(1, 1)


async def test_a_handler_that_is_not_loaded_keeps_collecting(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
    async with opened(tmp_path) as store:
        await store.record(news())
    async with opened(tmp_path) as store:
        assert len(await claim(store)) == 1


async def test_a_handler_is_not_given_what_happened_before_it_was_known(tmp_path):
    async with opened(tmp_path) as store:
        await store.record(news("t1"))
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news("t2"))
        assert [delivery.item.job.task_id for delivery in await claim(store)] == ["t2"]


async def test_an_event_that_was_read_back_is_the_one_that_was_published(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        recorded = await store.record(news())
    async with opened(tmp_path) as store:
        (delivery,) = await claim(store)
        assert delivery.item == recorded.events[-1]
        assert delivery.idempotency_key == f"{recorded.events[-1].id}:archive"


async def test_the_next_due_time_passes_over_what_is_due_and_blocked(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS)])
        await store.record(news())
        assert await store.next_delivery_due("archive") is None
        (first,) = await claim(store)
        await end(store, first, Failed(error="not today"))
        assert await store.next_delivery_due("archive") == START + RetryPolicy().backoff.pause(1, 0)


async def test_a_dead_delivery_can_be_retried_with_all_its_attempts_and_a_done_one_cannot(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news())
        (delivery,) = await claim(store)
        dead = settle(
            Failed(error="no"), attempt=1, created_at=START, policy=RetryPolicy(max_attempts=1), now=START, jitter=0
        )
        await store.settle(delivery, dead, outcome="failed", started_at=START)
        assert await store.retry_delivery(delivery.id) == "archive"
        (again,) = await claim(store)
        assert again.attempt == 1
        await end(store, again, Acknowledged())
        assert await store.retry_delivery(delivery.id) is None
        assert await store.retry_delivery(999) is None


async def test_a_death_and_its_notice_are_one_and_a_retry_clears_the_notice(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news())
        (delivery,) = await claim(store)
        dead = settle(
            Failed(error="no"), attempt=1, created_at=START, policy=RetryPolicy(max_attempts=1), now=START, jitter=0
        )
        death = notice(NoticeKind.DELIVERY_DEAD, str(delivery.id), "It did not get it.", START)
        assert await store.settle(delivery, dead, outcome="failed", started_at=START, notice=death)
        assert await store.read.open_notices() == [death]
        lost = notice(NoticeKind.DELIVERY_DEAD, "77", "Of a lease that is not ours.", START)
        assert not await store.settle(delivery, dead, outcome="failed", started_at=START, notice=lost)
        assert await store.read.open_notices() == [death]
        await store.retry_delivery(delivery.id)
        assert await store.read.open_notices() == []


async def test_steps_outlive_a_restart(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.completed"}))])
        await store.record(news())
        (delivery,) = await claim(store)
        await store.save_step(delivery.id, "upload", {"part": 1})
        await store.save_step(delivery.id, "upload", {"part": 2})
    async with opened(tmp_path) as store:
        assert await store.load_step(delivery.id, "upload") == {"part": 2}
        assert await store.load_step(delivery.id, "other") is None


async def test_notices_are_delivered_and_raised_once_until_they_are_cleared(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="pager", events=frozenset({"notice"}))])
        raised = notice(NoticeKind.KLING_SILENT, "default", "Kling is silent.", START)
        assert await store.raise_notice(raised)
        assert not await store.raise_notice(notice(NoticeKind.KLING_SILENT, "default", "Still silent.", START))
        (delivery,) = await claim(store, "pager")
        assert delivery.item == raised
        assert await store.read.open_notices() == [raised]
        assert await store.clear_notice(NoticeKind.KLING_SILENT, "default")
        assert not await store.clear_notice(NoticeKind.KLING_SILENT, "default")
        assert await store.raise_notice(notice(NoticeKind.KLING_SILENT, "default", "Again.", START))


async def test_each_state_is_an_event_of_its_own(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=frozenset({"job.status_changed"}))])
        for state in (JobState.SUBMITTED, JobState.PROCESSING, JobState.SUCCEEDED):
            await store.record(news(state=state))
        seen = []
        while claimed := await claim(store):
            (delivery,) = claimed
            seen.append((delivery.item.previous_state, delivery.item.job.state))
            await end(store, delivery, Acknowledged())
        assert seen == [(None, "submitted"), ("submitted", "processing"), ("processing", "succeeded")]
