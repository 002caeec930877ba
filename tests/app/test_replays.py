"""A handler of a whole daemon is given again what it was through with, and one that is added later its past."""

from fakes.dispatching import Witness, configured, until
from fakes.running_daemon import running_daemon, trusting
from recorded.kling_bodies import raw

from kling_daemon.client import Daemon, Target

COMPLETED = frozenset({"job.completed"})


def target(daemon):
    token = (daemon.directory / "api-token").read_text().strip()
    return Target(url=f"http://{daemon.addresses.api}", token=token)


async def test_events_are_replayed_to_handlers_old_and_new_under_the_same_keys(tmp_path):
    archive, late = Witness(), Witness()
    handlers = [configured("archive", archive.open, events=COMPLETED)]
    async with running_daemon(tmp_path, handlers=handlers, trust=trusting()) as daemon:
        assert (await daemon.post_signed(raw("new_callback_succeeded_video"))).status == 200
        await until(lambda: len(archive.seen) == 1)
        await daemon.until_delivered("archive", 1)
        async with Daemon(target(daemon)) as client:
            assert (await client.replay("archive")).again == 1
        await until(lambda: len(archive.seen) == 2)
        await daemon.until_delivered("archive", 1)
    handlers.append(configured("late", late.open, events=COMPLETED))
    async with running_daemon(tmp_path, handlers=handlers, trust=trusting()) as daemon:
        async with Daemon(target(daemon)) as client:
            assert (await client.replay("late")).first == 1
        await until(lambda: len(late.seen) == 1)
        await daemon.until_delivered("late", 1)
    assert archive.seen[0] == archive.seen[1] == late.seen[0]
    first, again = (context.idempotency_key for context in archive.contexts)
    assert first == again
