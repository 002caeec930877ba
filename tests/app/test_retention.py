"""The loop goes through all kinds of old rows, tells once what a round removed, and goes on after trouble."""

from datetime import timedelta

import structlog
from fakes.stored_news import news, opened, record_all

from kling_daemon.app.retention import BETWEEN_BATCHES, BETWEEN_ROUNDS, Retention
from kling_daemon.app.watching import Watching
from kling_daemon.testing.clock import ManualClock


async def a_round(retention):
    batches = 1
    while (pause := await retention.step()) == BETWEEN_BATCHES:
        batches += 1
    assert pause == BETWEEN_ROUNDS
    return batches


async def test_a_round_removes_what_is_old_batch_by_batch_and_tells_once(tmp_path):
    clock, counted = ManualClock(), []
    async with opened(tmp_path, clock=clock) as store:
        retention = Retention(store, keep=timedelta(days=90), count=lambda kind, count: counted.append((kind, count)))
        await record_all(store, [news(f"t{number}") for number in range(50)])
        await a_round(retention)
        assert counted == []
        clock.advance(timedelta(days=91))
        await store.record(news("young", updated_at=clock.now()))
        with structlog.testing.capture_logs() as logs:
            assert await a_round(retention) > 5
            await a_round(retention)
        assert counted == [("jobs", 50)]
        assert [line for line in logs if line["event"] == "old rows removed"] == [
            {"event": "old rows removed", "log_level": "info", "jobs": 50}
        ]
        assert len(await store.read.jobs(limit=5)) == 1


async def test_it_stops_when_it_is_told_to(tmp_path):
    async with opened(tmp_path) as store:
        retention = Retention(store, keep=timedelta(days=90), count=lambda _kind, _count: None)
        watching = Watching(retention.step, every=BETWEEN_ROUNDS)
        watching.stop()
        await watching.run()
