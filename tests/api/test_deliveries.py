from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.local_api import ARCHIVE, daemon_and_api

from kling_daemon.client import DaemonError
from kling_daemon.clock import SystemClock
from kling_daemon.deliveries import Acknowledged, DeliveryState, Rejected, RetryPolicy, settle
from kling_daemon.events import NoticeKind, notice
from kling_daemon.jobs import JobState


async def finish(api, outcome):
    """Have a job succeed, and the handler `archive` end its delivery in this way."""
    job = await api.make_job()
    await api.report(job, JobState.SUCCEEDED)
    (delivery,) = await api.store.claim("archive", limit=1, lease=timedelta(minutes=1))
    now = SystemClock().now()
    settlement = settle(outcome, attempt=1, created_at=now, policy=RetryPolicy(), now=now, jitter=0)
    assert await api.store.settle(delivery, settlement, outcome="rejected", started_at=now)
    return job, delivery


async def test_a_dead_delivery_is_shown_with_its_reason_and_retried_at_once(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job, delivery = await finish(api, Rejected(reason="no such bucket"))
        (dead,) = (await daemon.deliveries(state="dead")).items
        assert (dead.id, dead.handler, dead.job_id) == (delivery.id, "archive", job.id)
        assert (dead.type, dead.error) == ("job.completed", "no such bucket")
        retried = await daemon.retry_delivery(dead.id)
        assert (retried.state, retried.attempt) == (DeliveryState.PENDING, 0)
        assert api.woken == ["archive"]


async def test_a_delivery_that_is_done_is_not_given_again(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        _, delivery = await finish(api, Acknowledged(result={"path": "/videos/1.mp4"}))
        with pytest.raises(DaemonError, match="is done") as refused:
            await daemon.retry_delivery(delivery.id)
        assert refused.value.status == 409
        assert api.woken == []
        (done,) = (await daemon.deliveries(state="done")).items
        assert done.result == {"path": "/videos/1.mp4"}


async def test_deliveries_are_filtered_by_handler_and_by_any_id_of_a_job(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        first, second = await api.make_job(), await api.make_job()
        for job in (first, second):
            await api.report(job, JobState.SUCCEEDED)
        assert len((await daemon.deliveries()).items) == 4
        assert {row.handler for row in (await daemon.deliveries(handler="archive")).items} == {"archive"}
        assert {row.job_id for row in (await daemon.deliveries(job=f"t-{first.id}")).items} == {first.id}
        assert (await daemon.deliveries(handler="nobody")).items == []


async def test_a_list_of_deliveries_comes_in_parts(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        for _ in range(3):
            await api.report(await api.make_job(), JobState.SUCCEEDED)
        first = await daemon.deliveries(limit=4)
        rest = await daemon.deliveries(limit=4, cursor=first.next)
        assert [row.id for row in (*first.items, *rest.items)] == [6, 5, 4, 3, 2, 1]
        assert rest.next is None


async def test_a_dead_delivery_is_dropped_its_notice_cleared_and_who_waits_for_it_woken(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        api.statuses.append(replace(ARCHIVE, name="notify", depends_on=("archive",)))
        _, delivery = await finish(api, Rejected(reason="no such bucket"))
        raised = notice(NoticeKind.DELIVERY_DEAD, str(delivery.id), "it is dead", SystemClock().now())
        assert await api.store.raise_notice(raised)
        dropped = await daemon.drop_delivery(delivery.id)
        assert (dropped.state, dropped.error) == (DeliveryState.DROPPED, "no such bucket")
        assert dropped.finished_at is not None
        assert await api.store.read.open_notices() == []
        assert api.woken == ["archive", "notify"]
        again = await daemon.retry_delivery(delivery.id)
        assert again.state is DeliveryState.PENDING


async def test_a_waiting_delivery_is_dropped_and_never_claimed(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        (waiting,) = (await daemon.deliveries(handler="archive")).items
        await daemon.drop_delivery(waiting.id)
        assert await api.store.claim("archive", limit=1, lease=timedelta(minutes=1)) == []


async def test_what_runs_or_is_closed_is_not_dropped(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        _, done = await finish(api, Acknowledged())
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        (running,) = await api.store.claim("archive", limit=1, lease=timedelta(minutes=1))
        for delivery, state in ((done, "done"), (running, "running")):
            with pytest.raises(DaemonError, match=f"is {state}") as refused:
                await daemon.drop_delivery(delivery.id)
            assert refused.value.status == 409
        with pytest.raises(DaemonError, match="no delivery has this id"):
            await daemon.drop_delivery(999)


async def test_a_delivery_is_shown_with_its_attempts(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job, delivery = await finish(api, Rejected(reason="no such bucket"))
        shown = await daemon.delivery(delivery.id)
        assert (shown.job_id, shown.state) == (job.id, DeliveryState.DEAD)
        (attempt,) = shown.attempts
        assert (attempt.attempt, attempt.outcome, attempt.error) == (1, "rejected", "no such bucket")
        with pytest.raises(DaemonError, match="no delivery has this id") as refused:
            await daemon.delivery(999)
        assert refused.value.status == 404
