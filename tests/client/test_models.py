import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import charges, moments, outputs, words

from kling_daemon.client.models import DeliveryModel, EventModel, JobModel, TimelineModel, TokenModel
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin
from kling_daemon.scopes import Scope
from kling_daemon.testing import make_job

jobs = st.builds(
    Job,
    id=words,
    task_id=st.none() | words,
    external_id=st.none() | words,
    account=words,
    generation=st.sampled_from(Generation),
    endpoint=st.none() | words,
    model=st.none() | words,
    state=st.sampled_from(JobState),
    reason=st.none() | st.sampled_from(FailureReason),
    message=words,
    outputs=st.lists(outputs, max_size=2).map(tuple),
    cost=st.lists(charges, max_size=2).map(tuple),
    tags=st.dictionaries(words, words, max_size=2),
    origin=st.sampled_from(Origin),
    created_at=moments,
    submitted_at=st.none() | moments,
    updated_at=moments,
    finished_at=st.none() | moments,
    contradicted=st.booleans(),
    callback_missed=st.booleans(),
)


@given(jobs)
def test_the_model_reads_and_writes_a_job_exactly_as_the_job_itself_does(job):
    model = JobModel.model_validate(job.as_json())
    # Whether a job is overdue is no part of the job, but of the moment at which it is asked for.
    assert model.as_json() == {**job.as_json(), "overdue": False}
    assert not model.model_extra
    assert set(JobModel.model_fields) == {*job.as_json(), "overdue"}


@given(jobs)
def test_what_a_newer_daemon_tells_of_a_job_is_kept(job):
    newer = job.as_json() | {"overdue": True, "reason": "lost"}
    assert JobModel.model_validate(newer).as_json() == newer


NEWER = make_job(id="7").as_json() | {"state": "paused", "reason": "cosmic", "origin": "dreamt", "finished_at": None}
MOMENT = "2026-11-22T00:00:00.000Z"


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (JobModel, NEWER | {"overdue": False}),
        (
            EventModel,
            {
                "id": "e", "type": "job.paused", "schema_version": 1, "occurred_at": MOMENT, "job_id": "7",
                "previous_state": "dreaming", "job": NEWER | {"overdue": False}, "cursor": "AAAAAAAAAAE",
            },
        ),
        (
            DeliveryModel,
            {
                "id": 1, "handler": "archive", "type": "job.paused", "item_id": "e", "job_id": "7", "state": "asleep",
                "attempt": 0, "losses": 0, "held": "moon", "due_at": MOMENT, "created_at": MOMENT, "finished_at": None,
                "error": None, "result": None,
            },
        ),
        (
            TimelineModel,
            {
                "id": "7", "task_id": None, "endpoint": None, "state": "paused", "reason": None, "message": "",
                "created_at": MOMENT, "finished_at": None, "contradicted": False, "callback_missed": False, "polls": 0,
                "overdue": False, "unknown": None, "complete": True, "entries": [], "upcoming": [],
            },
        ),
        (TokenModel, {"name": "grafana", "scope": "gateway", "made_at": MOMENT, "used_on": None}),
    ],
)  # fmt: skip
def test_words_of_a_newer_daemon_are_kept_and_break_nothing(model, told):
    assert model.model_validate_json(json.dumps(told)).as_json() == told


def test_known_words_are_members_of_their_enums():
    assert isinstance(JobModel.model_validate_json(json.dumps(NEWER | {"state": "queued"})).state, JobState)
    assert isinstance(TokenModel(name="a", scope="read", made_at=datetime.now(UTC), used_on=None).scope, Scope)


@pytest.mark.parametrize("state", JobState)
def test_a_job_knows_whether_it_has_ended(state):
    job = JobModel.model_validate(NEWER | {"state": state})
    assert (job.has_ended, job.rank) == (state.is_terminal, state.rank)


def test_of_a_state_that_is_not_known_the_end_is_told_by_its_moment():
    assert not JobModel.model_validate(NEWER).has_ended
    ended = JobModel.model_validate(NEWER | {"finished_at": MOMENT})
    assert ended.has_ended
    assert ended.rank > JobModel.model_validate(NEWER).rank
