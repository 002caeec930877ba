"""Standing claims: what a lane has room for is begun in the transaction that makes it."""

from datetime import timedelta

import pytest
from fakes.stored_news import ALL_EVENTS, news, opened, record_all
from fakes.troubled_database import full_disk

from kling_daemon.deliveries import Acknowledged, RetryPolicy, settle
from kling_daemon.events import EventType, NoticeKind, notice
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration, StandingClaim, StoreUnavailableError
from kling_daemon.testing.clock import START

LEASE = timedelta(minutes=5)
COMPLETED = frozenset({"job.completed"})


class Claimant:
    """What stands for a lane: it has so much room, and notes what it hears."""

    def __init__(self, handler="archive", room=10):
        self.taken, self.heard = [], []
        self.claim = StandingClaim(
            handler=handler,
            lease=LEASE,
            room=lambda: room,
            take=self._take,
            withdraw=lambda: self.heard.append("withdrawn"),
            pass_over=lambda: self.heard.append("passed over"),
        )

    def _take(self, deliveries):
        self.taken += deliveries
        self.heard.append(f"given {len(deliveries)}")


async def test_a_delivery_is_begun_in_the_transaction_that_makes_it(tmp_path):
    commits, lane = [], Claimant()
    async with opened(tmp_path, on_commit=lambda units, _seconds: commits.append(units)) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        commits.clear()
        with store.standing(lane.claim):
            recorded = await store.record(news())
        assert commits == [1]
        (delivery,) = lane.taken
        assert (delivery.item, delivery.attempt) == (recorded.events[-1], 1)
        assert lane.claim.promised == 0
        (row,) = await store.read.deliveries(limit=10)
        assert (row.state, row.attempt) == ("running", 1)
        assert await store.claim("archive", limit=10, lease=LEASE) == []


async def test_a_claim_gets_no_more_than_it_has_room_for(tmp_path):
    lane = Claimant(room=2)
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with store.standing(lane.claim):
            await record_all(store, [news(f"t{number}") for number in range(5)])
        assert lane.heard == ["given 2"]
        assert len(await store.claim("archive", limit=10, lease=LEASE)) == 3


async def test_a_claim_without_room_hears_what_it_misses(tmp_path):
    lane = Claimant(room=0)
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with store.standing(lane.claim):
            await store.record(news(state=JobState.PROCESSING))
            assert lane.heard == []
            await store.record(news())
        assert lane.heard == ["passed over"]


async def test_what_was_due_before_is_begun_along_with_what_is_new(tmp_path):
    lane = Claimant()
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        await store.record(news("t1"))
        with store.standing(lane.claim):
            await store.record(news("t2"))
    assert [delivery.item.job.task_id for delivery in lane.taken] == ["t1", "t2"]


async def test_the_order_per_job_and_dependencies_hold_as_for_any_claim(tmp_path):
    first, second = Claimant(), Claimant("notify")
    async with opened(tmp_path) as store:
        notify = Registration(name="notify", events=COMPLETED, depends_on=("archive",))
        await store.register_handlers([Registration(name="archive", events=ALL_EVENTS), notify])
        with store.standing(first.claim), store.standing(second.claim):
            await store.record(news())
            (delivery,) = first.taken
            assert delivery.item.type is EventType.STATUS_CHANGED
            assert second.heard == []
            done = settle(Acknowledged(), attempt=1, created_at=START, policy=RetryPolicy(), now=START, jitter=0)
            await store.settle(delivery, done, outcome="acknowledged", started_at=START)
            assert len(first.taken) == 1  # nothing new was made: what has become free is for the lane to claim


async def test_notices_are_given_too(tmp_path):
    lane = Claimant("pager")
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="pager", events=frozenset({"notice"}))])
        with store.standing(lane.claim):
            await store.raise_notice(notice(NoticeKind.KLING_SILENT, "default", "Nothing is heard.", START))
        (delivery,) = lane.taken
        assert delivery.item.kind is NoticeKind.KLING_SILENT


async def test_of_a_transaction_that_fails_nothing_is_given(tmp_path):
    lane = Claimant()
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with store.standing(lane.claim):
            with full_disk(tmp_path), pytest.raises(StoreUnavailableError, match="cannot commit"):
                await store.record(news())
            assert lane.heard == ["withdrawn", "withdrawn"], "once with its group, and once more alone"
            assert lane.claim.promised == 0
            await store.record(news())
            assert lane.heard[2:] == ["given 1"]


async def test_a_claim_that_no_longer_stands_is_given_nothing(tmp_path):
    lane = Claimant()
    async with opened(tmp_path) as store:
        await store.register_handlers([Registration(name="archive", events=COMPLETED)])
        with store.standing(lane.claim):
            pass
        await store.record(news())
        assert lane.heard == []
        assert len(await store.claim("archive", limit=10, lease=LEASE)) == 1


async def test_two_claims_cannot_stand_for_one_handler(tmp_path):
    async with opened(tmp_path) as store:
        with (
            store.standing(Claimant().claim),
            store.standing(Claimant("other").claim),
            pytest.raises(ValueError, match="'archive'"),
            store.standing(Claimant().claim),
        ):
            pass
        with store.standing(Claimant().claim):
            pass
