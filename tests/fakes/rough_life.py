"""A job with a rough life: forged, doubled and lost callbacks, two polls, a handler that fails."""

from dataclasses import replace
from datetime import timedelta

from fakes.local_api import ARCHIVE, LocalApi
from fakes.reports import make_report

from kling_daemon.backoff import Backoff
from kling_daemon.deliveries import Failed, RetryPolicy, settle
from kling_daemon.jobs import Job, JobState
from kling_daemon.outputs import Output, OutputFile
from kling_daemon.reports import Source
from kling_daemon.store import HintWeight, Intent, News, RawCallback, Registration
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START, ManualClock

SIGNED = "https://cdn.test/1.mp4?x-signature=never-shown"
_FILE = OutputFile(role="main", url=SIGNED, expires_at=None)


async def rough_life(api: LocalApi, clock: ManualClock) -> Job:
    """Let it happen, in eight minutes of the clock, and return the job as it was made."""
    store = api.store
    completed = frozenset({"job.completed"})
    await store.register_handlers(
        [
            Registration(name="archive", events=completed),
            Registration(name="notify", events=completed, depends_on=("archive",)),
        ]
    )
    api.statuses[:] = [ARCHIVE, replace(ARCHIVE, name="notify", depends_on=("archive",))]
    job = make_job(
        id="01a1ffba-354b-78f5-888c-f6f1f72997f3", state=JobState.QUEUED, external_id=None, task_id=None,
        endpoint="/text-to-video/kling-3.0", created_at=START, updated_at=START,
    )  # fmt: skip
    await store.make_job(Intent(job=job, path=str(job.endpoint), digest="0" * 64, callback_expected=True))
    await store.claim_submissions(1)

    def said(state: JobState, source: Source, **more: object) -> News:
        report = make_report(
            "836804210000000100", state, source=source, created_at=START, updated_at=clock.now(),
            received_at=clock.now(), generation=job.generation,
            outputs=(Output(type="video", id="o", duration="5.1", files=(_FILE,)),) if state.is_terminal else (),
        )  # fmt: skip
        return News(report=report, job_id=job.id, **more)  # type: ignore[arg-type]

    def came(body: bytes, verdict: str) -> RawCallback:
        return RawCallback(webhook_id="", body=body, headers=b"", verdict=verdict, secret=None, received_at=clock.now())

    clock.advance(timedelta(seconds=1.2))
    await store.record(said(JobState.SUBMITTED, Source.SUBMISSION))
    clock.advance(timedelta(seconds=19))
    for _ in range(3):  # somebody has learnt the callback address
        forged = came(b'{"status": "succeeded"}', "hint")
        await store.record(News(callback=forged, hint=HintWeight.JOB, job_id=job.id))
        clock.advance(timedelta(seconds=2))
    await store.record(said(JobState.PROCESSING, Source.POLL, polled_at=clock.now()))
    clock.advance(timedelta(seconds=4))
    for _ in range(2):
        await store.record(said(JobState.PROCESSING, Source.CALLBACK, callback=came(b'{"processing": 1}', "believed")))
        clock.advance(timedelta(seconds=9))
    clock.advance(timedelta(minutes=5))  # the callback of its end is lost
    await store.record(said(JobState.SUCCEEDED, Source.POLL, polled_at=clock.now()))
    for error in ("ConnectionError: no route to storage.test", "TimeoutError: storage.test did not answer"):
        (delivery,) = await store.claim("archive", limit=1, lease=timedelta(minutes=1))
        began = clock.now()
        clock.advance(timedelta(seconds=3))
        settlement = settle(
            Failed(error=error), attempt=delivery.attempt, created_at=delivery.created_at,
            policy=RetryPolicy(backoff=Backoff(least=timedelta(seconds=20), longest=timedelta(hours=1))),
            now=clock.now(), jitter=0.5,
        )  # fmt: skip
        await store.settle(delivery, settlement, outcome="failed", started_at=began)
        clock.advance(timedelta(seconds=25))
    return job
