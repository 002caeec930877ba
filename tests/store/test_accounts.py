"""The moment of the first start is kept, over restarts and upgrades; what was adopted never goes back."""

from datetime import timedelta

from fakes.stored_news import callback, news, opened, report

from kling_daemon.store import AccountRow, News
from kling_daemon.store.migrate import migrations
from kling_daemon.testing.clock import START, ManualClock

DAY = timedelta(days=1)
NUMBER = next(number for number, script in migrations() if "CREATE TABLE accounts" in script)
BEFORE = migrations()[: NUMBER - 1]


async def test_the_first_start_stays_the_first(tmp_path):
    clock = ManualClock()
    for _ in range(3):
        async with opened(tmp_path, clock=clock) as store:
            await store.note_start()
            assert await store.due.account() == AccountRow(first_at=START, adopted_until=None)
        clock.advance(DAY)


async def test_what_was_adopted_never_goes_back(tmp_path):
    async with opened(tmp_path) as store:
        await store.note_start()
        for moment in (START + DAY, START):
            await store.adopted_until(moment)
            assert (await store.due.account()).adopted_until == START + DAY
    async with opened(tmp_path) as store:
        assert (await store.due.account()).adopted_until == START + DAY


async def test_an_upgrade_takes_the_earliest_sign_of_life_for_the_first_start(tmp_path):
    async with opened(tmp_path, migrations=BEFORE) as store:
        # Adopted: made long before anybody here knew of it.
        await store.record(news(created_at=START - 30 * DAY))
        kept = callback(received_at=START + DAY)
        await store.record(News(report=report("t2"), callback=kept, adopt=True))
    async with opened(tmp_path, clock=ManualClock(START + 9 * DAY)) as store:
        await store.note_start()
        assert await store.due.account() == AccountRow(first_at=START + DAY, adopted_until=None)
        assert len(await store.read.jobs(limit=9)) == 2


async def test_an_upgrade_of_a_database_without_any_begins_then(tmp_path):
    async with opened(tmp_path, migrations=BEFORE):
        pass
    async with opened(tmp_path, clock=ManualClock(START + DAY)) as store:
        await store.note_start()
        assert (await store.due.account()).first_at == START + DAY
