"""What a handler submits is made once per delivery and key, whatever is repeated."""

import pytest
from fakes.asking import asking
from fakes.kling_caller import NEW_VIDEO

from kling_daemon.deliveries import Delivery
from kling_daemon.handlers import Retry
from kling_daemon.store import DiskReserve
from kling_daemon.submission import SubmitRefusedError, submit_for
from kling_daemon.testing.clock import START
from kling_daemon.testing.samples import make_event

NOBODY = "http://127.0.0.1:9"


def delivery(attempt=1, handler="chain", **event):
    return Delivery(id=1, handler=handler, item=make_event(**event), attempt=attempt, created_at=START, results={})


async def test_a_second_call_with_the_same_key_returns_the_same_job_and_stores_nothing(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        accept = here.intake().accept
        first = await submit_for(accept, delivery())(NEW_VIDEO, {"prompt": "x"}, tags={"n": "1"})
        again = await submit_for(accept, delivery(attempt=2))(NEW_VIDEO, {"prompt": "y"})
        assert first == again
        assert [job.tags for _, job in await here.store.read.jobs(limit=9)] == [{"n": "1"}]


async def test_another_key_handler_or_event_is_another_job(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        accept = here.intake().accept
        ids = {
            await submit_for(accept, delivery())(NEW_VIDEO, {}),
            await submit_for(accept, delivery())(NEW_VIDEO, {}, key="second"),
            await submit_for(accept, delivery(handler="other"))(NEW_VIDEO, {}),
            await submit_for(accept, delivery(id="01991f2e-6a00-7c3d-8e11-000000000002"))(NEW_VIDEO, {}),
        }
        assert len(ids) == 4


async def test_bad_input_is_refused_in_words(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        with pytest.raises(SubmitRefusedError):
            await submit_for(here.intake().accept, delivery())("not a path", {})


async def test_while_the_disk_is_nearly_full_the_handler_is_called_again_which_costs_no_attempt(tmp_path):
    async with asking(tmp_path, NOBODY) as here:
        made = await submit_for(here.intake().accept, delivery())(NEW_VIDEO, {})
        short = here.intake(require_room=DiskReserve(tmp_path, 2**60).require)
        with pytest.raises(
            Retry, match="the follow-up job was not taken: the disk of the state directory is nearly full"
        ):
            await submit_for(short.accept, delivery())(NEW_VIDEO, {}, key="second")
        assert await submit_for(short.accept, delivery(attempt=2))(NEW_VIDEO, {}) == made
        assert len(await here.store.read.jobs(limit=9)) == 1
