import random
from datetime import timedelta

import pytest
from fakes.local_api import daemon_and_api

from kling_daemon.jobs import JobState
from kling_daemon.store import OldRows, Sweep

ENDS = (JobState.FAILED, JobState.SUCCEEDED)
EACH = 12
"""How many jobs have each end at first: more than one page of them, and a third of them are more than one of each."""


async def ended(api, state):
    job = await api.make_job()
    await api.report(job, state)
    return job


async def add(api, _daemon, dice):
    await ended(api, dice.choice(ENDS))


async def remove(api, daemon, dice):
    """Remove a third of the jobs of each end, with all that hangs on them, as they are removed when they are old."""
    chosen = set()
    for state in ENDS:
        jobs = [job.id for job in (await daemon.jobs(state=state.value, limit=500)).items]
        chosen.update(dice.sample(jobs, len(jobs) // 3))
    for delivery in (await daemon.deliveries(limit=500)).items:
        if delivery.job_id in chosen and delivery.state == "pending":
            await daemon.drop_delivery(delivery.id)
    after = 0
    while after is not None:
        wish = Sweep(rows=OldRows.JOBS, keep=-timedelta(hours=1), after=after)
        after = (await api.store.sweep(wish)).after


async def whole(read):
    return [item.id for item in (await read(limit=500)).items]


@pytest.mark.parametrize("kind", ["jobs", "jobs that failed", "events", "events, the oldest first", "deliveries"])
async def test_a_cursor_stays_good_while_rows_come_and_go(tmp_path, kind):
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)  # noqa: S311 - no secret
    async with daemon_and_api(tmp_path) as (daemon, api):
        read = {
            "jobs": daemon.jobs,
            "jobs that failed": lambda **given: daemon.jobs(state="failed", **given),
            "events": daemon.list_events,
            "events, the oldest first": lambda **given: daemon.list_events(oldest_first=True, **given),
            "deliveries": daemon.deliveries,
        }[kind]
        for state in ENDS * EACH:
            await ended(api, state)
        before, seen, cursor, pages = await whole(read), [], None, 0
        while pages == 0 or cursor is not None:
            page = await read(limit=dice.randrange(1, 6), cursor=cursor)
            seen += [item.id for item in page.items]
            cursor, pages = page.next, pages + 1
            if pages < 10:
                await (remove if pages % 3 == 2 else add)(api, daemon, dice)
        after = await whole(read)
        assert len(set(seen)) == len(seen), f"seed {seed}"
        assert set(before) & set(after) <= set(seen), f"seed {seed}"
        assert [one for one in before if one in seen] == [one for one in seen if one in before], f"seed {seed}"
        assert set(before) - set(after), f"seed {seed}: nothing was removed"
