"""What several tests of the store need."""

import pytest

from kling_daemon.ids import new_id
from kling_daemon.jobs import Generation, Job, JobState, Origin
from kling_daemon.store import Intent
from kling_daemon.testing.clock import START


@pytest.fixture
def intents():
    """Make intents to create jobs, told apart by their external ids."""

    def make(external_id, *, callback_expected=True, job_id=None):
        job = Job(
            id=job_id or new_id(START),
            task_id=None,
            external_id=external_id,
            account="default",
            generation=Generation.NEW,
            endpoint="/text-to-video/kling-3.0",
            model="kling-3.0",
            state=JobState.QUEUED,
            reason=None,
            message="",
            outputs=(),
            cost=(),
            tags={"order": "7"},
            origin=Origin.SUBMITTED,
            created_at=START,
            submitted_at=None,
            updated_at=START,
            finished_at=None,
            contradicted=False,
            callback_missed=False,
        )
        return Intent(job=job, path=job.endpoint, digest="0" * 64, callback_expected=callback_expected)

    return make
