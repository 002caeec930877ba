"""Every recorded answer to a query, served by a Kling on a real socket, goes through the poller to the right jobs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from fakes.asking import asking
from fakes.scripted_kling import ScriptedKling, envelope
from recorded.kling_bodies import NAMES, parsed

from kling_daemon.jobs import Generation, JobState
from kling_daemon.polling import PollPolicy
from kling_daemon.testing.clock import ManualClock

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
"""Before the oldest answer was given: its times must not look like the past."""
AT_ONCE = PollPolicy(fallback_after=timedelta(0))


@dataclass(frozen=True)
class Told:
    """What an answer says about one task."""

    state: str
    external_id: str | None = None
    reason: str | None = None
    outputs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    cost: tuple[str, ...] = ()


QUERIES = {
    "new_tasks_get_succeeded_video": {
        "930000000000000001": Told("succeeded", None, None, ("video",), ("main",), ("unit 3 video",)),
    },
    "new_tasks_get_failed_unbilled": {"930000000000000003": Told("failed", None, "input", cost=("unit 0",))},
    "new_tasks_get_all_output_types": {
        "893605946402811985": Told(
            "succeeded", "kd-20", None, ("video", "image", "audio", "voice", "element"),
            ("main", "main", "mp3", "wav", "main", "frontal", "refer"), ("cash 0.21 USD", "unit 8 image"),
        ),
    },
    "new_tasks_get_batch_mixed": {
        "930000000000000010": Told("submitted", "kd-10"),
        "930000000000000011": Told("processing", "kd-11"),
        "930000000000000012": Told("succeeded", "kd-12", None, ("video",), ("main", "watermark"), ("unit 2.4 video",)),
        "930000000000000013": Told("failed", "kd-13", "moderation", cost=("unit 0",)),
        "930000000000000099": Told("submitted"),
    },
    "new_tasks_get_empty": {"930000000000000099": Told("submitted")},
    "new_tasks_cursor_page": {"930000000000000010": Told("processing", "kd-10")},
    "legacy_query_processing": {"820000000000000001": Told("processing")},
    "legacy_query_succeed_video": {"820000000000000001": Told("succeeded", None, None, ("video",), ("main",))},
    "legacy_query_succeed_images": {
        "820000000000000003": Told(
            "succeeded", "kd-img-1", None, ("image", "image"), ("main", "main"), ("unit 8 image",)
        ),
    },
    "legacy_query_video_to_audio": {
        "820000000000000006": Told(
            "succeeded", "kd-au-1", None, ("video", "audio"), ("main", "mp3", "wav"), ("unit 0.25 video",)
        ),
    },
}  # fmt: skip
SOLUTIONS = {
    "new_solutions_get_products": {
        "930000000000000077": Told(
            "succeeded", "kd-77", None, ("product_image", "model_images", "product_video"), ("main", "main", "main"),
            ("unit 28 video",),
        ),
    },
    "new_solutions_get_subtitles": {
        "930000000000000078": Told(
            "succeeded", "kd-78", None, ("subbed_video", "srt", "ass"), ("main", "main", "main"), ("unit 6 video",)
        ),
    },
    "new_solutions_get_try_on": {
        "930000000000000079": Told("succeeded", "kd-79", None, ("image",), ("main",), ("cash 0.07 USD",)),
    },
}  # fmt: skip
LEGACY = [name for name in QUERIES if name.startswith("legacy")]


def test_every_recorded_query_has_its_expectation():
    assert {name for name in NAMES if "_get_" in name or "_query_" in name} <= {*QUERIES, *SOLUTIONS}


async def poll(tmp_path, kling, known, **job):
    """Let jobs be known, ask Kling once, and insist on what it says."""
    async with asking(tmp_path, kling.url, clock=ManualClock(LONG_AGO), policy=AT_ONCE) as here:
        for task_id in known:
            await here.called_back(task_id, JobState.SUBMITTED, **job)
        await here.poller().step()
        for task_id, told in known.items():
            got = await here.job(task_id)
            assert (got.state, got.external_id, got.reason) == (told.state, told.external_id, told.reason)
            assert tuple(output.type for output in got.outputs) == told.outputs
            assert tuple(file.role for output in got.outputs for file in output.files) == told.files
            assert tuple(" ".join(filter(None, (line.kind, line.amount, line.unit))) for line in got.cost) == told.cost
            events = [event.type.value for _, event in await here.store.read.events(limit=9, job_id=got.id)]
            ends = {"succeeded": ["job.completed"], "failed": ["job.failed"]}
            changes = 1 if told.state == "submitted" else 2
            assert events == ["job.status_changed"] * changes + ends.get(told.state, [])
        assert await here.notices() == []
        return here.requests


@pytest.mark.parametrize("name", QUERIES)
async def test_a_batch_query(tmp_path, name):
    known = QUERIES[name]
    async with ScriptedKling(answer=[(200, parsed(name))]).serve() as kling:
        requests = await poll(tmp_path, kling, known)
        assert kling.asked[0].path == f"/tasks?task_ids={','.join(known)}"
        unknown = [task_id for task_id in known if task_id.endswith("99")]
        # It may be a solution, for nobody has said which path made it.
        assert [asked.path for asked in kling.asked[1:]] == [f"/solutions?task_ids={','.join(unknown)}"] * bool(unknown)
        assert requests == {"query": len(kling.asked)}


@pytest.mark.parametrize("name", SOLUTIONS)
async def test_a_solution_is_asked_for_among_the_solutions(tmp_path, name):
    (task_id,) = SOLUTIONS[name]
    async with ScriptedKling(answer=[(200, parsed(name))]).serve() as kling:
        await poll(tmp_path, kling, SOLUTIONS[name], endpoint="/solutions/talking_agent")
        assert [asked.path for asked in kling.asked] == [f"/solutions?task_ids={task_id}"]


@pytest.mark.parametrize("name", LEGACY)
async def test_a_legacy_task_that_get_tasks_does_not_know_is_asked_for_at_the_path_that_made_it(tmp_path, name):
    (task_id,) = QUERIES[name]

    async def answer(request):
        own = request.path == f"/v1/videos/text2video/{task_id}"
        return web.json_response(parsed(name) if own else envelope([]))

    async with ScriptedKling(answer=answer).serve() as kling:
        requests = await poll(
            tmp_path, kling, QUERIES[name], generation=Generation.LEGACY, endpoint="/v1/videos/text2video"
        )
    assert requests == {"query": 1, "query_one": 1}
