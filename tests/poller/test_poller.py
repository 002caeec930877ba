"""When Kling is asked, about what, and what follows from its silence."""

import asyncio
import json
from datetime import timedelta
from itertools import pairwise

import pytest
from aiohttp import web
from fakes.asking import CALLBACK_URL, asking
from fakes.dispatching import until
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO
from fakes.knowing_kling import OUTAGES, KnowingKling
from fakes.scripted_kling import envelope, task
from structlog.testing import capture_logs

from kling_daemon.jobs import Generation, JobState
from kling_daemon.reports import Source
from kling_daemon.store import HintWeight, News, StoreUnavailableError
from kling_daemon.telemetry.rarely import EVERY

MINUTE = timedelta(minutes=1)
PROCESSING = JobState.PROCESSING


@pytest.fixture
async def kling():
    async with KnowingKling().serve() as kling:
        yield kling


async def test_a_job_that_called_back_is_left_to_its_callbacks_for_five_minutes(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        poller = here.poller()
        assert await poller.step() == timedelta(seconds=30)
        here.clock.advance(4 * MINUTE + timedelta(seconds=59))
        await poller.step()
        assert kling.asked == []
        here.clock.advance(MINUTE)
        kling.knows("t1", "succeeded")
        await poller.step()
        assert kling.batches == [["t1"]]
        assert (await here.job("t1")).state == "succeeded"
        assert await here.due_in() is None


async def test_every_callback_puts_the_poll_off_again(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for _ in range(5):
            await here.called_back("t1")
            here.clock.advance(4 * MINUTE)
            await here.poller().step()
        assert kling.asked == []


async def test_a_job_without_callbacks_is_polled_from_the_start_and_ever_more_slowly(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        intake = here.intake(callback_url=None)
        job = await intake.accept(NEW_VIDEO, {"prompt": "x"})
        await here.tracker.record(
            News(report=here.report("t1", JobState.SUBMITTED, source=Source.SUBMISSION), job_id=job.id)
        )
        kling.knows("t1")
        pauses = []
        for _ in range(8):
            pause = await here.due_in()
            pauses.append(pause)
            here.clock.advance(pause)
            await here.poller().step()
        assert len(kling.asked) == 8
        assert timedelta(seconds=11) <= pauses[0] <= timedelta(seconds=15)
        assert all(pause <= 5 * MINUTE for pause in pauses)
        assert pauses[-1] >= 3 * MINUTE
        assert (await here.job("t1")).callback_missed is False


async def test_a_job_whose_callback_goes_elsewhere_is_polled_from_the_start(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        body = {"prompt": "x", "options": {"callback_url": "https://elsewhere.example/"}}
        job = await here.intake(callback_url=CALLBACK_URL).accept(NEW_VIDEO, body)
        await here.tracker.record(
            News(report=here.report("t1", JobState.SUBMITTED, source=Source.SUBMISSION), job_id=job.id)
        )
        assert await here.due_in() <= timedelta(seconds=15)


async def test_an_end_that_a_poll_found_unprompted_is_a_missed_callback(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        kling.knows("t1", "succeeded")
        here.clock.advance(6 * MINUTE)
        await here.poller().step()
        assert (await here.job("t1")).callback_missed is True
        assert list((await here.store.read.missed_callbacks()).values()) == [1]


async def test_an_end_that_a_hint_prompted_us_to_look_for_is_no_missed_callback(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        kling.knows("t1", "succeeded")
        await here.prompted(job)
        assert await here.due_in() == timedelta(0)
        await here.poller().step()
        after = await here.job("t1")
        assert (after.state, after.callback_missed) == ("succeeded", False)


async def test_only_the_end_counts_as_missed(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1", JobState.SUBMITTED)
        kling.knows("t1", "processing")
        here.clock.advance(6 * MINUTE)
        await here.poller().step()
        assert (await here.job("t1")).callback_missed is False


async def test_a_hint_that_kling_answered_leaves_the_job_to_its_callbacks_again(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        kling.knows("t1", "processing")
        await here.prompted(job)
        await here.poller().step()
        assert await here.due_in() >= 5 * MINUTE


async def test_a_hint_that_comes_while_kling_is_being_asked_has_it_asked_again(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        here.clock.advance(6 * MINUTE)

        async def meanwhile(request):
            answer = await kling.serve_tasks(request)
            here.clock.advance(1)
            await here.prompted(job)
            kling.knows("t1", "succeeded")
            kling.answer = kling.serve_tasks
            return answer

        kling.knows("t1", "processing")
        kling.answer = meanwhile
        poller = here.poller()
        await poller.step()
        assert await here.due_in() == timedelta(0)
        await poller.step()
        after = await here.job("t1")
        assert (after.state, after.callback_missed) == ("succeeded", False)


async def test_a_hint_that_comes_while_kling_does_not_know_the_job_has_it_asked_again(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        here.clock.advance(6 * MINUTE)

        async def meanwhile(request):
            here.clock.advance(1)
            await here.prompted(job)
            return await kling.serve_tasks(request)

        kling.answer = meanwhile
        await here.poller().step()
        assert await here.due_in() == timedelta(0)


async def test_a_thousand_overdue_jobs_are_brought_to_their_end_in_at_most_sixty_requests(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.tracker.record_all(
            [News(report=here.report(f"t{number}", PROCESSING), adopt=True) for number in range(1000)]
        )
        for number in range(1000):
            kling.knows(f"t{number}", "succeeded")
        here.clock.advance(10 * MINUTE)
        poller = here.poller()
        while await here.store.due.due_polls(here.clock.now(), 1):
            await poller.step()
        assert await here.store.read.job_counts() == {"succeeded": 1000}
        assert len(kling.asked) <= 60
        assert here.polls == {"answered": 1000}


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
async def test_an_outage_loses_nothing_and_is_backed_off_from(tmp_path, kling, outage):
    async with asking(tmp_path, kling.url) as here:
        for number in range(30):
            await here.called_back(f"t{number}")
            kling.knows(f"t{number}", "succeeded")
        here.clock.advance(10 * MINUTE)
        due, poller = await here.due_in(), here.poller()
        kling.broken = outage
        pauses = [await poller.step() for _ in range(9)]
        assert pauses == [timedelta(seconds=seconds) for seconds in (1, 2, 4, 8, 16, 32, 60, 60, 60)]
        assert await here.due_in() == due
        assert await here.store.read.job_counts() == {"processing": 30}
        kling.broken = None
        assert await poller.step() == timedelta(seconds=30)
        assert await here.store.read.job_counts() == {"succeeded": 30}


async def test_kling_is_called_silent_after_five_minutes_and_the_notice_goes_with_the_first_answer(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        kling.knows("t1")
        here.clock.advance(10 * MINUTE)
        poller, kling.broken = here.poller(), OUTAGES["maintenance"]
        await poller.step()
        here.clock.advance(4 * MINUTE + timedelta(seconds=59))
        await poller.step()
        assert await here.notices() == []
        here.clock.advance(timedelta(seconds=1))
        await poller.step()
        await poller.step()
        assert await here.notices() == ["kling.silent"]
        kling.broken = None
        await poller.step()
        assert await here.notices() == []


async def test_a_wall_clock_that_jumps_makes_no_silence(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        here.clock.advance(10 * MINUTE)
        poller, kling.broken = here.poller(), OUTAGES["maintenance"]
        await poller.step()
        here.clock.set(here.clock.now() + timedelta(days=1))
        await poller.step()
        assert await here.notices() == []


async def test_refused_credentials_are_a_notice_at_once_that_goes_when_they_are_accepted(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        kling.knows("t1", "succeeded")
        here.clock.advance(10 * MINUTE)
        poller, kling.broken = here.poller(), OUTAGES["no key"]
        await poller.step()
        assert await here.notices() == ["kling.credentials"]
        kling.broken = None
        await poller.step()
        assert await here.notices() == []


async def test_a_notice_that_an_earlier_run_left_open_is_cleared_by_the_first_answer(tmp_path, kling):
    kling.broken = OUTAGES["no key"]
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert await here.notices() == ["kling.credentials"]
    kling.broken = None
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        await here.poller().step()
        assert await here.notices() == []


async def test_a_job_that_kling_does_not_know_is_asked_for_again_ever_more_slowly_and_never_ends(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        here.clock.advance(10 * MINUTE)
        poller, pauses = here.poller(), []
        for _ in range(50):
            await poller.step()
            pauses.append(await here.due_in())
            here.clock.advance(pauses[-1])
        assert len(kling.batches) == 50
        assert pauses[0] <= timedelta(seconds=15)
        assert 3 * MINUTE <= pauses[-1] <= 5 * MINUTE
        assert (await here.job("t1")).state == "processing"
        kling.knows("t1", "succeeded")
        await poller.step()
        assert (await here.job("t1")).state == "succeeded"
        assert here.polls == {"unknown": 50, "answered": 1}


async def test_unknown_jobs_take_no_known_one_along(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for task_id in ("known", "unknown"):
            await here.called_back(task_id)
        kling.knows("known", "succeeded")
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert await here.store.read.job_counts() == {"processing": 1, "succeeded": 1}


async def test_with_the_wrong_key_the_log_has_a_line_each_five_seconds_and_not_one_for_each_query(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(20):
            await here.called_back(f"unknown{number}")
            here.clock.advance(timedelta(milliseconds=100))
        here.clock.advance(5 * MINUTE)
        poller = here.poller()
        told = []
        for _ in range(20):
            with capture_logs() as lines:
                pause = await poller.step()
            told += [
                (here.clock.monotonic(), line["passed_over"])
                for line in lines
                if line["event"] == "kling does not know jobs"
            ]
            here.clock.advance(min(pause, timedelta(seconds=1)))
        moments = [moment for moment, _ in told]
        assert all(later - earlier >= EVERY for earlier, later in pairwise(moments))
        assert 0 < len(told) < len(kling.batches)
        assert len(told) + sum(passed_over for _, passed_over in told) <= len(kling.batches)


async def test_one_id_that_kling_takes_offence_at_neither_silences_nor_slows_the_others(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(40):
            await here.called_back(f"t{number}")
            kling.knows(f"t{number}", "succeeded")
        kling.refused = {"t7"}
        here.clock.advance(10 * MINUTE)
        poller = here.poller()
        assert await poller.step() > timedelta(seconds=5)
        assert await here.store.read.job_counts() == {"processing": 1, "succeeded": 39}
        # Now it is the only one that is due: it is put off like any other, and nobody thinks of an outage.
        here.clock.advance(await here.due_in())
        await here.called_back("late")
        assert await poller.step() > timedelta(seconds=5)
        assert await here.notices() == []
        assert here.polls["unreadable"] == 2


async def test_a_legacy_job_that_its_own_path_refuses_does_not_hold_up_the_next(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for task_id in ("t1", "t2", "t3"):
            await here.called_back(task_id, generation=Generation.LEGACY, endpoint=LEGACY_VIDEO)
        kling.elsewhere[f"{LEGACY_VIDEO}/t1"] = (404, envelope(None, 1203, "no such resource"))
        kling.elsewhere[f"{LEGACY_VIDEO}/t3"] = (
            200,
            envelope({"task_id": "t3", "task_status": "succeed", "task_result": {}}),
        )
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert [(await here.job(task_id)).state.value for task_id in ("t1", "t2", "t3")] == [
            "processing", "processing", "succeeded",
        ]  # fmt: skip
        assert await here.due_in() > timedelta(seconds=5)
        assert here.polls == {"unreadable": 1, "unknown": 1, "answered": 1}


async def test_an_outage_in_the_middle_of_legacy_queries_leaves_the_rest_due(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(10):
            await here.called_back(f"t{number}", generation=Generation.LEGACY, endpoint=LEGACY_VIDEO)
            kling.elsewhere[f"{LEGACY_VIDEO}/t{number}"] = OUTAGES["maintenance"]
        here.clock.advance(10 * MINUTE)
        assert await here.poller().step() == timedelta(seconds=1)
        assert here.requests == {"query": 1, "query_one": 1}
        assert await here.due_in() <= timedelta(0)


async def test_hints_cost_at_most_so_many_queries_a_minute(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.hinted(*(f"h{number}" for number in range(500)))
        poller = here.poller(hint_queries_per_minute=6.0)
        for _ in range(60):
            pause = await poller.step()
            assert timedelta(0) <= pause <= timedelta(seconds=20)
            here.clock.advance(1)
        # What `/tasks` does not know is asked for at `/solutions`: two requests, two turns.
        assert len(kling.asked) == 6
        assert [len(batch) for batch in kling.batches + kling.solution_batches] == [20] * 6
        assert await here.store.read.hint_count() == 440


async def test_a_hinted_solution_is_found_within_the_hints_budget(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.solutions = {"s1": task("s1", "succeeded")}
        kling.knows("t1")
        await here.hinted("s1", "t1")
        await here.poller().step()
        assert (kling.batches, kling.solution_batches) == ([["s1", "t1"]], [["s1"]])
        assert (await here.job("s1")).state == "succeeded"
        assert await here.store.due.hints(5) == []


async def test_a_job_of_a_solution_is_polled_at_the_solutions_and_nowhere_else(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.solutions = {"s1": task("s1", "succeeded")}
        await here.called_back("s1", endpoint="/solutions/talking_agent")
        await here.called_back("s2", endpoint="/solutions/talking_agent")
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert (kling.batches, kling.solution_batches) == ([], [["s1", "s2"]])
        assert (await here.job("s1")).state == "succeeded"
        assert (await here.job("s2")).state == "processing"
        assert here.polls == {"answered": 1, "unknown": 1}


async def test_a_job_whose_path_nobody_knows_may_be_a_solution(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.solutions = {"s1": task("s1", "succeeded")}
        await here.called_back("s1")
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert (kling.batches, kling.solution_batches) == ([["s1"]], [["s1"]])
        assert (await here.job("s1")).state == "succeeded"


async def test_a_host_without_solutions_makes_nothing_unanswered(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.solutions = None
        await here.called_back("t1")
        here.clock.advance(10 * MINUTE)
        assert await here.poller().step() > timedelta(0)
        assert here.polls == {"unknown": 1}
        assert await here.notices() == []


async def test_while_the_solutions_do_not_answer_nothing_follows_from_what_tasks_does_not_know(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.elsewhere["/solutions"] = OUTAGES["maintenance"]
        await here.called_back("s1")
        here.clock.advance(10 * MINUTE)
        await here.poller().step()
        assert here.polls == {"failed": 1}
        assert await here.due_in() <= timedelta(0)


async def test_a_wall_clock_that_is_set_back_does_not_silence_hints(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.hinted("h1")
        poller = here.poller()
        await poller.step()
        here.clock.set(here.clock.now() - timedelta(days=365))
        await here.hinted("h2")
        here.clock.advance(20)
        await poller.step()
        assert kling.batches == [["h1"], ["h2"]]


@pytest.mark.parametrize("adopt", [True, False])
async def test_a_hinted_task_that_kling_knows_is_tracked_if_so_configured(tmp_path, kling, adopt):
    async with asking(tmp_path, kling.url) as here:
        kling.knows("mine", "succeeded")
        await here.hinted("mine", "not-mine")
        await here.poller(adopt=adopt).step()
        assert [job.task_id for _, job in await here.store.read.jobs(limit=9)] == (["mine"] if adopt else [])
        assert await here.store.read.hint_count() == 0


async def test_hints_wait_while_kling_is_away(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.broken = OUTAGES["maintenance"]
        await here.hinted("h1")
        poller = here.poller()
        assert await poller.step() == timedelta(seconds=1)
        assert await here.store.read.hint_count() == 1
        kling.broken = None
        here.clock.advance(10)
        await poller.step()
        assert await here.store.read.hint_count() == 0


async def test_a_hint_that_makes_kling_refuse_the_query_is_forgotten_and_slows_nothing(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.refused = {"poison"}
        await here.hinted("poison")
        assert await here.poller().step() == timedelta(seconds=30)
        assert await here.store.read.hint_count() == 0
        assert await here.notices() == []


async def test_a_flood_of_hints_is_bounded_and_what_gave_way_is_counted(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        recorded = await here.tracker.record_all(
            [News(hint=HintWeight.NONE, hinted_task_id=f"h{number}") for number in range(10_500)]
        )
        assert await here.store.read.hint_count() == 10_000
        assert sum(one.evicted_hints for one in recorded) == 500
        chosen = [hint.task_id for hint in await here.store.due.hints(4)]
        assert chosen == ["h0", "h1", "h10498", "h10499"]


async def test_news_wakes_the_poller_and_stopping_lets_it_end(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.called_back("t1")
        poller = here.poller()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poller.run())
            kling.knows("t1", "succeeded")
            await here.prompted(job)
            await until(lambda: ended(here))
            poller.stop()


async def ended(here):
    return (await here.job("t1")).state == "succeeded"


async def test_the_poller_outlives_a_store_that_fails(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await here.called_back("t1")
        kling.knows("t1", "succeeded")
        here.clock.advance(10 * MINUTE)
        poller = here.poller()
        here.store.due, real = Unavailable(here.store.due), here.store.due
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(poller.run())
            await until(lambda: here.store.due.asked > 0)
            here.store.due = real
            await until(lambda: ended(here))
            poller.stop()


class Unavailable:
    """What is due, in a database that is away."""

    def __init__(self, real):
        self.asked = 0
        self.real = real

    async def due_polls(self, *_):
        self.asked += 1
        raise StoreUnavailableError("disk I/O error")

    def __getattr__(self, name):
        return getattr(self.real, name)


@pytest.mark.parametrize("answer", [(500, envelope(None, 5000, "server error")), (200, "<html>not today</html>")])
@pytest.mark.parametrize("is_legacy", [False, True])
async def test_a_job_that_kling_cannot_answer_for_holds_up_no_other(tmp_path, kling, answer, is_legacy):
    status, body = answer
    body = body if isinstance(body, str) else json.dumps(body)

    async def but_for_one(request):
        if "poison" in request.path_qs:
            if is_legacy and request.path == "/tasks":
                return await kling.serve_tasks(request)
            return web.Response(status=status, text=body, content_type="text/html")
        return await kling.serve_tasks(request)

    kling.answer = but_for_one
    async with asking(tmp_path, kling.url) as here:
        for number in range(15):
            await here.called_back(f"t{number}")
            kling.knows(f"t{number}", "succeeded")
        legacy = {"endpoint": LEGACY_VIDEO, "generation": Generation.LEGACY} if is_legacy else {}
        for number in range(2):
            await here.called_back(f"poison{number}", **legacy)
        here.clock.advance(6 * MINUTE)
        poller = here.poller()
        for _ in range(30):
            here.clock.advance(max(await poller.step(), timedelta(seconds=1)))
        assert {(await here.job(f"t{number}")).state for number in range(15)} == {"succeeded"}
        assert {(await here.job(f"poison{number}")).state for number in range(2)} == {"processing"}


async def test_while_kling_is_down_hardly_anything_is_asked(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(300):
            await here.called_back(f"t{number}")
            kling.knows(f"t{number}", "succeeded")
        here.clock.advance(6 * MINUTE)
        kling.broken = (503, envelope(None, 5001, "maintenance"))
        poller = here.poller()
        for _ in range(10):
            here.clock.advance(await poller.step())
        assert len(kling.asked) <= 2 * 5 + 8 * 3
        kling.broken = None
        for _ in range(5):
            here.clock.advance(await poller.step())
        assert {(await here.job(f"t{number}")).state for number in range(300)} == {"succeeded"}
