from fakes.local_api import daemon_and_api

from kling_daemon.clock import SystemClock
from kling_daemon.events import NoticeKind, notice
from kling_daemon.jobs import JobState
from kling_daemon.store import HintWeight, News


async def test_the_numbers_are_those_of_the_store(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await api.make_job()
        await api.report(await api.make_job(), JobState.SUCCEEDED, callback_missed=True)
        await api.store.record(News(hint=HintWeight.NONE, hinted_task_id="889"))
        await api.store.raise_notice(
            notice(NoticeKind.KLING_BALANCE, "default", "the pack is empty", SystemClock().now())
        )
        stats = await daemon.stats()
    assert stats.jobs == {"queued": 1, "succeeded": 1}
    assert stats.events == {"job.status_changed": 3, "job.completed": 1}
    assert stats.deliveries == {"archive": {"pending": 1}, "forgotten": {"parked": 1}}
    assert stats.hints == 1
    assert stats.kling_requests == {"tasks": 3}
    assert [(missed.endpoint, missed.model, missed.jobs) for missed in stats.missed_callbacks] == [
        ("/text-to-video/kling-3.0", "kling-3.0", 1)
    ]
    assert [(shown.kind, shown.message) for shown in stats.notices] == [("kling.balance", "the pack is empty")]


async def test_an_empty_daemon_has_numbers_too(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        stats = await daemon.stats()
    assert (stats.jobs, stats.events, stats.deliveries, stats.callbacks) == ({}, {}, {}, {})
