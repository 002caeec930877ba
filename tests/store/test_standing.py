"""Standing claims: what a lane has room for is begun in the transaction that makes it."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from fakes.stored_news import ALL_EVENTS, news, opened

from kling_daemon.deliveries import Acknowledged, RetryPolicy, settle
from kling_daemon.events import EventType, NoticeKind, notice
from kling_daemon.store import Registration, StoreUnavailableError
from kling_daemon.testing.clock import START

LEASE = timedelta(minutes=5)
COMPLETED = frozenset({"job.completed"})


@contextmanager
def standing(store, handler="archive", room=10):
    """Have a claim stand, and note in one list all that it is given, also that it got nothing after all."""
    taken = []
    with store.standing_claim(handler, lease=LEASE, room=lambda: room, take=taken.append) as claim:
        claim.taken = taken
        yield claim


async def test_a_delivery_is_begun_in_the_transaction_that_makes_it(tmp_path):
    commits = []
    async with opened(tmp_path, on_commit=lambda units, _seconds: commits.append(units)) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        commits.clear()
        with standing(store) as claim:
            recorded = await store.record(news())
        assert commits == [1]
        ((delivery,),) = claim.taken
        assert (delivery.item, delivery.attempt) == (recorded.events[-1], 1)
        assert claim.promised == 0
        (row,) = await store.read.deliveries(limit=10)
        assert (row.state, row.attempt) == ("running", 1)
        assert await store.claim("archive", limit=10, lease=LEASE) == []


async def test_a_claim_gets_no_more_than_it_has_room_for(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with standing(store, room=2) as claim:
            await store.record_all([news(f"t{number}") for number in range(5)])
        assert [len(deliveries) for deliveries in claim.taken] == [2]
        assert len(await store.claim("archive", limit=10, lease=LEASE)) == 3


async def test_the_order_per_job_and_dependencies_hold_as_for_any_claim(tmp_path):
    async with opened(tmp_path) as store:
        notify = Registration(name="notify", events=COMPLETED, depends_on=("archive",))
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS), notify])
        with standing(store) as first, standing(store, "notify") as second:
            await store.record(news())
            ((delivery,),) = first.taken
            assert delivery.item.type is EventType.STATUS_CHANGED
            assert second.taken == [[]]
            done = settle(Acknowledged(), attempt=1, created_at=START, policy=RetryPolicy(), now=START, jitter=0)
            await store.settle(delivery, done, outcome="acknowledged", started_at=START)
            assert len(first.taken) == 1  # nothing new was made: what has become free is for the lane to claim


async def test_notices_are_given_too(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="pager", events=frozenset({"notice"}))])
        with standing(store, "pager") as claim:
            await store.raise_notice(notice(NoticeKind.KLING_SILENT, "default", "Nothing is heard.", START))
        ((delivery,),) = claim.taken
        assert delivery.item.kind is NoticeKind.KLING_SILENT


async def test_of_a_transaction_that_fails_nothing_is_given(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        connection = store._writer._connection
        # The commit itself fails, after the delivery was begun, and so does the repetition.
        await connection.run(lambda: connection.raw.execute("PRAGMA foreign_keys = ON"))
        await connection.transact(
            lambda db: (
                db.execute(
                    "CREATE TRIGGER spoil AFTER UPDATE OF state ON deliveries WHEN new.state = 'running' BEGIN"
                    " INSERT INTO spoilt (parent) VALUES (7); END"
                )
                and None
            )
        )
        await connection.transact(
            lambda db: (
                db.execute(
                    "CREATE TABLE spoilt (parent INTEGER REFERENCES handlers (seq) DEFERRABLE INITIALLY DEFERRED)"
                )
                and None
            )
        )
        with standing(store) as claim:
            with pytest.raises(StoreUnavailableError, match="FOREIGN KEY"):
                await store.record(news())
            assert claim.taken == [[], []]
            assert claim.promised == 0
            await connection.transact(lambda db: db.execute("DROP TRIGGER spoil") and None)
            await store.record(news())
            assert [len(deliveries) for deliveries in claim.taken] == [0, 0, 1]


async def test_a_claim_that_no_longer_stands_is_given_nothing(tmp_path):
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with standing(store) as claim:
            pass
        await store.record(news())
        assert claim.taken == []
        assert len(await store.claim("archive", limit=10, lease=LEASE)) == 1
