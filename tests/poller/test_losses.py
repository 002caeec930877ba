"""A job that Kling has lost ends; one that Kling merely does not show to us never does, and the operator is told."""

from datetime import timedelta

import pytest
from aiohttp import web
from fakes.asking import asking
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.jobs import FailureReason, Generation, JobState
from kling_daemon.reports import Source
from kling_daemon.store import Effect, News

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
UNAVAILABLE = (503, envelope(None, 5001, "maintenance"))


class Kling(ScriptedKling):
    """Knows the tasks of the account that the key opens at the moment; legacy ones at their own path alone."""

    def __init__(self):
        super().__init__(answer=self.serve_tasks)
        self.tasks: dict[str, dict] = {}
        self.legacy: set[str] = set()
        self.broken: tuple[int, dict] | None = None

    def knows(self, *task_ids, status="processing"):
        for task_id in task_ids:
            self.tasks[task_id] = task(task_id, status)

    async def serve_tasks(self, request):
        if self.broken is not None:
            return web.json_response(self.broken[1], status=self.broken[0])
        if request.path in ("/tasks", "/solutions"):
            ids = request.query["task_ids"].split(",")
            found = [self.tasks[id_] for id_ in ids if id_ in self.tasks and id_ not in self.legacy]
            return web.json_response(envelope(found))
        id_ = request.path.rpartition("/")[2]
        if id_ in self.legacy & self.tasks.keys():
            return web.json_response(envelope({"task_id": id_, "task_status": "processing"}))
        return web.json_response(envelope(None, 1201, "Task not found by id"), status=400)


@pytest.fixture
async def kling():
    async with Kling().serve() as kling:
        yield kling


async def tracked(here, *task_ids, state=JobState.PROCESSING, endpoint=NEW_VIDEO, is_answered=True, **more):
    """Let Kling call back about tasks, one after the other, and say the same when it is asked."""
    for task_id in task_ids:
        job = await here.called_back(task_id, state, endpoint=endpoint, **more)
        if is_answered:
            report = here.report(task_id, state, source=Source.POLL, endpoint=endpoint, **more)
            await here.tracker.record(News(report=report, job_id=job.id, polled_at=here.clock.now()))
        here.clock.advance(1)


async def poll(here, poller, *, until):
    """Poll whenever something is due, for a while."""
    end = here.clock.now() + until
    while (pause := max(await here.due_in() or until, timedelta(0))) + here.clock.now() < end:
        here.clock.advance(pause)
        await poller.step()


async def ends(here, *task_ids):
    jobs = [await here.job(task_id) for task_id in task_ids]
    return [(job.state.value, job.reason) for job in jobs]


OPEN = ("processing", None)
LOST = ("failed", FailureReason.LOST)


async def test_a_job_that_kling_does_not_know_any_more_is_lost_while_its_neighbours_are_known(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b", "gone", "c")
        kling.knows("a", "b", "c")
        poller = here.poller()
        await poll(here, poller, until=9 * MINUTE)
        assert await ends(here, "a", "gone", "c") == [OPEN, OPEN, OPEN], "the grace begins with the first poll"
        await poll(here, poller, until=15 * MINUTE)
        assert await ends(here, "a", "gone", "c") == [OPEN, LOST, OPEN]
        job = await here.job("gone")
        assert job.message.startswith("Kling has not known it ")
        assert job.message.endswith("while it knows 2 of 2 jobs made around it")
        assert job.callback_missed is False
        assert await here.notices() == []


async def test_the_end_of_a_lost_job_is_told_once_like_any_other(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "gone")
        kling.knows("a")
        await poll(here, here.poller(), until=3 * HOUR)
        job = await here.job("gone")
        events = [event for _, event in await here.store.read.events(limit=50, job_id=job.id)]
        assert [event.type.value for event in events].count("job.failed") == 1
        assert events[-1].job.reason is FailureReason.LOST


async def test_with_the_key_of_another_account_nothing_is_lost_and_the_operator_is_asked(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b", "c")
        await tracked(here, "ended", state=JobState.SUCCEEDED)
        poller = here.poller()
        await poll(here, poller, until=30 * MINUTE)
        # What is made with the wrong key is known to it, and is no witness for what was made before.
        await tracked(here, *(f"wrong{number}" for number in range(12)))
        kling.knows(*(f"wrong{number}" for number in range(12)))
        await poll(here, poller, until=3 * HOUR)
        assert await ends(here, "a", "b", "c") == [OPEN] * 3
        (notice,) = await here.store.read.open_notices()
        assert notice.kind.value == "kling.account"
        assert "does not know job" in notice.message
        # The right key again.
        kling.tasks.clear()
        kling.knows("a", "b", "c", "ended", status="succeeded")
        await poll(here, poller, until=3 * HOUR)
        assert await ends(here, "a", "b", "c") == [("succeeded", None)] * 3
        # And now those of the wrong account are unknown, and not lost either.
        assert await ends(here, *(f"wrong{number}" for number in range(12))) == [OPEN] * 12
        (notice,) = await here.store.read.open_notices()
        assert (await here.job(notice.subject)).task_id.startswith("wrong")


async def test_the_notice_outlives_a_restart_and_goes_when_its_job_is_known(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b")
        await poll(here, here.poller(), until=60 * MINUTE)
        assert await here.notices() == ["kling.account"]
    kling.knows("a", "b")
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        assert await here.notices() == ["kling.account"]
        await poll(here, here.poller(), until=10 * MINUTE)
        assert await here.notices() == []


async def test_the_notice_goes_when_its_job_ends_by_callback(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b")
        poller = here.poller()
        await poll(here, poller, until=60 * MINUTE)
        for task_id in ("a", "b"):
            await here.called_back(task_id, JobState.SUCCEEDED)
        here.clock.advance(MINUTE)
        await tracked(here, "c")
        kling.knows("c")
        await poll(here, poller, until=10 * MINUTE)
        assert await here.notices() == []


async def test_what_was_heard_of_later_is_no_witness_even_if_kling_still_calls_back_about_a_job(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b")
        # From now on the key is another account's. Its tasks, some older than ours, become jobs too.
        others = [f"other{number}" for number in range(12)]
        kling.knows(*others)
        await tracked(here, *others, created_at=here.clock.now() - HOUR)
        # The right account calls back as it did before.
        await here.called_back("a", updated_at=here.clock.now(), message="still at it")
        await poll(here, here.poller(), until=3 * HOUR)
        assert await ends(here, "a", "b") == [OPEN, OPEN]
        assert await here.notices() == ["kling.account"]


async def test_a_job_that_kling_has_never_answered_for_is_never_lost(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b")
        await tracked(here, "of-another-account", is_answered=False)
        kling.knows("a", "b")
        await poll(here, here.poller(), until=3 * HOUR)
        assert await ends(here, "of-another-account") == [OPEN]


async def test_thousands_of_legacy_jobs_that_a_swapped_key_does_not_know_cost_few_requests(tmp_path, kling):
    names = [f"legacy{number}" for number in range(300)]
    async with asking(tmp_path, kling.url) as here:
        for name in names:
            await here.called_back(name, endpoint=LEGACY_VIDEO, generation=Generation.LEGACY)
    here.clock.advance(10 * MINUTE)
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        await here.poller().step()
        assert here.requests == {"query": 1 + 15, "query_one": 10 + 3 * 10}
        assert await here.due_in() > timedelta(0)
        assert await here.notices() == ["kling.account"]
        # The right key: each is asked for.
        kling.legacy |= set(names)
        kling.knows(*names)
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert here.polls["answered"] == 300


async def test_when_many_vanish_together_nothing_is_lost_though_others_are_known(tmp_path, kling):
    names = [f"m{number}" for number in range(12)]
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, *(f"k{number}" for number in range(20)), *names)
        kling.knows(*(f"k{number}" for number in range(20)))
        await poll(here, here.poller(), until=3 * HOUR)
        assert await ends(here, *names) == [OPEN] * 12
        assert await here.notices() == ["kling.account"]


async def test_a_job_that_is_the_only_one_is_never_lost(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "only")
        await poll(here, here.poller(), until=3 * HOUR)
        assert await ends(here, "only") == [OPEN]
        assert await here.notices() == []


async def test_a_restart_and_an_outage_begin_the_series_anew(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "late")
        kling.knows("a")
        await poll(here, here.poller(), until=9 * MINUTE)
        here.clock.advance(DAY)
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        poller = here.poller()
        await poll(here, poller, until=9 * MINUTE)
        kling.broken = UNAVAILABLE
        here.clock.advance(10 * MINUTE)
        await poller.step()
        here.clock.advance(DAY)
        await poller.step()
        kling.broken = None
        await poll(here, poller, until=9 * MINUTE)
        assert await ends(here, "late") == [OPEN]
        kling.knows("late", status="succeeded")
        await poll(here, poller, until=9 * MINUTE)
        assert await ends(here, "late") == [("succeeded", None)]


async def test_a_callback_in_between_begins_the_series_anew(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "called")
        kling.knows("a")
        poller = here.poller()
        await here.called_back("called", updated_at=here.clock.now(), message="after it was asked for")
        for number in range(4):
            await poll(here, poller, until=14 * MINUTE)
            await here.called_back("called", updated_at=here.clock.now(), message=f"{number}")
        assert await ends(here, "called") == [OPEN]


async def test_a_callback_that_comes_while_a_job_is_looked_into_is_not_overruled(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "called")
        await here.called_back("a", JobState.SUCCEEDED)
        kling.knows("a", status="succeeded")

        async def meanwhile(request):
            # Nobody polls what has ended: only to look into the other job it is asked for.
            if request.query["task_ids"] == "called,a":
                await here.called_back("called", JobState.SUCCEEDED)
            return await kling.serve_tasks(request)

        kling.answer = meanwhile
        await poll(here, here.poller(), until=60 * MINUTE)
        job = await here.job("called")
        assert (job.state, job.contradicted) == ("succeeded", False)


async def test_a_legacy_job_is_asked_for_at_its_own_path_too_before_it_is_lost(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for task_id in ("a", "gone", "b"):
            await tracked(here, task_id, endpoint=LEGACY_VIDEO, generation=Generation.LEGACY)
        kling.legacy |= {"a", "b"}
        kling.knows("a", "b")
        await poll(here, here.poller(), until=60 * MINUTE)
        assert await ends(here, "a", "gone", "b") == [OPEN, LOST, OPEN]


@pytest.mark.parametrize("where", [{"endpoint": None, "generation": Generation.LEGACY}])
async def test_a_job_that_cannot_be_asked_for_everywhere_is_never_lost(tmp_path, kling, where):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "b")
        await tracked(here, "unknown", **where)
        kling.knows("a", "b")
        await poll(here, here.poller(), until=3 * HOUR)
        assert await ends(here, "unknown") == [OPEN]


async def test_with_a_key_pair_neighbours_are_asked_for_at_their_own_paths(tmp_path, kling):
    async with asking(tmp_path, kling.url, key_pair=True) as here:
        await tracked(here, "a", "gone", endpoint=LEGACY_VIDEO, generation=Generation.LEGACY)
        kling.legacy |= {"a"}
        kling.knows("a")
        await poll(here, here.poller(), until=60 * MINUTE)
        assert await ends(here, "a", "gone") == [OPEN, LOST]


async def test_a_lost_job_that_kling_speaks_of_again_stays_lost_and_is_contradicted(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await tracked(here, "a", "gone")
        kling.knows("a")
        await poll(here, here.poller(), until=60 * MINUTE)
        late = await here.called_back("gone", JobState.PROCESSING)
        assert (late.reason, late.contradicted) == (FailureReason.LOST, False), "a late callback tells nothing new"
        report = here.report("gone", JobState.SUCCEEDED, updated_at=here.clock.now())
        recorded = await here.tracker.record(News(report=report))
        assert recorded.effect is Effect.CONTRADICTED
        job = await here.job("gone")
        assert (job.state, job.reason, job.contradicted) == ("failed", FailureReason.LOST, True)
