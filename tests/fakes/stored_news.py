"""Makes news for tests of the store, and opens stores to take it."""

from contextlib import asynccontextmanager
from dataclasses import replace

from fakes.reports import make_report

from kling_daemon.jobs import JobState
from kling_daemon.store import News, RawCallback, Store
from kling_daemon.testing.clock import START, ManualClock

ALL_EVENTS = frozenset({"job.status_changed", "job.completed", "job.failed"})


def report(task_id="t1", state=JobState.SUCCEEDED, **changes):
    return make_report(task_id, state, **{"updated_at": START, **changes})


def callback(body=b'{"id": "t1"}', **changes):
    made = RawCallback(webhook_id="", body=body, headers=b"", verdict="believed", secret="main", received_at=START)
    return replace(made, **changes)


def news(task_id="t1", state=JobState.SUCCEEDED, **changes):
    return News(report=report(task_id, state, **changes), adopt=True)


@asynccontextmanager
async def opened(directory, **options):
    options.setdefault("clock", ManualClock())
    async with Store.open(directory, **options) as store:
        yield store


async def all_of(read, **parameters):
    """Read every page of something."""
    return await read(limit=10_000, **parameters)


async def record_all(store, told):
    """Record several pieces of news, as a rule in one group, and return what came of each; raises the first failure."""
    recorded = await store.record_each(told)
    for one in recorded:
        if isinstance(one, Exception):
            raise one
    return recorded
