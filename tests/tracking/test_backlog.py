"""Callbacks that the store does not keep up with are turned away at once, and memory stays bounded."""

import asyncio

from fakes.running_daemon import PATH, SECRET, signature
from fakes.troubled_database import full_disk, slow_commits
from structlog.testing import capture_logs

from kling_daemon.bus import Bus
from kling_daemon.store import Store
from kling_daemon.telemetry import Metrics
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import Callback, Capabilities, Inbox, Tracker, Trust
from kling_daemon.tracking.backlog import EACH, MOST, Backlog

KEY = b"k" * 32
MIB = 1024**2


def callback_of(clock, number, *, padding=0, path=PATH):
    body = b'{"id": "t%d", "status": "succeed", "pad": "%b"}' % (number, b"x" * padding)
    signed = signature(body, clock, webhook_id=f"m{number}")
    return Callback(headers=[(name.encode(), value.encode()) for name, value in signed.items()], body=body, path=path)


def inbox_over(store, clock):
    trust = Trust(path=PATH, secrets=[SECRET], capabilities=Capabilities(KEY))
    metrics = Metrics(version="test")
    tracker = Tracker(store, Bus(), metrics)
    inbox = Inbox(trust=trust, tracker=tracker, store=store, clock=clock, counters=metrics, adopt=True)
    return inbox, lambda verdict: metrics.registry.get_sample_value("kling_daemon_callbacks_total", verdict)


def test_room_is_taken_as_a_whole_or_not_at_all_and_given_back():
    backlog = Backlog(100)
    assert backlog.take(60)
    assert not backlog.take(41)
    assert backlog.take(40)
    backlog.give_back(60)
    assert backlog.take(60)


async def test_while_a_commit_hangs_what_finds_no_room_is_answered_503_at_once_and_the_rest_is_kept(tmp_path):
    clock = ManualClock()
    async with Store.open(tmp_path, clock=clock) as store, asyncio.TaskGroup() as tasks:
        inbox, counted = inbox_over(store, clock)
        room = MOST // (MIB + EACH)
        with slow_commits(store) as commits:
            commits.hold()
            first = tasks.create_task(inbox.take_all([callback_of(clock, 0)]))
            await commits.is_held.wait()
            large = [callback_of(clock, number, padding=MIB - 100) for number in range(1, room + 21)]
            waiting = tasks.create_task(inbox.take_all(large))
            await asyncio.sleep(0)
            (turned_away,) = await inbox.take_all([callback_of(clock, 1000, padding=MIB - 100)])
            assert (turned_away.status, turned_away.retry_after) == (503, 5)
            forged = Callback(headers=[(b"webhook-id", b"x")], body=b"{}", path=PATH)
            assert [answer.status for answer in await inbox.take_all([forged])] == [401]
            assert not first.done()
        answers = await waiting
        kept, refused = answers[: answers.index(turned_away)], answers[answers.index(turned_away) :]
        assert len(kept) in (room - 1, room)
        assert {answer.status for answer in kept} == {200}
        assert set(refused) == {turned_away}
        assert counted({"verdict": "unstored", "reason": "no room"}) == len(refused) + 1
        assert [answer.status for answer in await inbox.take_all(large[-20:])] == [200] * 20
        jobs = {job.task_id for _, job in await store.read.jobs(limit=500)}
        assert len(jobs) == 1 + len(kept) + 20
    assert await first == [type(turned_away)(status=200)]


async def test_a_flood_that_cannot_be_stored_writes_a_few_lines_and_no_more(tmp_path):
    clock = ManualClock()
    async with Store.open(tmp_path, clock=clock) as store:
        inbox, _ = inbox_over(store, clock)
        with full_disk(tmp_path), capture_logs() as lines:
            for start in range(0, 2000, 100):
                answers = await inbox.take_all([callback_of(clock, start + number) for number in range(100)])
                assert {answer.status for answer in answers} == {503}
        assert 2 <= len(lines) < 40
        assert {line["event"] for line in lines} == {"group commit failed", "callback could not be stored"}
