"""A small demo that went well, made up: two jobs that succeeded and one that failed, as each side would tell it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from kling_daemon.client.models import DeliveryModel, JobModel, StatsModel
from kling_daemon.demo import Evidence, Outcome, Progress, SavedFile
from kling_daemon.demo.counters import Counters
from kling_daemon.demo.kling import KlingNumbers, KlingTask, ResultFile
from kling_daemon.demo.scenario import ENDPOINTS, HANDLERS
from kling_daemon.events import EventType
from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.testing import START, make_event, make_job, make_output

FIRST, SECOND, THIRD = JOBS = ("job-1", "job-2", "job-3")
"""The third fails."""
RESULTS = Path("/results")


def job(job_id, **overrides):
    number = JOBS.index(job_id) + 1
    made = {"id": job_id, "task_id": f"task-{number}", "endpoint": ENDPOINTS[number - 1], **overrides}
    if job_id == THIRD:
        made = {"state": JobState.FAILED, "reason": FailureReason.MODERATION, **made}
    else:
        made = {"outputs": (make_output(url(number)),), **made}
    return make_job(**made)


def url(number):
    return f"http://kling.example/files/{number}.mp4?ksSecret=made-up"


def digest(number):
    return f"{number}" * 64


def events():
    told = []
    for job_id in JOBS:
        end = EventType.FAILED if job_id == THIRD else EventType.COMPLETED
        facts = {key: getattr(job(job_id), key) for key in ("id", "task_id", "endpoint", "state", "reason", "outputs")}
        told += [make_event(EventType.STATUS_CHANGED, **facts), make_event(end, **facts)]
    return tuple(told)


def deliveries(of):
    return tuple(
        DeliveryModel(
            id=number, handler=handler, type=event.type, item_id=event.id, job_id=event.job_id, state="done", attempt=1,
            due_at=START, created_at=START, finished_at=START, error=None, result=None,
        )
        for number, (handler, event) in enumerate(
            ((handler, event) for handler, types in HANDLERS.items() for event in of if event.type in types), start=1
        )
    )  # fmt: skip


def tasks():
    return tuple(
        KlingTask(
            id=f"task-{number}",
            external_id=job_id,
            state="failed" if job_id == THIRD else "succeeded",
            called_back=frozenset({"submitted"} if job_id == FIRST else {"succeeded", "failed"}),
            files=() if job_id == THIRD else (ResultFile(url=url(number), size=1024 * 1024, sha256=digest(number)),),
        )
        for number, job_id in enumerate(JOBS, start=1)
    )


def good_evidence(**changes):
    told = events()
    saved = tuple(
        SavedFile(job_id=job_id, path=RESULTS / f"video/{number}.mp4", size=1024 * 1024, sha256=digest(number))
        for number, job_id in enumerate(JOBS[:2], start=1)
    )
    evidence = Evidence(
        ordered=JOBS,
        failing=1,
        tasks=tasks(),
        answers={"200": 9},
        jobs=tuple(JobModel.model_validate(job(job_id).as_json()) for job_id in JOBS),
        events=told,
        deliveries=deliveries(told),
        heard=tuple(event.id for event in told),
        saved=saved,
        exits=(("daemon", 0), ("simulator", 0)),
    )
    return replace(evidence, **changes)


def good_numbers(**changes):
    numbers = KlingNumbers(
        due=12, lost=3, doubled=2, reordered=1, sent=11, answers={"200": 11}, forged=4,
        requests={"create": 5, "query": 2, "file": 2}, slots_full=2, is_idle=True,
    )  # fmt: skip
    return replace(numbers, **changes)


def good_stats(**changes):
    numbers = {
        "jobs": {"succeeded": 2, "failed": 1}, "events": {},
        "deliveries": {"archive": {"done": 2}, "journal": {"done": 6}},
        "callbacks": {}, "missed_callbacks": [], "punctuality": [], "notices": [],
        "kling_requests": {"create": 5, "query": 2}, "hints": 0, "reconciliation": None,
    }  # fmt: skip
    return StatsModel.model_validate({**numbers, **changes})


def progress(**changes):
    made = Progress(
        elapsed=timedelta(seconds=7.3),
        wanted=3,
        jobs=good_evidence().jobs,
        stats=good_stats(),
        kling=good_numbers(),
    )
    return replace(made, **changes)


def outcome(**changes):
    made = Outcome(
        evidence=good_evidence(),
        kling=good_numbers(),
        stats=good_stats(),
        counters=Counters(verdicts={"believed": 11, "refused": 2, "misdirected": 1, "hint": 1}, polls=2),
        elapsed=timedelta(seconds=12.3),
        findings=(),
    )
    return replace(made, **changes)
