from dataclasses import replace

import pytest
from fakes.demo_outcome import FIRST, RESULTS, SECOND, THIRD, good_evidence, tasks, url

from kling_daemon.client.models import JobModel
from kling_daemon.demo import SavedFile
from kling_daemon.demo.verdict import findings
from kling_daemon.events import EventType
from kling_daemon.jobs import JobState
from kling_daemon.testing import make_event

GOOD = good_evidence()


def with_job(job_id, **changes):
    return tuple(job.model_copy(update=changes) if job.id == job_id else job for job in GOOD.jobs)


def with_task(external_id, **changes):
    return tuple(replace(task, **changes) if task.external_id == external_id else task for task in GOOD.tasks)


def with_delivery(handler, job_id, event_type, **changes):
    return tuple(
        delivery.model_copy(update=changes)
        if (delivery.handler, delivery.job_id, delivery.type) == (handler, job_id, event_type)
        else delivery
        for delivery in GOOD.deliveries
    )


def without_delivery(handler, job_id, event_type):
    return tuple(
        delivery
        for delivery in GOOD.deliveries
        if (delivery.handler, delivery.job_id, delivery.type) != (handler, job_id, event_type)
    )


END = next(event for event in GOOD.events if event.job_id == FIRST and event.type is EventType.COMPLETED)
STRANGER = JobModel.model_validate(GOOD.jobs[0].as_json() | {"id": "job-4", "task_id": "task-4"})
FORGED = make_event(EventType.FAILED, id=FIRST)


def test_a_demo_that_went_well_has_no_findings():
    assert findings(GOOD) == ()


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"jobs": GOOD.jobs[:2]}, "job job-3 was submitted and is not known"),
        ({"jobs": (*GOOD.jobs, STRANGER)}, "1 jobs are tracked that nobody submitted"),
        ({"jobs": with_job(FIRST, state=JobState.PROCESSING)}, "job job-1 has not ended: it is processing"),
        ({"failing": 3}, "1 jobs failed, not 3"),
        ({"tasks": GOOD.tasks[1:]}, "job job-1 was created 0 times at Kling"),
        ({"tasks": (*GOOD.tasks, tasks()[0])}, "job job-1 was created 2 times at Kling"),
        ({"answers": {"200": 8, "503": 1, "unreachable": 2}}, "1 true callbacks were answered 503"),
        ({"tasks": with_task(FIRST, state="failed")}, "job job-1 is succeeded here and failed at Kling"),
        ({"jobs": with_job(FIRST, outputs=GOOD.jobs[1].outputs)}, "job job-1 has other results than Kling gave it"),
        ({"jobs": with_job(FIRST, outputs=[])}, "job job-1 has other results than Kling gave it"),
        (
            {"events": (*GOOD.events, FORGED)},
            "job job-1 succeeded and has 2 terminal events: job.completed, job.failed",
        ),
        (
            {"events": tuple(event for event in GOOD.events if event is not END)},
            "job job-1 succeeded and has 0 terminal events: none",
        ),
        (
            {"jobs": with_job(SECOND, state=JobState.PROCESSING)},
            "job job-2 has not ended and has a terminal event",
        ),
        (
            {"deliveries": without_delivery("archive", FIRST, "job.completed")},
            "archive was not given job.completed of job job-1",
        ),
        (
            {"deliveries": without_delivery("journal", THIRD, "job.status_changed")},
            "journal was not given job.status_changed of job job-3",
        ),
        (
            {"deliveries": with_delivery("archive", SECOND, "job.completed", state="dead", error="no space left")},
            "archive is not done with job.completed of job job-2, it is dead: no space left",
        ),
        (
            {"deliveries": (*GOOD.deliveries, GOOD.deliveries[0])},
            "archive has 2 deliveries for job.completed of job job-1",
        ),
        ({"heard": GOOD.heard[1:]}, "journal was never called with 1 of 6 events"),
        ({"heard": (*GOOD.heard, "made-up")}, "journal was called with 1 events that do not exist"),
        ({"saved": GOOD.saved[1:]}, "job job-1: a file of 1048576 bytes with SHA-256 111111111111… was not saved"),
        (
            {"saved": (replace(GOOD.saved[0], sha256="f" * 64), GOOD.saved[1])},
            "job job-1: the saved file of 1048576 bytes with SHA-256 ffffffffffff… is not what Kling made",
        ),
        (
            {"saved": (replace(GOOD.saved[0], size=7), GOOD.saved[1])},
            "job job-1: the saved file of 7 bytes with SHA-256 111111111111… is not what Kling made",
        ),
        (
            {"saved": (*GOOD.saved, SavedFile(job_id=THIRD, path=RESULTS / "x", size=1, sha256="9" * 64))},
            "job job-3: the saved file of 1 bytes with SHA-256 999999999999… is not what Kling made",
        ),
        ({"exits": (("daemon", 70), ("simulator", 0))}, "the daemon ended with status 70 when it was asked to stop"),
    ],
)
def test_whatever_breaks_a_promise_is_found_and_named(changes, finding):
    assert finding in findings(good_evidence(**changes))


def test_files_that_were_swapped_between_two_jobs_are_found():
    one, other = GOOD.saved
    swapped = (replace(one, job_id=other.job_id), replace(other, job_id=one.job_id))
    assert len(findings(good_evidence(saved=swapped))) == 4


def test_an_event_that_was_delivered_twice_is_no_finding_for_that_is_what_at_least_once_means():
    assert findings(good_evidence(heard=GOOD.heard * 2)) == ()


def test_what_an_attacker_claimed_is_found_in_a_jobs_results():
    stolen = GOOD.jobs[0].as_json()
    stolen["outputs"][0]["files"][0]["url"] = "https://attacker.example/stolen.mp4"
    assert url(1) not in str(stolen["outputs"][0]["files"])
    jobs = (JobModel.model_validate(stolen), *GOOD.jobs[1:])
    assert findings(good_evidence(jobs=jobs)) == ("job job-1 has other results than Kling gave it",)
