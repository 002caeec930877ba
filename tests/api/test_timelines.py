from datetime import timedelta

from fakes.local_api import daemon_and_api
from fakes.reports import make_report
from fakes.rough_life import SIGNED, rough_life

from kling_daemon.api.timelines import MAX_ENTRIES
from kling_daemon.jobs import JobState
from kling_daemon.store import News, RawCallback
from kling_daemon.testing.clock import START, ManualClock


async def test_a_timeline_tells_what_comes_next_and_what_it_waits_for(tmp_path):
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        job = await rough_life(api, clock)
        timeline = await daemon.timeline(job.id)
        (
            archive,
            notify,
        ) = [item for item in timeline.upcoming if item.handler in {"archive", "notify"}]
    assert (archive.state, archive.attempt, archive.waits_for) == ("pending", 2, [])
    assert archive.at > clock.now()
    assert (notify.state, notify.waits_for) == ("pending", ["archive"])
    assert SIGNED not in timeline.model_dump_json()
    assert [entry.source for entry in timeline.entries if entry.kind == "report"] == ["submission", "poll", "poll"]


async def test_a_job_that_waits_for_kling_says_when_it_is_asked(tmp_path):
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        job = await api.make_job()
        (create,) = (await daemon.timeline(job.id)).upcoming
        assert (create.kind, create.state) == ("submission", "queued")
        await api.report(job, JobState.SUBMITTED)
        (poll,) = (await daemon.timeline(job.id)).upcoming
        assert poll.kind == "poll"
        await api.report(job, JobState.SUCCEEDED)
        kinds = {item.kind for item in (await daemon.timeline(job.id)).upcoming}
        assert kinds == {"delivery"}


async def test_a_timeline_is_bounded_whatever_came(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        job = await api.make_job()
        signed = [
            News(
                report=make_report(f"t-{job.id}", JobState.SUBMITTED, generation=job.generation),
                callback=RawCallback(
                    webhook_id="", body=b"%d" % number, headers=b"", verdict="believed", secret="main",
                    received_at=START + timedelta(seconds=number),
                ),
                job_id=job.id,
            )
            for number in range(MAX_ENTRIES + 20)
        ]  # fmt: skip
        await api.store.record_each(signed)
        timeline = await daemon.timeline(job.id)
        assert len(timeline.entries) == MAX_ENTRIES
        assert not timeline.complete
        latest = [entry.at for entry in timeline.entries if entry.kind == "callback"][-1]
        assert latest == START + timedelta(seconds=MAX_ENTRIES + 19)
