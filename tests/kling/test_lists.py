"""Lists are read page by page, as far back as they are wanted, whatever shapes they come in."""

import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope, task
from recorded.kling_bodies import parsed

from kling_daemon.clock import to_millis
from kling_daemon.jobs import JobState
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.lists import ProductType
from kling_daemon.testing import ManualClock

NOW = ManualClock().now()
LEGACY = "/v1/videos/text2video"
EMPTY = [None, {}, [], "missing", {"result": None}, {"result": [], "has_more": False}, {"count": 0}]


class Listing(ScriptedKling):
    """A list of tasks, the newest first unless a test turns it round; it heeds what it is told to heed."""

    def __init__(self, count=0, *, ascending=False, heeds_time=True):
        super().__init__(answer=self.serve_pages)
        tasks = [task(f"t{number}") | {"create_time": to_millis(made(number))} for number in range(count)]
        self.tasks = tasks[::-1] if ascending else tasks
        self.heeds_time = heeds_time

    async def serve_pages(self, request):
        if request.method == "GET":
            page, size = int(request.query["pageNum"]), int(request.query["pageSize"])
            return web.json_response(envelope(self.tasks[(page - 1) * size : page * size]))
        body = await request.json()
        assert not ("cursor" in body and "start_time" in body)
        since, start = body.get("start_time", "0"), 0
        if "cursor" in body:
            since, start = body["cursor"].split("+")
        tasks = [one for one in self.tasks if not self.heeds_time or one["create_time"] >= int(since)]
        end = int(start) + body["limit"]
        more = end < len(tasks)
        page = {"result": tasks[int(start) : end], "has_more": more, "next_cursor": f"{since}+{end}" if more else ""}
        return web.json_response(envelope(page))

    @property
    def bodies(self):
        return [json.loads(asked.body) for asked in self.asked]


def made(number):
    """Return when the task of a number was made: a minute before the one of the number below."""
    return NOW - timedelta(minutes=number)


@asynccontextmanager
async def speaking(kling):
    async with (
        kling.serve(),
        KlingClient(
            kling.url,
            ApiKey(key="sk-1"),
            clock=ManualClock(),
            max_requests_per_second=1000,
            read_attempts=2,
            read_backoff=timedelta(),
        ) as client,
    ):
        yield client


async def read(client, path, **options):
    return [page async for page in client.pages(path, **options)]


@pytest.mark.parametrize("path", ["/tasks", "/solutions", LEGACY])
async def test_a_list_is_read_to_its_end_in_pages(path):
    async with speaking(kling := Listing(25)) as client:
        pages = await read(client, path, size=10)
    assert [page.size for page in pages] == [10, 10, 5]
    assert [page.is_last for page in pages] == [False, False, True]
    assert [report.task_id for page in pages for report in page.reports] == [f"t{number}" for number in range(25)]
    assert {report.endpoint for page in pages for report in page.reports} == {LEGACY if path == LEGACY else None}
    assert len(kling.asked) == 3


@pytest.mark.parametrize("path", ["/tasks", LEGACY])
async def test_a_list_ends_where_a_page_is_full_and_none_follows(path):
    async with speaking(Listing(20)) as client:
        pages = await read(client, path, size=10)
    assert [page.size for page in pages] == ([10, 10] if path == "/tasks" else [10, 10, 0])
    assert pages[-1].is_last


@pytest.mark.parametrize("path", ["/tasks", LEGACY])
@pytest.mark.parametrize("data", EMPTY, ids=str)
async def test_every_empty_shape_is_an_empty_list(path, data):
    answer = envelope(data)
    if data == "missing":
        del answer["data"]
    async with speaking(ScriptedKling(answer=[(200, answer)])) as client:
        [page] = await read(client, path)
    assert (page.size, page.is_last) == (0, True)


@pytest.mark.parametrize("path", ["/tasks", LEGACY])
@pytest.mark.parametrize("data", ["text", 7, {"result": {}}, {"result": "text"}, True])
async def test_what_is_no_list_is_an_error_and_not_an_empty_one(path, data):
    async with speaking(ScriptedKling(answer=[(200, envelope(data))])) as client:
        with pytest.raises(KlingError) as caught:
            await read(client, path)
    assert caught.value.kind is ErrorKind.UNINTELLIGIBLE


@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("heeds_time", [False, True])
@pytest.mark.parametrize("path", ["/tasks", LEGACY])
async def test_all_that_is_wanted_is_read_in_either_order(path, ascending, heeds_time):
    async with speaking(kling := Listing(100, ascending=ascending, heeds_time=heeds_time)) as client:
        pages = await read(client, path, since=made(34), size=10)
    listed = {report.task_id for page in pages for report in page.reports}
    assert {f"t{number}" for number in range(35)} <= listed
    assert pages[-1].is_last
    newest_first = not ascending
    if newest_first:
        # The fifth page is the first whose tasks are all older than wanted, if Kling gives them out at all.
        assert len(kling.asked) == (4 if heeds_time and path == "/tasks" else 5)


async def test_the_time_is_told_once_and_then_the_cursor_bears_it():
    async with speaking(kling := Listing(30)) as client:
        await read(client, "/tasks", since=made(25), size=10)
    assert kling.bodies[0] == {"limit": 10, "start_time": str(to_millis(made(25)))}
    assert all(set(body) == {"limit", "cursor"} for body in kling.bodies[1:])


async def test_where_kling_takes_no_time_the_list_is_read_without_one():
    async def answer(request):
        if "start_time" in await request.json():
            return web.json_response(envelope(None, 1201, "start_time is illegal"), status=400)
        return await kling.serve_pages(request)

    kling = Listing(40)
    kling.answer = answer
    async with speaking(kling) as client:
        pages = await read(client, "/tasks", since=made(15), size=10)
    assert [page.size for page in pages] == [10, 10, 10]
    assert pages[-1].is_last


async def test_filters_go_along_with_every_page():
    async with speaking(kling := Listing(15)) as client:
        await read(
            client, "/tasks", size=10, states=[JobState.SUCCEEDED, JobState.FAILED], products=[ProductType.TRY_ON]
        )
    wanted = [
        {"key": "status", "values": ["succeeded", "failed"]},
        {"key": "product_type", "values": ["try_on"]},
    ]
    assert [body["filters"] for body in kling.bodies] == [wanted] * 2


async def test_a_legacy_list_has_no_filters():
    async with speaking(kling := Listing(1)) as client:
        with pytest.raises(ValueError, match="no filters"):
            await read(client, LEGACY, states=[JobState.FAILED])
    assert kling.asked == []


@pytest.mark.parametrize("path", ["/tasks", LEGACY])
async def test_no_more_pages_are_read_than_asked_for_and_that_is_not_the_end(path):
    async with speaking(kling := Listing(100)) as client:
        pages = await read(client, path, size=10, most=3)
    assert len(kling.asked) == len(pages) == 3
    assert not any(page.is_last for page in pages)


@pytest.mark.parametrize("cursor", [None, "", 7, "round"])
async def test_a_cursor_that_leads_nowhere_or_in_a_circle_ends_the_reading_but_is_not_the_end(cursor):
    page = {"result": [task("t1")], "has_more": True, "next_cursor": cursor}
    async with speaking(kling := ScriptedKling(answer=[(200, envelope(page))])) as client:
        pages = await read(client, "/tasks")
    assert len(kling.asked) == len(pages) == (2 if cursor == "round" else 1)
    assert not pages[-1].is_last


async def test_an_empty_page_that_bears_a_cursor_is_not_the_end():
    first = {"result": [], "has_more": True, "next_cursor": "on"}
    last = {"result": [task("t1")], "has_more": False}
    async with speaking(ScriptedKling(answer=[(200, envelope(first)), (200, envelope(last))])) as client:
        pages = await read(client, "/tasks")
    assert [page.size for page in pages] == [0, 1]


async def test_an_unreadable_entry_loses_only_itself():
    page = {"result": [task("t1"), {"id": "t2"}, "text", task("t3")], "has_more": False}
    async with speaking(ScriptedKling(answer=[(200, envelope(page))])) as client:
        [page] = await read(client, "/tasks")
    assert ([report.task_id for report in page.reports], page.unread, page.size) == (["t1", "t3"], 2, 4)


async def test_a_page_that_fails_is_asked_for_again_and_then_raises():
    broken = (503, envelope(None, 5001, "maintenance"))
    first = {"result": [task("t1")], "has_more": True, "next_cursor": "on"}
    async with speaking(kling := ScriptedKling(answer=[broken, (200, envelope(first)), broken])) as client:
        pages = client.pages("/tasks")
        assert [report.task_id for report in (await anext(pages)).reports] == ["t1"]
        with pytest.raises(KlingError) as caught:
            await anext(pages)
    assert caught.value.kind is ErrorKind.SERVER
    assert len(kling.asked) == 4


async def test_the_recorded_pages_are_read():
    async with speaking(kling := ScriptedKling(answer=[(200, parsed("new_tasks_cursor_page"))])) as client:
        [page, _] = await read(client, "/tasks")
        assert [(report.task_id, report.external_id) for report in page.reports] == [("930000000000000010", "kd-10")]
        assert not page.is_last
        assert json.loads(kling.asked[1].body)["cursor"] == "eyJjIjoxfQ=="
    async with speaking(ScriptedKling(answer=[(200, parsed("legacy_list_videos"))])) as client:
        [page] = await read(client, LEGACY)
        assert [(report.task_id, report.external_id) for report in page.reports] == [
            ("820000000000000001", "kd-1"),
            ("820000000000000008", None),
        ]
        assert page.is_last


async def test_a_legacy_list_is_never_asked_for_a_page_past_its_last_number():
    async with speaking(kling := Listing(3000)) as client:
        pages = await read(client, LEGACY, size=2)
    assert len(kling.asked) == len(pages) == 1000
    assert kling.asked[-1].path == f"{LEGACY}?pageNum=1000&pageSize=2"
    assert not pages[-1].is_last
