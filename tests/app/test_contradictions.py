"""Kling contradicting itself is recorded, counted, told of and asked about again; nobody is told of a second end."""

import asyncio
import json

import pytest
from fakes.asking import asking
from fakes.dispatching import Witness, configured, until
from fakes.knowing_kling import KnowingKling
from fakes.running_daemon import running_daemon, trusting
from fakes.scripted_kling import task

from kling_daemon.app.contradictions import MOST, Contradictions
from kling_daemon.events import NoticeKind
from kling_daemon.kling.dialects import read_task
from kling_daemon.reports import Source
from kling_daemon.store import News


@pytest.fixture
async def kling():
    async with KnowingKling().serve() as kling:
        yield kling


def ended(url, task_id="t1", **more):
    outputs = [{"type": "video", "id": "v1", "url": url, "duration": "5"}]
    return task(task_id, "succeeded", outputs=outputs, **more)


TRUE, FORGED = ended("https://cdn.klingai.com/1.mp4?sign=a"), ended("https://evil.example/x.mp4", update_time=4e12)
FAILED = task("t1", "failed", message="no")


def said(here, data):
    return read_task(data, source=Source.CALLBACK, received_at=here.clock.now())


async def called_back(here, data):
    return await here.tracker.record(News(report=said(here, data), adopt=True))


async def told(here, watch):
    await asyncio.sleep(0)  # what is committed is told of on the next turn of the loop
    await watch.look()
    return sorted(await here.board.open_subjects(NoticeKind.KLING_CONTRADICTION))


@pytest.mark.parametrize("second", [FORGED, FAILED], ids=["other results", "another end"])
async def test_kling_is_asked_at_once_and_its_answer_ends_it(tmp_path, kling, second):
    async with asking(tmp_path, kling.url) as here:
        kling.tasks["t1"] = TRUE
        await called_back(here, TRUE)
        watch, poller = Contradictions(here.board, here.tracker), here.poller()
        await poller.step()
        assert (kling.batches, await told(here, watch)) == ([], [])
        job = (await called_back(here, second)).job
        assert job.contradicted
        assert await told(here, watch) == [job.id]
        for _ in range(3):
            await poller.step()
            here.clock.advance(600)
        assert kling.batches == [["t1"]]
        after = await here.job("t1")
        assert (after.state, after.contradicted) == ("succeeded", True)
        assert after.outputs[0].url == "https://cdn.klingai.com/1.mp4?sign=a"


async def test_what_kling_answers_may_be_the_contradiction_and_asks_for_nothing_more(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.tasks["t1"] = TRUE
        await called_back(here, FORGED)
        await called_back(here, FAILED)
        poller = here.poller()
        for _ in range(5):
            await poller.step()
            here.clock.advance(600)
        assert kling.batches == [["t1"]]
        assert await here.due_in() is None
        history = await here.store.read.history((await here.job("t1")).id, limit=99)
        said = [(entry.source, entry.effect) for entry in history.entries if entry.effect == "contradicted"]
        assert said == [("callback", "contradicted"), ("poll", "contradicted")]
        assert (await here.job("t1")).outputs[0].url == "https://cdn.klingai.com/1.mp4?sign=a"


async def test_one_that_kling_does_not_know_any_more_is_asked_about_once_and_is_not_lost(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await called_back(here, TRUE)
        await called_back(here, FAILED)
        poller = here.poller()
        for _ in range(20):
            await poller.step()
            here.clock.advance(600)
        assert kling.batches == [["t1"]]
        after = await here.job("t1")
        assert (after.state, after.reason) == ("succeeded", None)


async def test_a_flood_of_contradictions_costs_a_bounded_number_of_queries_and_one_notice(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.tasks["t1"] = TRUE
        await called_back(here, TRUE)
        watch, poller = Contradictions(here.board, here.tracker), here.poller()
        for _ in range(600):
            job = (await called_back(here, FAILED)).job
            await poller.step()
            await watch.look()
            here.clock.advance(1)
        assert len(kling.batches) == 8
        assert await told(here, watch) == [job.id]


async def test_innocent_differences_are_no_contradiction(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        await called_back(here, task("t1", "succeeded"))
        await called_back(here, TRUE)
        await called_back(
            here, ended("https://v15.kechuangai.com/1.mp4?sign=b", billing=[{"type": "unit", "value": 1}])
        )
        await called_back(here, task("t1", "succeeded"))
        watch = Contradictions(here.board, here.tracker)
        assert await told(here, watch) == []
        assert (await here.job("t1")).contradicted is False


async def test_only_so_many_jobs_are_told_of_and_the_next_start_begins_anew(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(MOST + 5):
            await called_back(here, task(f"j{number}", "succeeded"))
            await called_back(here, task(f"j{number}", "failed"))
        assert len(await told(here, Contradictions(here.board, here.tracker))) == MOST
        messages = [notice.message for notice in await here.store.read.open_notices()]
        assert [message.endswith("until the next start.") for message in messages].count(True) == 1
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        assert await told(here, Contradictions(here.board, here.tracker)) == []


async def test_the_daemon_counts_it_shows_it_and_tells_no_handler_of_a_second_end(tmp_path, kling):
    kling.tasks["t1"] = TRUE
    witness = Witness()
    async with running_daemon(
        tmp_path, handlers=[configured("w", witness.open)], kling=kling.url, trust=trusting()
    ) as daemon:
        for number, data in enumerate((TRUE, FORGED, FAILED)):
            body = json.dumps(data).encode()
            assert (await daemon.post_signed(body, webhook_id=f"msg_{number}")).status == 200
        await until(lambda: kling.batches == [["t1"]])
        await daemon.until_delivered("w", 2)
        assert [item.type.value for item in witness.seen] == ["job.status_changed", "job.completed"]
        async with daemon.api.get("/api/v1/jobs/t1") as answer:
            shown = await answer.json()
        assert (shown["state"], shown["contradicted"]) == ("succeeded", True)
        async with daemon.api.get("/metrics") as answer:
            lines = (await answer.text()).splitlines()
        counted = {line for line in lines if line.startswith("kling_daemon_contradictions_total")}
        assert 'kling_daemon_contradictions_total{what="end"} 1.0' in counted
        assert any('what="results"' in line for line in counted)
