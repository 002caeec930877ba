import json

from hypothesis import given
from strategies.kling_news import jobs

from kling_daemon.jobs import Job, JobState


@given(job=jobs())
def test_a_job_comes_back_from_its_json_as_it_was(job):
    assert Job.from_json(json.loads(json.dumps(job.as_json()))) == job


def test_states_rise_to_two_ends_of_the_same_rank():
    assert [state.rank for state in JobState] == [0, 1, 2, 3, 3]
    assert [state for state in JobState if state.is_terminal] == [JobState.SUCCEEDED, JobState.FAILED]
