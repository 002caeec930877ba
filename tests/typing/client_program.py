"""What programs may write with the client, held against its types; mypy reads it, nobody runs it."""

from datetime import UTC, datetime, timedelta

from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError, EventStream, Target, find_daemon
from kling_daemon.client.models import EventModel, JobModel, Page
from kling_daemon.jobs import JobState


async def waits() -> str | None:
    async with Daemon() as daemon:
        job: JobModel = await daemon.submit("/text-to-video/kling-3.0", {"prompt": "a cat"}, tags={"shot": "7"})
        job = await daemon.wait(job.id, timedelta(minutes=30))
        return job.outputs[0].url if job.state is JobState.SUCCEEDED else job.reason


async def listens() -> None:
    target = Target(url="http://127.0.0.1:8766", token="made-up")
    async with Daemon(target) as daemon:
        stream: EventStream = daemon.events(types={"job.failed"}, since=datetime.now(UTC), on_loss=tell)
        async for event in stream:
            previous: JobState | str | None = event.previous_state
            kept: str | None = stream.cursor
            assert previous != kept or event.job.tags
            await stream.aclose()


async def pages() -> list[EventModel]:
    async with Daemon(find_daemon(None, None, {})) as daemon:
        page: Page[EventModel] = await daemon.list_events(job="order-7", oldest_first=True)
        return page.items


def tell(error: DaemonError | DaemonUnreachableError) -> None:
    assert str(error)
