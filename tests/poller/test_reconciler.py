"""What Kling's lists show is found, at the start and every hour, and nothing follows from what they do not show."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.asking import asking
from fakes.dispatching import until
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.clock import to_millis
from kling_daemon.events import NoticeKind
from kling_daemon.jobs import JobState
from kling_daemon.poller.reconciler import EVERY, MAX_PAGES
from kling_daemon.poller.reconciliation import NAMELESS_AFTER
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.store import EventFilter
from kling_daemon.testing import ManualClock

SETTINGS = SimulatorSettings(
    submitted=Span.parse("1s"),
    processing=Span.parse("20s"),
    video_slots=0,
    image_slots=0,
    access_key="simulator",
    secret_key="simulator",
    http_errors=0,
)
SOLUTION, LISTED = "/solutions/talking_agent", "/v1/videos/advanced-lip-sync"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def simulator(clock):
    return Simulator(SETTINGS, clock)


def let_pass(simulator, clock, time):
    clock.advance(time)
    simulator.step()


@pytest.mark.parametrize("key_pair", [False, True])
async def test_jobs_that_came_further_while_nobody_looked_are_found(tmp_path, clock, simulator, key_pair):
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock, key_pair=key_pair) as here:
        paths = [LEGACY_VIDEO, LEGACY_IMAGE] if key_pair else [NEW_VIDEO, SOLUTION, LEGACY_VIDEO]
        jobs = [await here.intake().accept(path, {"prompt": "x"}) for path in paths]
        await here.send()
        let_pass(simulator, clock, 10 * MINUTE)
        reconciler = here.reconciler()
        assert await reconciler.step() == EVERY
        for job, path in zip(jobs, paths, strict=True):
            after = await here.job(job.id)
            assert (after.state, after.endpoint, after.callback_missed) == ("succeeded", path, True)
            stored = await here.store.events.rising(EventFilter(job_id=job.id), limit=9)
            events = [event.type.value for _, event in stored]
            assert events[-2:] == ["job.status_changed", "job.completed"]
        assert here.requests == {"create": len(paths), "list": 2}
        assert here.found == {"advanced": len(paths), "completed": 1}
        last = reconciler.last
        assert (last.lists, last.tasks, last.advanced, last.complete) == (2, len(paths), len(paths), True)


async def test_with_nothing_open_nothing_is_asked(tmp_path, clock, simulator):
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        await here.called_back("t1", JobState.SUCCEEDED)
        await here.intake().accept(NEW_VIDEO, {"prompt": "not sent yet"})
        assert await here.reconciler().step() == EVERY
        assert not here.requests


async def test_what_a_list_shows_no_longer_or_not_yet_stays_as_it_is(tmp_path, clock, simulator):
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        job = await here.called_back("unheard-of")
        clock.advance(HOUR)
        await here.reconciler().step()
        assert await here.job(job.id) == job
        assert here.found == {"completed": 1}


@pytest.mark.parametrize("path", [NEW_VIDEO, SOLUTION, LEGACY_VIDEO, LISTED])
async def test_a_create_whose_answer_was_lost_is_settled_by_its_external_id(tmp_path, clock, path):
    simulator = Simulator(replace(SETTINGS, ambiguous_creates=1), clock)
    key_pair = path in (LEGACY_VIDEO, LISTED)
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock, key_pair=key_pair) as here:
        job = await here.intake().accept(path, {"prompt": "x", "session_id": "1", "face_choose": [{"face_id": "0"}]})
        await here.send()
        assert (await here.job(job.id)).state == "queued"
        await here.reconciler().step()
        after = await here.job(job.id)
        assert (after.state, after.external_id) == ("submitted", job.id)
        assert here.found == {"settled": 1, "completed": 1}
        assert await here.store.due.next_submission_due() is None
        assert len(simulator.tasks()) == 1


async def test_an_end_of_a_moment_ago_is_left_to_its_callback(tmp_path, clock, simulator):
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        let_pass(simulator, clock, timedelta(seconds=25))
        await here.reconciler().step()
        assert (await here.job(job.id)).state == "submitted"
        clock.advance(2 * MINUTE)
        await here.reconciler().step()
        after = await here.job(job.id)
        assert (after.state, after.callback_missed) == ("succeeded", True)


@pytest.mark.parametrize("adopt_all", [False, True])
@pytest.mark.parametrize("key_pair", [False, True])
async def test_tasks_of_other_programs_are_adopted_if_so_configured(tmp_path, clock, simulator, adopt_all, key_pair):
    async with simulator.serve() as url, KlingCaller.at(url) as other:
        before = await other.create(LEGACY_VIDEO, external_task_id="before")
        clock.advance(MINUTE)
        async with asking(tmp_path, url, clock=clock, key_pair=key_pair) as here:
            clock.advance(MINUTE)
            made = [await other.create(LEGACY_VIDEO, external_task_id="x-1")]
            if not key_pair:
                made.append(await other.create(NEW_VIDEO, options={"external_task_id": "x-2"}))
                made.append(await other.create(SOLUTION, options={"external_task_id": "x-3"}))
            let_pass(simulator, clock, MINUTE)
            await here.reconciler(adopt_all=adopt_all).step()
            tracked = [job.task_id for _, job in await here.store.read.jobs(limit=9)]
            ids = {one.get("task_id") or one["id"] for one in made}
            assert set(tracked) == (ids if adopt_all else set())
            assert before["task_id"] not in tracked
            for task_id in tracked:
                job = await here.job(task_id)
                assert (job.origin, job.state, job.callback_missed) == ("adopted", "succeeded", False)
                # Nobody has said that Kling would call us about it.
                assert (await here.store.read.punctuality(clock.now() + HOUR)) == []


async def test_a_legacy_task_is_adopted_with_the_path_that_made_it(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other, asking(tmp_path, url, clock=clock) as here:
        made = await other.create(LEGACY_VIDEO, external_task_id="x-1")
        await here.reconciler(adopt_all=True).step()
        job = await here.job(made["task_id"])
        assert (job.endpoint, job.generation) == (LEGACY_VIDEO, "legacy")


async def test_while_the_account_is_in_doubt_nothing_is_adopted(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other, asking(tmp_path, url, clock=clock) as here:
        await here.board.put_up(NoticeKind.KLING_ACCOUNT, "some job", "is the key another account's?")
        made = await other.create(NEW_VIDEO, options={"external_task_id": "x-1"})
        await here.reconciler(adopt_all=True).step()
        assert await here.store.read.jobs(limit=9) == []
        await here.board.take_down(NoticeKind.KLING_ACCOUNT, "some job")
        clock.advance(HOUR)
        await here.reconciler(adopt_all=True).step()
        assert (await here.job(made["id"])).origin == "adopted"


async def test_an_open_task_that_was_adopted_is_polled_from_then_on(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other, asking(tmp_path, url, clock=clock) as here:
        made = await other.create(NEW_VIDEO, options={"external_task_id": "x-1"})
        await here.reconciler(adopt_all=True).step()
        assert (await here.job(made["id"])).state == "submitted"
        assert await here.due_in() <= MINUTE
        let_pass(simulator, clock, MINUTE)
        await here.poller().step()
        assert (await here.job(made["id"])).state == "succeeded"


async def test_the_first_start_is_remembered_and_each_look_begins_where_the_last_one_ended(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other:
        async with asking(tmp_path, url, clock=clock) as here:
            first = (await here.store.due.account()).first_at
            assert first == clock.now()
        # While the daemon does not run.
        clock.advance(5 * HOUR)
        await other.create(NEW_VIDEO, options={"external_task_id": "x-1"})
        clock.advance(HOUR)
        async with asking(tmp_path, url, clock=clock) as here:
            account = await here.store.due.account()
            assert (account.first_at, account.adopted_until) == (first, None)
            await here.reconciler(adopt_all=True).step()
            assert here.found == {"adopted": 1, "completed": 1}
            began = clock.now()
            clock.advance(10 * HOUR)
            await here.reconciler(adopt_all=True).step()
            assert (await here.store.due.account()).adopted_until == clock.now()
        assert began < clock.now()


async def test_a_task_without_an_external_id_is_adopted_only_when_it_can_be_none_of_ours(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other, asking(tmp_path, url, clock=clock) as here:
        await other.create(NEW_VIDEO)
        await here.reconciler(adopt_all=True).step()
        assert "adopted" not in here.found
        clock.advance(NAMELESS_AFTER)
        await here.reconciler(adopt_all=True).step()
        assert here.found["adopted"] == 1


async def test_a_crash_between_two_pages_loses_nothing(tmp_path, clock, simulator):
    """The look ends in the middle; the next start adopts the rest, and nothing twice."""
    async with simulator.serve() as url, KlingCaller.at(url) as other:
        async with asking(tmp_path, url, clock=clock) as here:
            for number in range(4):
                await other.create(LEGACY_VIDEO, external_task_id=f"x-{number}")
            await other.create(SOLUTION, options={"external_task_id": "s-1"})
            reconciler = here.reconciler(adopt_all=True)
            take = reconciler._take

            async def crash_at_the_solutions(page, *rest):
                if any(report.external_id == "s-1" for report in page.reports):
                    raise asyncio.CancelledError
                await take(page, *rest)

            reconciler._take = crash_at_the_solutions
            with pytest.raises(asyncio.CancelledError):
                await reconciler.step()
            assert (await here.store.due.account()).adopted_until is None
        async with asking(tmp_path, url, clock=clock) as here:
            assert len(await here.store.read.jobs(limit=9)) == 4
            await here.reconciler(adopt_all=True).step()
            assert here.found == {"adopted": 1, "completed": 1}
            assert len(await here.store.read.jobs(limit=9)) == 5


OUTAGE = (503, envelope(None, 5001, "maintenance"))


async def test_an_outage_is_backed_off_from_and_adoption_goes_on_from_where_it_was(tmp_path, clock):
    async with (
        ScriptedKling(answer=[OUTAGE]).serve() as kling,
        asking(tmp_path, kling.url, clock=clock) as here,
    ):
        reconciler = here.reconciler(adopt_all=True)
        pauses = [await reconciler.step() for _ in range(6)]
        assert pauses == [minutes * MINUTE for minutes in (1, 2, 4, 8, 15, 15)]
        assert len(kling.asked) == 6
        assert here.found == {"failed": 6}
        assert (await here.store.due.account()).adopted_until is None
        kling.answer = [(200, envelope([]))]
        assert await reconciler.step() == EVERY
        assert (await here.store.due.account()).adopted_until == clock.now()


async def test_a_list_that_kling_does_not_offer_keeps_no_other_from_being_read(tmp_path, clock):
    async def answer(request):
        if request.path == "/tasks":
            return web.json_response(envelope(None, 1202, "wrong method"), status=404)
        return web.json_response(envelope({"result": [one], "has_more": False}))

    one = task("s1", "succeeded") | {"create_time": to_millis(clock.now() - MINUTE)}
    async with ScriptedKling(answer=answer).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("s1")
        clock.advance(10 * MINUTE)
        reconciler = here.reconciler()
        assert await reconciler.step() == EVERY
        assert (await here.job("s1")).state == "succeeded"
        assert (reconciler.last.lists, await here.notices()) == (1, [])


async def test_a_list_that_is_broken_keeps_no_other_from_being_read_but_is_tried_again(tmp_path, clock):
    async def answer(request):
        if request.path == "/solutions":
            return web.json_response(OUTAGE[1], status=OUTAGE[0])
        return web.json_response(envelope({"result": [one], "has_more": False}))

    one = task("t1", "succeeded") | {"create_time": to_millis(clock.now() - MINUTE)}
    async with ScriptedKling(answer=answer).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("t1")
        clock.advance(10 * MINUTE)
        assert await here.reconciler(adopt_all=True).step() == MINUTE
        assert (await here.job("t1")).state == "succeeded"
        assert here.found == {"advanced": 1, "failed": 1}
        assert (await here.store.due.account()).adopted_until is None


async def test_lists_are_read_back_no_further_than_the_oldest_open_job(tmp_path, clock):
    async def answer(request):
        body = await request.json()
        bodies.append(body)
        number = int(body.get("cursor", 0))
        made = clock.now() - number * HOUR
        page = [task(f"t{number}-{entry}") | {"create_time": to_millis(made)} for entry in range(3)]
        return web.json_response(envelope({"result": page, "has_more": True, "next_cursor": str(number + 1)}))

    bodies = []
    async with ScriptedKling(answer=answer).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("t1", endpoint=NEW_VIDEO, created_at=clock.now() - 2 * HOUR)
        reconciler = here.reconciler()
        await reconciler.step()
        # Five pages: that of now, of one, of two and of three hours ago, and the first whose tasks are all older.
        assert (len(bodies), reconciler.last.pages, reconciler.last.complete) == (5, 5, True)
        assert bodies[0] == {"limit": 500, "start_time": str(to_millis(clock.now() - 3 * HOUR))}


async def test_a_list_without_an_end_is_left_after_a_number_of_pages(tmp_path, clock):
    async def answer(request):
        number = int((await request.json()).get("cursor", 0))
        page = [task(f"t{number}") | {"create_time": to_millis(clock.now())}]
        return web.json_response(envelope({"result": page, "has_more": True, "next_cursor": str(number + 1)}))

    async with ScriptedKling(answer=answer).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("x", endpoint=NEW_VIDEO)
        reconciler = here.reconciler()
        await reconciler.step()
        assert (len(kling.asked), reconciler.last.complete) == (MAX_PAGES, False)


async def test_no_more_is_asked_for_once_it_is_time_to_stop(tmp_path, clock):
    async def answer(request):
        reconciler.stop()
        number = int((await request.json()).get("cursor", 0))
        return web.json_response(
            envelope({"result": [task(f"t{number}")], "has_more": True, "next_cursor": str(number + 1)})
        )

    async with ScriptedKling(answer=answer).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("x")
        reconciler = here.reconciler()
        await reconciler.run()
        assert len(kling.asked) == 1
        assert reconciler.last is None


async def test_kling_contradicting_itself_on_a_list_is_noted_once(tmp_path, clock):
    page = envelope({"result": [task("t1", "failed"), task("t2")], "has_more": False})
    async with ScriptedKling(answer=[(200, page)]).serve() as kling, asking(tmp_path, kling.url, clock=clock) as here:
        await here.called_back("t1", JobState.SUCCEEDED)
        await here.called_back("t2", created_at=clock.now())
        for _ in range(3):
            await here.reconciler().step()
        after = await here.job("t1")
        assert (after.state, after.contradicted) == ("succeeded", True)
        history = await here.store.read.history(after.id, limit=50)
        assert [entry.effect for entry in history.entries].count("contradicted") == 1


async def test_twelve_hundred_tasks_take_three_requests(tmp_path, clock, simulator):
    async with simulator.serve() as url, KlingCaller.at(url) as other, asking(tmp_path, url, clock=clock) as here:
        for number in range(1200):
            await other.create(NEW_VIDEO, options={"external_task_id": f"x-{number}"})
        let_pass(simulator, clock, HOUR)
        reconciler = here.reconciler(adopt_all=True)
        await reconciler.step()
        assert await here.store.read.job_counts() == {"succeeded": 1200}
        assert simulator.stats()["requests"]["list"] == 3
        assert simulator.stats()["refused"] == {}


async def test_it_looks_at_the_start_and_stops_when_told(tmp_path, clock, simulator):
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        let_pass(simulator, clock, HOUR)
        reconciler = here.reconciler()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reconciler.run(), name="reconciler")
            await until(lambda: reconciler.last is not None)
            reconciler.stop()
        assert (await here.job(job.id)).state == "succeeded"
