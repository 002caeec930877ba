import asyncio
import gzip
import io
import json

import aiohttp
import pytest
from fakes.local_api import TOKEN, local_api
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

BEARER = {"Authorization": f"Bearer {TOKEN}"}
JSON = {"Content-Type": "application/json"}
SUBMIT = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "a cat"}}


async def ask(api, method, path, **given):
    given.setdefault("headers", {})
    given["headers"] = BEARER | given["headers"]
    async with aiohttp.ClientSession() as session:
        url = URL(f"{api.target.url}{path}", encoded=True)
        async with session.request(method, url, **given) as answer:
            return answer, await answer.read()


def assert_problem(answer, raw, status):
    problem = json.loads(raw)
    assert answer.status == status, problem
    assert answer.content_type == "application/problem+json"
    assert set(problem) == {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert "Traceback" not in raw.decode()
    assert TOKEN not in raw.decode()
    return problem


@pytest.fixture
async def api(tmp_path):
    async with local_api(tmp_path) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/jobs/", 404),
        ("DELETE", "/api/v1/jobs", 405),
        ("POST", "/api/v1/stats", 405),
        ("POST", "/metrics", 405),
        ("GET", "/api/v1/jobs/nobody", 404),
        ("GET", "/api/v1/jobs/%00", 404),
        ("GET", "/api/v1/jobs/%ff%fe", 404),
        ("GET", "/api/v1/jobs/" + "9" * 4000, 404),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=1", 404),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=-1", 400),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=nan", 400),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=inf", 400),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=1_0", 400),
        ("GET", "/api/v1/jobs/nobody/wait?timeout=" + "9" * 5000, 400),
        ("GET", "/api/v1/jobs?state=done", 400),
        ("GET", "/api/v1/jobs?state=", 400),
        ("GET", "/api/v1/jobs?stat=failed", 400),
        ("GET", "/api/v1/jobs?state=failed&state=queued", 400),
        ("GET", "/api/v1/jobs?state=%ff", 400),
        ("GET", "/api/v1/jobs?limit=many", 400),
        ("GET", "/api/v1/jobs?limit=%D9%A1", 400),
        ("GET", "/api/v1/jobs?limit=1.5", 400),
        ("GET", "/api/v1/jobs?cursor=", 400),
        ("GET", "/api/v1/jobs?cursor=1", 400),
        ("GET", "/api/v1/jobs?cursor=__________8", 400),
        ("GET", "/api/v1/jobs?cursor=QAAAAAAAAAA", 400),
        ("GET", "/api/v1/jobs?cursor=AAAAAAAAAAB", 400),
        ("GET", "/api/v1/jobs?cursor=%C3%A4", 400),
        ("GET", "/api/v1/deliveries?state=parked", 400),
        ("GET", "/api/v1/deliveries?job=nobody", 404),
        ("GET", "/api/v1/deliveries?cursor=AAAAAAAAAAB=", 400),
        ("GET", "/api/v1/stats?since=1", 400),
        ("GET", "/api/v1/handlers?limit=1", 400),
        ("GET", "/api/v1/plugins?x", 400),
    ],
)
async def test_what_makes_no_sense_is_answered_with_a_problem(api, method, path, status):
    answer, raw = await ask(api, method, path)
    assert_problem(answer, raw, status)


async def test_a_wrong_method_names_the_right_ones(api):
    answer, _ = await ask(api, "PUT", "/api/v1/jobs")
    assert answer.headers["Allow"] == "GET,HEAD,POST"


async def test_a_misspelt_filter_is_answered_with_the_nearest_one(api):
    answer, raw = await ask(api, "GET", "/api/v1/jobs?stat=failed")
    assert "did you mean 'state'" in assert_problem(answer, raw, 400)["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b"{}",
        b"[" * 100_000,
        b'{"endpoint": "/x", "body": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        b'{"endpoint": "/x", "body": {"n": 1e999}}',
        b'{"endpoint": "/x", "body": {"n": NaN}}',
        b'{"endpoint": "/x", "body": {"n": ' + b"9" * 5000 + b"}}",
        b'{"endpoint": "/x", "body": {"p": "\\ud800"}}',
        b'{"endpoint": "/x", "body": {"\\udfff": 1}}',
        b'{"endpoint": 7, "body": {}}',
        b'{"endpoint": null, "body": {}}',
        b'{"endpoint": "/x", "body": []}',
        b'{"endpoint": "/x", "body": {}, "tags": {"a": 1}}',
        b'{"endpoint": "/x", "body": {}, "tags": ["a"]}',
        b'{"endpoint": "/x", "body": {}, "external_id": 12345678901234567890}',
        b'{"endpoint": "/x", "body": {}, "extra": true}',
    ],
)
async def test_a_wrong_body_makes_no_job_and_is_answered_with_a_problem(api, body):
    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=body, headers=JSON)
    assert_problem(answer, raw, 400)
    assert await api.store.read.job_counts() == {}


async def test_an_order_that_cannot_be_sent_makes_no_job(api):
    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=b'{"endpoint": "x", "body": {}}', headers=JSON)
    assert_problem(answer, raw, 422)
    assert await api.store.read.job_counts() == {}


@pytest.mark.parametrize(
    "media_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "\xe4"]
)
@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/v1/deliveries/1/retry"])
async def test_changes_need_json(api, path, media_type):
    headers = {} if media_type is None else {"Content-Type": media_type}
    skip = ["Content-Type"] if media_type is None else []
    async with aiohttp.ClientSession(skip_auto_headers=skip) as session:
        data = json.dumps(SUBMIT).encode()
        async with session.post(f"{api.target.url}{path}", data=data, headers=BEARER | headers) as answer:
            assert_problem(answer, await answer.read(), 415)
    assert await api.store.read.job_counts() == {}


@pytest.mark.parametrize(
    ("begin", "again", "end"), [(b"[", b"[],", b"1]"), (b"{", b'"":{},', b'"":0}'), (b"", b"[", b"")]
)
async def test_a_body_of_very_many_values_is_refused_before_it_is_read(api, begin, again, end):
    raw = b'{"endpoint": "/x", "body": {"n": ' + begin + again * 600_000 + end + b"}}"
    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=io.BytesIO(raw), headers=JSON)
    assert "more than 500000 values" in assert_problem(answer, raw, 400)["detail"]


async def test_as_many_orders_as_are_looked_at_may_be_long(api):
    order = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "a cat, " * 350}}
    raw = json.dumps({"orders": [order] * 500}).encode()
    answer, raw = await ask(api, "POST", "/api/v1/orders/check", data=io.BytesIO(raw), headers=JSON)
    assert answer.status == 200
    assert len(json.loads(raw)["items"]) == 500


async def test_of_a_long_misspelt_name_only_a_part_is_repeated(api):
    answer, raw = await ask(api, "GET", f"/api/v1/jobs?{'s' * 7000}=1")
    assert len(assert_problem(answer, raw, 400)["detail"]) < 300


async def test_a_body_over_the_limit_is_refused_however_it_comes(api):
    async def chunks():
        for _ in range(65):
            yield b" " * 1024**2

    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=chunks(), headers=JSON)
    assert_problem(answer, raw, 413)


async def test_a_large_body_is_taken(api):
    body = json.dumps(SUBMIT | {"body": {"image": "A" * 2**21}}).encode()
    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=io.BytesIO(body), headers=JSON)
    assert answer.status == 201
    assert answer.headers["Location"] == f"/api/v1/jobs/{json.loads(raw)['id']}"


async def test_a_compressed_body_is_refused_and_not_inflated(api):
    bomb = gzip.compress(bytes(2**24))
    answer, raw = await ask(api, "POST", "/api/v1/jobs", data=bomb, headers=JSON | {"Content-Encoding": "gzip"})
    assert_problem(answer, raw, 415)


@pytest.mark.parametrize("delivery", ["0", "1", "-1", "x", "9" * 18, "9" * 400, "%D9%A1", "1.0"])
async def test_a_delivery_that_does_not_exist_cannot_be_retried(api, delivery):
    answer, raw = await ask(api, "POST", f"/api/v1/deliveries/{delivery}/retry", data=b"{}", headers=JSON)
    assert_problem(answer, raw, 404)


HEAD = f"POST /api/v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {TOKEN}\r\n"


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("Content-Type: application/json\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 415),
        ("Content-Type: application/json\r\nExpect: nonsense\r\nContent-Length: 2\r\n\r\n{}", 417),
        ("Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}", 400),
        ("Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        ("\x00: \x01\r\n\r\n", 400),
    ],
)
async def test_what_is_hardly_http_is_answered_with_a_refusal(api, rest, status):
    url = URL(api.target.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write((HEAD + rest).encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] == f"{status}".encode()
    assert b"Traceback" not in answer
    assert b"aiohttp" not in answer
    assert TOKEN.encode() not in answer


async def test_a_request_that_breaks_off_harms_nobody(api):
    url = URL(api.target.url)
    _, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(f"{HEAD}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{".encode())
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    answer, _ = await ask(api, "GET", "/api/v1/stats")
    assert answer.status == 200


async def test_a_slash_in_an_id_is_part_of_the_id(api):
    answer, raw = await ask(api, "GET", "/api/v1/jobs/order%2F7")
    assert "no job has this id" in assert_problem(answer, raw, 404)["detail"]


async def test_answers_tell_nothing_of_the_server_and_are_kept_by_no_cache(api):
    for path in ("/api/v1/jobs", "/readyz", "/nothing"):
        answer, _ = await ask(api, "GET", path)
        assert "Server" not in answer.headers
        assert answer.headers["Cache-Control"] == "no-store"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=40)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries(
        {"endpoint": json_values, "body": json_values}, optional={"tags": json_values, "external_id": json_values}
    ).map(lambda value: json.dumps(value).encode())
)
async def test_no_body_whatever_makes_the_daemon_err(tmp_path_factory, body):
    async with local_api(tmp_path_factory.mktemp("state")) as api:
        answer, _ = await ask(api, "POST", "/api/v1/jobs", data=body, headers=JSON)
        assert answer.status in {201, 400, 422}
