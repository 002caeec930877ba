"""With access key and secret key alone, tasks are asked for product by product, and the new API is left alone."""

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope

from kling_daemon.kling.answers import Answers
from kling_daemon.kling.by_product import LIST_FROM
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.lists import PAGE_SIZE
from kling_daemon.kling.tokens import KeyPair, SignedTokens
from kling_daemon.testing import ManualClock

TEXT, IMAGE, NEW = "/v1/videos/text2video", "/v1/videos/image2video", "/text-to-video/kling-3.0"
BROKEN = (503, {"code": 5001, "message": "maintenance", "request_id": "r"})


class Legacy(ScriptedKling):
    """Knows tasks by path and id; lists show only those that a test puts on the page."""

    def __init__(self):
        super().__init__(answer=self.serve_tasks)
        self.tasks = {}
        self.pages = {}
        self.broken = None
        self.no_lists = False

    def knows(self, path, *ids, on_page=False):
        for id_ in ids:
            self.tasks[f"{path}/{id_}"] = {"task_id": id_, "task_status": "processing"}
            if on_page:
                self.pages.setdefault(path, []).append(self.tasks[f"{path}/{id_}"])

    async def serve_tasks(self, request):
        if self.broken:
            return web.json_response(self.broken[1], status=self.broken[0])
        if "pageNum" in request.query and self.no_lists:
            return web.json_response(envelope(None, 1203, "no such resource"), status=404)
        if "pageNum" in request.query:
            end = int(request.query["pageNum"]) * PAGE_SIZE
            return web.json_response(envelope(self.pages.get(request.path, [])[end - PAGE_SIZE : end]))
        if request.path in self.tasks:
            return web.json_response(envelope(self.tasks[request.path]))
        return web.json_response(envelope(None, 1201, "Task not found by id/external id: x"), status=400)

    @property
    def paths(self):
        return sorted(asked.path for asked in self.asked)


@asynccontextmanager
async def speaking():
    clock = ManualClock()
    async with (
        Legacy().serve() as kling,
        KlingClient(
            kling.url,
            SignedTokens(KeyPair(access_key="ak", secret_key="s" * 32), clock),
            clock=clock,
            max_requests_per_second=1000,
            read_attempts=1,
            read_backoff=timedelta(),
        ) as client,
    ):
        yield kling, client


def page(path, number=1):
    return f"{path}?pageNum={number}&pageSize={PAGE_SIZE}"


def others(count):
    return [f"other{number}" for number in range(count)]


async def test_a_few_tasks_are_asked_for_at_their_own_paths():
    async with speaking() as (kling, client):
        kling.knows(TEXT, "a")
        kling.knows(IMAGE, "b")
        answers = await client.query(["a", "b", "gone", "d e"], {"a": TEXT, "b": IMAGE, "gone": TEXT})
    assert {(report.task_id, report.endpoint) for report in answers.reports} == {("a", TEXT), ("b", IMAGE)}
    assert (answers.unknown_ids, answers.unanswered_ids, answers.errors) == ({"gone", "d e"}, frozenset(), ())
    assert kling.paths == [f"{IMAGE}/b", f"{TEXT}/a", f"{TEXT}/gone"]


async def test_many_are_looked_for_on_the_newest_page_first():
    ids = [f"t{number}" for number in range(LIST_FROM)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *ids[1:], "another", on_page=True)
        kling.knows(TEXT, ids[0])
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert sorted(report.task_id for report in answers.reports) == ids
    assert kling.paths == [f"{TEXT}/t0", page(TEXT)]


async def test_a_product_without_a_list_is_asked_task_by_task():
    ids = [f"t{number}" for number in range(LIST_FROM)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *ids)
        kling.no_lists = True
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert (len(answers.reports), answers.unanswered_ids, answers.errors) == (LIST_FROM, frozenset(), ())


async def test_a_task_whose_path_nobody_knows_is_looked_for_on_every_list_and_nothing_follows_if_it_is_on_none():
    async with speaking() as (kling, client):
        kling.knows(IMAGE, "hinted", on_page=True)
        answers = await client.query(["hinted", "nowhere"])
    [found] = answers.reports
    assert (found.task_id, found.endpoint) == ("hinted", IMAGE)
    assert answers.unanswered_ids == {"nowhere"}
    assert not answers.unknown_ids
    assert {page(TEXT), page(IMAGE), page("/v1/images/generations")} <= set(kling.paths)


async def test_tasks_of_the_new_api_stay_unanswered_and_are_not_asked_for():
    async with speaking() as (kling, client):
        answers = await client.query(["n"], {"n": NEW})
    assert answers == Answers(unanswered_ids=frozenset({"n"}))
    assert kling.asked == []


@pytest.mark.parametrize("count", [1, LIST_FROM, 500])
async def test_an_outage_leaves_all_unanswered_and_costs_few_requests(count):
    ids = [f"t{number}" for number in range(count)]
    async with speaking() as (kling, client):
        kling.broken = BROKEN
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert answers.unanswered_ids == set(ids)
    assert {error.kind for error in answers.errors} == {ErrorKind.SERVER}
    assert len(kling.asked) == 1


async def test_many_that_stand_further_back_are_found_over_several_pages():
    ids = [f"t{number}" for number in range(300)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *others(PAGE_SIZE + 10), *ids[:-1], *others(PAGE_SIZE), on_page=True)
        kling.knows(TEXT, ids[-1])
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert {report.task_id for report in answers.reports} == set(ids)
    # None is on the first page, all but one on the second; for that one alone no page is worth while.
    assert [asked.path for asked in kling.asked] == [page(TEXT, 1), page(TEXT, 2), f"{TEXT}/{ids[-1]}"]
    assert answers.requests == 3


async def test_no_more_pages_are_read_than_singles_would_cost():
    ids = [f"t{number}" for number in range(2 * LIST_FROM)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *others(9 * PAGE_SIZE), on_page=True)
        kling.knows(TEXT, *ids)
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert len(answers.reports) == len(ids)
    assert len(kling.asked) == 2 + len(ids)


async def test_pages_without_any_of_the_tasks_are_not_turned_for_ever():
    ids = [f"t{number}" for number in range(100)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *others(9 * PAGE_SIZE), on_page=True)
        kling.knows(TEXT, *ids)
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert len(answers.reports) == len(ids)
    assert [path for path in kling.paths if "pageNum" in path] == [page(TEXT, number) for number in (1, 2, 3)]


async def test_an_outage_between_two_pages_loses_nothing_of_the_first():
    ids = [f"t{number}" for number in range(100)]
    async with speaking() as (kling, client):
        kling.knows(TEXT, *ids[:40], *others(PAGE_SIZE), on_page=True)

        async def break_down(request):
            answer = await kling.serve_tasks(request)
            kling.broken = BROKEN
            return answer

        kling.answer = break_down
        answers = await client.query(ids, dict.fromkeys(ids, TEXT))
    assert {report.task_id for report in answers.reports} == set(ids[:40])
    assert answers.unanswered_ids == set(ids[40:])
    assert {error.kind for error in answers.errors} == {ErrorKind.SERVER}
    assert len(kling.asked) == 2


async def test_an_outage_is_found_out_once_for_all_products():
    async with speaking() as (kling, client):
        kling.broken = BROKEN
        answers = await client.query(["hinted", "a"], {"a": TEXT})
    assert answers.unanswered_ids == {"hinted", "a"}
    assert len(kling.asked) == 1


async def test_a_create_or_look_up_of_the_new_api_is_refused_before_anything_is_sent():
    async with speaking() as (kling, client):
        assert not client.opens_new_generation
        for call in (client.create(NEW, b"{}"), client.look_up(NEW, "x-1", made=ManualClock().now())):
            with pytest.raises(KlingError, match="API key") as caught:
                await call
            assert caught.value.kind is ErrorKind.NO_API_KEY
        assert kling.asked == []
