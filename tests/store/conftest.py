"""What several tests of the store need."""

import pytest

from kling_daemon.ids import new_id
from kling_daemon.jobs import JobState
from kling_daemon.store import Intent
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import START


@pytest.fixture
def intents():
    """Make intents to create jobs, told apart by their external ids."""

    def make(external_id, *, callback_expected=True, job_id=None):
        job = make_job(
            id=job_id or new_id(START),
            external_id=external_id,
            state=JobState.QUEUED,
            updated_at=START,
            tags={"order": "7"},
        )
        return Intent(job=job, path=job.endpoint, digest="0" * 64, callback_expected=callback_expected)

    return make
