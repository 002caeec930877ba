from datetime import UTC, datetime

from kling_daemon.client.models import JobModel
from kling_daemon.store import RawCallback
from kling_daemon.testing import make_event, make_job, make_output

URL = "https://cdn.example/video.mp4?ksSecret=abc"


def test_no_repr_shows_where_a_result_can_be_fetched():
    event, job = make_event(outputs=(make_output(URL),)), make_job(outputs=(make_output(URL),))
    raw = RawCallback(
        webhook_id="1",
        body=URL.encode(),
        headers=b"x: 1",
        verdict="hint",
        secret=None,
        received_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    for shown in (repr(event), repr(JobModel.model_validate(job.as_json())), repr(raw)):
        assert "cdn.example" not in shown
        assert "ksSecret" not in shown
    assert "OutputFile(role='main'" in repr(event)
