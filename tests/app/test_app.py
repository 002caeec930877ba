from fakes.dispatching import Witness, configured
from fakes.running_daemon import running_daemon, trusting
from recorded.kling_bodies import raw


async def test_a_signed_callback_reaches_the_handlers(tmp_path):
    witness = Witness()
    async with running_daemon(tmp_path, handlers=[configured("w", witness.open)], trust=trusting()) as daemon:
        answer = await daemon.post_signed(raw("new_callback_succeeded_video"))
        assert (answer.status, answer.body) == (200, b'{"received": true}')
        await daemon.until_delivered("w", 2)
    assert [item.type for item in witness.seen] == ["job.status_changed", "job.completed"]
