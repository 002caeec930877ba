from kling_daemon.events import EventType, JobEvent, Notice
from kling_daemon.ids import is_job_id
from kling_daemon.jobs import Job, JobState
from kling_daemon.testing import make_event, make_job, make_notice, make_output


def test_a_job_is_complete_and_survives_its_own_json():
    job = make_job()
    assert is_job_id(job.id)
    assert job.state is JobState.SUCCEEDED
    assert job.outputs[0].url
    assert Job.from_json(job.as_json()) == job


def test_a_test_says_only_what_matters_to_it():
    job = make_job(task_id="7", outputs=(make_output("https://cdn.example/a.png", type="image"),))
    assert job.task_id == "7"
    assert job.outputs[0].type == "image"
    assert job.outputs[0].files[0].url == "https://cdn.example/a.png"


def test_a_job_of_another_state_has_nothing_that_it_cannot_have_yet():
    assert make_job(state=JobState.QUEUED).task_id is None
    assert make_job(state=JobState.PROCESSING).finished_at is None
    assert make_job(state=JobState.FAILED).outputs == ()


def test_an_event_bears_a_job_of_a_fitting_state():
    states = {str(event_type): make_event(event_type).job.state for event_type in EventType}
    assert states == {
        "job.status_changed": JobState.PROCESSING,
        "job.completed": JobState.SUCCEEDED,
        "job.failed": JobState.FAILED,
    }


def test_the_same_event_has_the_same_id_and_another_job_another():
    assert make_event().id == make_event().id
    assert make_event().id != make_event(id="01991f2e-6a00-7c3d-8e11-5a0f5a0f5a10").id
    assert JobEvent.from_json(make_event().as_json()) == make_event()


def test_a_notice_is_complete():
    notice = make_notice(message="hello")
    assert notice.message == "hello"
    assert Notice.from_json(notice.as_json()) == notice
