"""A token of the simulator's key pair is judged as Kling judges it, and only legacy paths take one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller

from kling_daemon.kling.tokens import EARLY, LIFETIME, KeyPair
from kling_daemon.simulator import Simulator
from kling_daemon.testing import ManualClock

PAIR = KeyPair(access_key="ak", secret_key="sk")
NOW = ManualClock().now().timestamp()
GOOD = {"iss": "ak", "nbf": NOW - EARLY, "exp": NOW + LIFETIME}


@pytest.fixture
async def url(steady):
    settings = replace(steady, access_key="ak", secret_key="sk")
    async with Simulator(settings, ManualClock()).serve() as url:
        yield url


async def code_of(url, token, path=LEGACY_VIDEO):
    async with KlingCaller.at(url, token) as kling:
        status, answer = await kling.call("POST", path, json={"prompt": "a lighthouse"})
    return status, answer["code"]


async def test_a_token_and_the_api_key_are_both_let_in(url):
    assert await code_of(url, PAIR.token(NOW)) == (200, 0)
    assert await code_of(url, "simulator") == (200, 0)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"nbf": NOW + 1}, 1003),
        ({"exp": NOW}, 1004),
        ({"iss": "another"}, 1002),
        ({"iss": None}, 1002),
        ({"exp": None}, 1002),
        ({"exp": "tomorrow"}, 1002),
        ({"nbf": True}, 1002),
        ({"exp": float("nan")}, 1002),
        ({"exp": float("inf")}, 1002),
    ],
)
async def test_each_flaw_of_a_token_has_klings_code(url, wrong, code):
    assert await code_of(url, PAIR.sign(GOOD | wrong)) == (401, code)


async def test_what_another_secret_key_signed_is_refused(url):
    assert await code_of(url, KeyPair(access_key="ak", secret_key="other").token(NOW)) == (401, 1002)
    assert await code_of(url, "a.b.c") == (401, 1002)


async def test_the_new_api_takes_no_token(url):
    assert await code_of(url, PAIR.token(NOW), NEW_VIDEO) == (401, 1002)
    async with KlingCaller.at(url, PAIR.token(NOW)) as kling:
        _, answer = await kling.call("GET", "/tasks", params={"task_ids": "1"})
    assert "does not support AK/SK" in answer["message"]


async def test_without_a_key_pair_no_token_is_let_in(steady):
    async with Simulator(steady, ManualClock()).serve() as url:
        assert await code_of(url, PAIR.token(NOW)) == (401, 1002)


async def test_an_answer_is_dated_by_the_clock_that_judges(url):
    async with KlingCaller.at(url) as kling, kling.session.get("/tasks", params={"task_ids": "1"}) as answer:
        assert answer.headers.getall("Date") == ["Tue, 01 Sep 2026 12:00:00 GMT"]


async def test_a_list_shows_its_paths_jobs_newest_first_and_page_by_page(steady):
    clock = ManualClock()
    simulator = Simulator(replace(steady, video_slots=0), clock)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        made = [(await kling.create(LEGACY_VIDEO))["task_id"] for _ in range(3)]
        await kling.create(NEW_VIDEO)
        clock.advance(timedelta(minutes=2))
        simulator.step()
        pages = [
            (await kling.call("GET", LEGACY_VIDEO, params={"pageNum": page, "pageSize": "2"}))[1]["data"]
            for page in ("1", "2", "3")
        ]
        whole = (await kling.call("GET", LEGACY_VIDEO))[1]["data"]
    assert [[entry["task_id"] for entry in page] for page in pages] == [[made[2], made[1]], [made[0]], []]
    assert len(whole) == 3
    assert {entry["task_status"] for entry in whole} == {"succeed"}
    assert all(entry["task_result"]["videos"] for entry in whole)


@pytest.mark.parametrize("query", [{"pageNum": "0"}, {"pageNum": "1001"}, {"pageSize": "501"}, {"pageSize": "-1"}])
async def test_a_page_out_of_bounds_is_refused(url, query):
    async with KlingCaller.at(url) as kling:
        status, answer = await kling.call("GET", LEGACY_VIDEO, params=query)
    assert (status, answer["code"]) == (400, 1201)
