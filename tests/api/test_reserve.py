"""While the disk is nearly full, what takes room is refused in words; what is asked about is answered."""

import pytest
from fakes.local_api import daemon_and_api

from kling_daemon.client import DaemonError
from kling_daemon.client.models import NamedTaskModel
from kling_daemon.jobs import JobState

MORE_THAN_THERE_IS = 2**60


async def test_tracking_and_replays_are_refused_with_507_and_the_rest_is_answered(tmp_path):
    async with daemon_and_api(tmp_path, reserve=MORE_THAN_THERE_IS) as (daemon, api):
        job = await api.make_job()
        await api.report(job, JobState.SUCCEEDED)
        (delivery,) = (await daemon.deliveries(handler="archive")).items
        await daemon.drop_delivery(delivery.id)
        tasks = [NamedTaskModel(task_id="t1", endpoint="/text-to-video/kling-3.0")]
        for asking in (daemon.track(tasks), daemon.replay("archive")):
            with pytest.raises(DaemonError, match=r"nearly full.*make room there, then try again") as refused:
                await asking
            assert (refused.value.status, refused.value.title) == (507, "Insufficient Storage")
        assert (await daemon.replay("archive", dry_run=True)).again == 1
        assert (await daemon.job(job.id)).state == "succeeded"
        assert [item.id for item in (await daemon.jobs()).items] == [job.id]
