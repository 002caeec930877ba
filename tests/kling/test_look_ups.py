"""A task is found by our own id where Kling tells of it anywhere, and counts as absent only where that is sure."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.clock import to_millis
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.look_ups import CLOCKS, MAX_PAGES
from kling_daemon.reports import Source
from kling_daemon.testing import ManualClock

MADE = ManualClock().now()
SOLUTION, LISTED = "/solutions/talking_agent", "/v1/videos/advanced-lip-sync"
REFUSED = (400, envelope(None, 1201, "task_ids cannot be empty"))
NO_SUCH = (404, envelope(None, 1203, "no such resource"))
BROKEN = (503, envelope(None, 5001, "maintenance"))


@dataclass
class Solutions(ScriptedKling):
    """Answers `/solutions` by external id and as a list, each as a test says."""

    by_id: tuple = (200, envelope([]))
    pages: list = field(default_factory=lambda: [[]])
    list_error: tuple | None = None
    endless: bool = False

    def __post_init__(self):
        self.answer = self.serve_both

    async def serve_both(self, request):
        if "external_task_ids" in request.query:
            return web.json_response(self.by_id[1], status=self.by_id[0])
        if self.list_error:
            return web.json_response(self.list_error[1], status=self.list_error[0])
        if request.method == "GET":
            return web.json_response(envelope(self.pages[0]))
        number = int((await request.json()).get("cursor", 0))
        more = self.endless or number + 1 < len(self.pages)
        entries = self.pages[number % len(self.pages)]
        return web.json_response(
            envelope({"result": entries, "has_more": more, "next_cursor": str(number + 1) if more else ""})
        )


def entry(task_id, external_id, *, made=MADE):
    more = {} if external_id is None else {"external_id": external_id}
    return task(task_id) | {"create_time": to_millis(made)} | more


def legacy_entry(task_id, external_id):
    return {"task_id": task_id, "task_status": "processing", "task_info": {"external_task_id": external_id}}


@asynccontextmanager
async def speaking(kling):
    async with (
        kling.serve(),
        KlingClient(
            kling.url,
            ApiKey(key="sk-1"),
            clock=ManualClock(),
            max_requests_per_second=1000,
            read_attempts=1,
            read_backoff=timedelta(),
        ) as client,
    ):
        yield client


async def look_up(kling, path=SOLUTION):
    async with speaking(kling) as client:
        return await client.look_up(path, "kd-1", made=MADE)


async def test_a_solution_is_found_by_our_id():
    report = await look_up(kling := Solutions(by_id=(200, envelope([entry("s1", "kd-1")]))))
    assert (report.task_id, report.endpoint, report.source) == ("s1", SOLUTION, Source.SUBMISSION)
    assert [asked.path for asked in kling.asked] == ["/solutions?external_task_ids=kd-1"]


BY_ID = {
    "none of it": (200, envelope([])),
    "refused": REFUSED,
    "not found": (400, envelope(None, 1201, "Task not found by id/external id: kd-1")),
    "no such resource": NO_SUCH,
    "others": (200, envelope([entry("s8", "kd-8"), entry("s9", "kd-9")])),
}


@pytest.mark.parametrize("by_id", BY_ID.values(), ids=BY_ID)
async def test_however_kling_answers_by_our_id_the_task_is_found_on_the_list(by_id):
    kling = Solutions(by_id=by_id, pages=[[entry("s0", "kd-0")], [entry("s1", "kd-1")]])
    report = await look_up(kling)
    assert (report.task_id, report.endpoint, report.source) == ("s1", SOLUTION, Source.SUBMISSION)


@pytest.mark.parametrize("by_id", ["none of it", "not found"])
async def test_what_both_deny_is_absent(by_id):
    old = entry("s9", None, made=MADE - CLOCKS - timedelta(minutes=1))
    kling = Solutions(by_id=BY_ID[by_id], pages=[[entry("s2", "kd-2")], [entry("s3", "kd-3"), old]])
    assert await look_up(kling) is None


DOUBTS = {
    "by our id nothing is told": {"by_id": REFUSED},
    "by our id others are told of": {"by_id": BY_ID["others"]},
    "there is no list": {"list_error": NO_SUCH},
    "the list is refused": {"list_error": REFUSED},
    "one on the list bears no id": {"pages": [[entry("s2", None)]]},
    "one on the list cannot be read": {"pages": [["text"]]},
    "the list goes on and on": {"pages": [[entry("s2", "kd-2")]], "endless": True},
}


@pytest.mark.parametrize("doubt", DOUBTS.values(), ids=DOUBTS)
async def test_whatever_leaves_a_doubt_is_not_taken_for_absence(doubt):
    kling = Solutions(**doubt)
    with pytest.raises(KlingError, match="for sure") as caught:
        await look_up(kling)
    assert caught.value.kind is ErrorKind.NO_SUCH_RESOURCE
    assert len(kling.asked) <= MAX_PAGES + 1


@pytest.mark.parametrize("trouble", [{"by_id": BROKEN}, {"list_error": BROKEN}])
async def test_an_outage_has_it_looked_up_later(trouble):
    with pytest.raises(KlingError) as caught:
        await look_up(Solutions(**trouble))
    assert caught.value.kind is ErrorKind.SERVER


async def test_a_legacy_task_that_cannot_be_asked_for_by_our_id_is_found_on_its_list():
    kling = Solutions(pages=[[legacy_entry("k0", "kd-0"), legacy_entry("k1", "kd-1")]])
    report = await look_up(kling, LISTED)
    assert (report.task_id, report.endpoint, report.source) == ("k1", LISTED, Source.SUBMISSION)
    assert [asked.path for asked in kling.asked] == [f"{LISTED}?pageNum=1&pageSize=500"]


async def test_not_finding_it_on_such_a_list_is_not_taken_for_absence():
    with pytest.raises(KlingError, match="for sure"):
        await look_up(Solutions(pages=[[legacy_entry("k0", "kd-0")]]), LISTED)
