import json

import aiohttp
import pytest
from fakes.local_api import TOKEN, local_api

from kling_daemon.scopes import Scope

PATHS = ["/api/v1/jobs", "/api/v1/stats", "/api/v1/handlers", "/api/v1/plugins", "/api/v1/deliveries", "/", "/metrics/"]


@pytest.fixture
async def api(tmp_path):
    async with local_api(tmp_path) as running:
        yield running


async def get(api, path, headers):
    async with aiohttp.ClientSession() as session, session.get(f"{api.target.url}{path}", headers=headers) as answer:
        return answer, await answer.read()


@pytest.mark.parametrize("path", PATHS)
async def test_without_a_token_nothing_is_told(api, path):
    answer, raw = await get(api, path, {})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.content_type == "application/problem+json"
    assert json.loads(raw)["title"] == "Unauthorized"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer ä",
        "Bearer \x80",
    ],
)
async def test_a_wrong_token_is_refused(api, value):
    answer, raw = await get(api, "/api/v1/jobs", {"Authorization": value})
    assert answer.status == 401
    assert TOKEN.encode() not in raw


async def test_a_token_beside_another_is_refused(api):
    headers = [("Authorization", f"Bearer {TOKEN}"), ("Authorization", "Bearer other")]
    answer, _ = await get(api, "/api/v1/jobs", headers)
    assert answer.status == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_each_of_the_tokens_opens_the_api(api, scheme):
    _, another = await api.tokens.make("another", Scope.READ)
    for token in (TOKEN, another):
        answer, _ = await get(api, "/api/v1/jobs", {"Authorization": f"{scheme} {token}"})
        assert answer.status == 200


async def test_metrics_and_readiness_need_no_token(api):
    answer, raw = await get(api, "/metrics", {})
    assert answer.status == 200
    assert b"kling_daemon_tests_total 1.0" in raw
    answer, raw = await get(api, "/readyz", {})
    assert (answer.status, json.loads(raw)) == (200, {"ready": True, "reasons": []})


async def test_a_daemon_that_is_not_ready_says_why(api):
    api.obstacles.append("the store cannot be written")
    answer, raw = await get(api, "/readyz", {})
    assert answer.status == 503
    assert json.loads(raw)["detail"] == "the store cannot be written"


async def test_the_services_keep_the_tokens_to_themselves(api):
    assert TOKEN not in repr(api.target)
