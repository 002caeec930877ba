from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import charges, moments, outputs, words

from kling_daemon.client.models import JobModel
from kling_daemon.jobs import FailureReason, Generation, Job, JobState, Origin

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
