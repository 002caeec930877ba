"""What the forgery campaign looks for is found: each check fails for what it is there to find."""

from dataclasses import replace

import pytest

from kling_daemon.events import EventType
from kling_daemon.jobs import JobState
from kling_daemon.outputs import Output, OutputFile
from kling_daemon.prove.evidence import Answer, Evidence
from kling_daemon.prove.forgeries import Trick
from kling_daemon.prove.forgery_checks import believed, kept, replays_counted, unheard, wrong_answers
from kling_daemon.simulator.forgeries import ATTACKER_URL
from kling_daemon.store import CallbackRow
from kling_daemon.testing import make_event, make_job
from kling_daemon.testing.clock import START


def row(webhook_id):
    return CallbackRow(
        id=1,
        webhook_id=webhook_id,
        digest="d",
        verdict="hint",
        secret=None,
        job_id="",
        received_at=START,
        last_at=START,
        count=1,
    )


@pytest.fixture
def evidence():
    answers = [Answer(task_id="1", state="succeeded", webhook_id="true", digest="d", status=200)]
    return Evidence(
        orders=[], answers=answers, tasks=[], callbacks=[row("true")], jobs=[make_job()],
        events=[make_event(EventType.COMPLETED)], deliveries=[], sightings={}, flaws=[], complaints=[],
    )  # fmt: skip


def test_what_is_right_is_not_complained_of(evidence):
    assert list(believed(evidence)) == []
    assert kept(evidence) == 0
    assert list(unheard(evidence, [{"id": "1", "answer": "200"}])) == []
    assert list(wrong_answers({trick: {"401": 1} for trick in (Trick.STALE, Trick.NEW_ID)}, 2)) == []


@pytest.mark.parametrize(
    ("trick", "status"),
    [
        (Trick.STALE, "200"),
        (Trick.UNSIGNED, "503"),
        (Trick.REPLAYED, "401"),
        (Trick.NEW_ID, "202"),
        (Trick.GUESSED, "none"),
    ],
)
def test_a_wrong_answer_is_found(trick, status):
    [finding] = wrong_answers({trick: {status: 3}}, 3)
    assert finding == f"3 callbacks of the kind '{trick}' were answered {status}"


def test_forged_callbacks_that_were_not_posted_are_missed():
    assert list(wrong_answers({}, 9)) == ["0 of 9 forged callbacks were posted"]


def test_an_event_with_the_forgers_file_is_found(evidence):
    files = (OutputFile(role="main", url=ATTACKER_URL, expires_at=None),)
    job = make_job(state=JobState.SUCCEEDED, outputs=(Output(type="video", id="1", files=files, duration=None),))
    assert len([*believed(replace(evidence, events=[replace(evidence.events[0], job=job)]))]) == 1


def test_rows_that_kling_did_not_send_are_counted(evidence):
    assert kept(replace(evidence, callbacks=[row("true"), row("forged"), row("")])) == 2


def test_replays_that_were_not_counted_are_found(evidence):
    assert list(replays_counted(evidence, "true", {})) == []
    assert len([*replays_counted(evidence, "true", {Trick.REPLAYED: {"200": 2}})]) == 1
    twice = replace(evidence, callbacks=[row("true"), row("true")])
    assert len([*replays_counted(twice, "true", {})]) == 1


def test_true_callbacks_that_were_not_taken_are_found(evidence):
    missed = replace(evidence, jobs=[replace(evidence.jobs[0], callback_missed=True)])
    assert len([*unheard(missed, [{"id": "1", "answer": "503"}, {"id": "2", "answer": "200"}])]) == 2
