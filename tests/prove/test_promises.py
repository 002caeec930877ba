"""The checks that campaigns end with find each thing that can break: a proof that cannot fail proves nothing."""

from dataclasses import replace

import pytest

from kling_daemon.deliveries import DeliveryState
from kling_daemon.events import EventType
from kling_daemon.ids import new_id
from kling_daemon.jobs import JobState
from kling_daemon.prove.evidence import Answer, Evidence, Task
from kling_daemon.prove.orders import Order
from kling_daemon.prove.promises import CHECKS, broken
from kling_daemon.prove.witness import FOLLOWED
from kling_daemon.prove.witnesses import Sighting
from kling_daemon.store import CallbackRow, DeliveryRow
from kling_daemon.testing import make_event, make_job
from kling_daemon.testing.clock import START

WITNESSES = ("swift", "threaded")
ORDER = Order(path="/text-to-video/kling-3.0", body={}, external_id=f"order{FOLLOWED}", through_daemon=True)
FOLLOW_UP = new_id(START)


def of_one_job(job, task_id):
    """Return the events of a job that passed through all states, and Kling's task of it."""
    told = {"id": job, "task_id": task_id, "external_id": ORDER.external_id if job != FOLLOW_UP else FOLLOW_UP}
    changes = zip((None, JobState.SUBMITTED, JobState.PROCESSING), list(JobState)[1:4], strict=True)
    events = [
        make_event(EventType.STATUS_CHANGED, previous_state=before, state=state, **told) for before, state in changes
    ]
    events.append(make_event(EventType.COMPLETED, **told))
    job = events[-1].job
    urls = frozenset(file.url for output in job.outputs for file in output.files)
    return events, Task(task_id=task_id, external_id=job.external_id, state="succeeded", urls=urls)


@pytest.fixture
def sound():
    """Evidence of one order and its follow-up, with nothing wrong in it."""
    first, task = of_one_job(new_id(START), "1")
    second, follow_up = of_one_job(FOLLOW_UP, "2")
    events = [*first, *second]
    answers = [
        Answer(task_id=task_id, state="succeeded", webhook_id=f"id {task_id}", digest="d", status=200)
        for task_id in ("1", "2")
    ]
    return Evidence(
        orders=[ORDER],
        answers=[*answers, answers[0], replace(answers[0], webhook_id="plain", status=202)],
        tasks=[task, follow_up],
        callbacks=[kept("id 1", 2), kept("id 2", 1)],
        jobs=[first[-1].job, second[-1].job],
        events=events,
        deliveries=[
            delivered(number, witness, event)
            for number, (witness, event) in enumerate((witness, event) for witness in WITNESSES for event in events)
        ],
        sightings={
            witness: [seen(event, is_done=is_done) for event in events for is_done in (False, True)]
            for witness in WITNESSES
        },
        flaws=[],
        complaints=[],
    )


def kept(webhook_id, count):
    return CallbackRow(
        id=1,
        webhook_id=webhook_id,
        digest="d",
        verdict="believed",
        secret="s",
        job_id="",
        received_at=START,
        last_at=START,
        count=count,
    )


def delivered(number, witness, event):
    return DeliveryRow(
        id=number, handler=witness, type=event.type, item_id=event.id, job_id=event.job_id, state=DeliveryState.DONE,
        attempt=1, losses=0, held=None, due_at=START, created_at=START, finished_at=START, error=None, result=None,
    )  # fmt: skip


def seen(event, *, is_done):
    follows = is_done and event.type is EventType.COMPLETED and event.job.external_id == ORDER.external_id
    return Sighting(
        event_id=event.id, job_id=event.job_id, is_done=is_done, attempt=1, follow_up=FOLLOW_UP if follows else None
    )


def test_of_sound_evidence_nothing_is_found(sound):
    assert broken(sound) == []


def without(values, place):
    return [value for number, value in enumerate(values) if number != place]


def changed(values, place, **changes):
    return [replace(value, **changes) if number == place else value for number, value in enumerate(values)]


def sightings(evidence, change):
    return {**evidence.sightings, "swift": change(list(evidence.sightings["swift"]))}


BREAKS = {
    "a callback that was answered is not kept": lambda e: {"callbacks": without(e.callbacks, 0)},
    "it is not kept as often as it was answered": lambda e: {"callbacks": changed(e.callbacks, 0, count=1)},
    "a job is behind what was answered": lambda e: {
        "jobs": changed(e.jobs, 0, state=JobState.PROCESSING),
        "tasks": changed(e.tasks, 0, state="processing"),
    },
    "a job was forgotten": lambda e: {"jobs": without(e.jobs, 0)},
    "a job differs from its task": lambda e: {"tasks": changed(e.tasks, 0, state="failed")},
    "a file is missing": lambda e: {"jobs": changed(e.jobs, 0, outputs=())},
    "a job is called contradicted": lambda e: {"jobs": changed(e.jobs, 0, contradicted=True)},
    "a state is entered twice": lambda e: {"events": [e.events[0], *e.events]},
    "a state is entered after a higher one": lambda e: {"events": [e.events[1], e.events[0], *e.events[2:]]},
    "changes do not join": lambda e: {"events": without(e.events, 1)},
    "there is no end": lambda e: {"events": without(e.events, 3)},
    "there are two ends": lambda e: {"events": [*e.events, make_event(EventType.FAILED, id=e.jobs[0].id)]},
    "a job does not end": lambda e: {"jobs": [*e.jobs, make_job(state=JobState.QUEUED)]},
    "a handler missed an event": lambda e: {"sightings": sightings(e, lambda seen: seen[:-1])},
    "a handler was given what is not stored": lambda e: {
        "sightings": sightings(e, lambda seen: [*seen, replace(seen[0], event_id="other")])
    },
    "a handler was given events in another order": lambda e: {
        "sightings": sightings(e, lambda seen: [*seen[2:4], *seen[:2], *seen[4:]])
    },
    "a delivery is missing": lambda e: {"deliveries": without(e.deliveries, 0)},
    "a delivery is dead": lambda e: {"deliveries": changed(e.deliveries, 0, state=DeliveryState.DEAD)},
    "an order was made twice": lambda e: {"tasks": [*e.tasks, replace(e.tasks[0], task_id="3")]},
    "an order was not made": lambda e: {"orders": [*e.orders, replace(ORDER, external_id="other")]},
    "something was made that nobody ordered": lambda e: {
        "tasks": [*e.tasks, replace(e.tasks[0], task_id="3", external_id="other")]
    },
    "an event led to two follow-up jobs": lambda e: {
        "sightings": sightings(e, lambda seen: [*seen, replace(seen[7], follow_up="another")])
    },
    "the database is damaged": lambda _: {"flaws": ["row 1 missing from index"]},
    "there was a traceback": lambda _: {"complaints": ["Traceback (most recent call last):"]},
}


@pytest.mark.parametrize("breaks", BREAKS.values(), ids=BREAKS)
def test_whatever_breaks_is_found(sound, breaks):
    assert broken(replace(sound, **breaks(sound)))


def test_every_check_finds_something_in_one_of_these(sound):
    evidence = [replace(sound, **breaks(sound)) for breaks in BREAKS.values()]
    assert [check.__name__ for check in CHECKS if not any(list(check(each)) for each in evidence)] == []


def test_of_many_alike_only_a_few_are_told_and_the_rest_are_counted(sound):
    assert broken(replace(sound, flaws=["a flaw"] * 100))[-1] == "… and 95 more of this kind (the_database_is_whole)"
