import json
import re

import aiohttp
import pytest
from fakes.local_api import local_api

from kling_daemon.api.application import declared_routes
from kling_daemon.api.description import read_document
from kling_daemon.api.document import as_text, describe
from kling_daemon.client.models import JobModel

DOCUMENT = json.loads(read_document())
OPERATIONS = [operation for path in DOCUMENT["paths"].values() for operation in path.values()]


def test_the_document_is_the_one_that_the_code_describes():
    assert read_document() == as_text(describe(declared_routes())), "make openapi writes it anew"


def test_what_is_served_is_what_is_declared(aiohttp_routes):
    assert aiohttp_routes == {(route.method, route.path) for route in declared_routes()}


@pytest.fixture
async def aiohttp_routes(tmp_path):
    async with local_api(tmp_path) as api:
        return {
            (route.method, route.resource.canonical)
            for route in api.application.router.routes()
            if route.method != "HEAD"
        }


def test_every_operation_has_a_name_of_its_own_and_a_summary():
    assert len({operation["operationId"] for operation in OPERATIONS}) == len(OPERATIONS)
    assert all(operation["summary"] for operation in OPERATIONS)


def test_every_reference_leads_somewhere_and_every_component_is_used():
    text = read_document()
    wanted = set(re.findall(r'"#/components/(\w+/\w+)"', text))
    components = DOCUMENT["components"]
    had = {f"{kind}/{name}" for kind in ("schemas", "responses") for name in components[kind]}
    assert wanted == had


def test_every_field_of_a_job_is_told_in_the_words_of_its_own_docstring():
    job = DOCUMENT["components"]["schemas"]["Job"]["properties"]
    assert set(job) == set(JobModel.model_fields)
    assert job["reason"]["description"] == "Why it failed; null for any other state."
    assert job["created_at"]["format"] == "date-time"
    assert "`failed`: It will yield nothing" in DOCUMENT["components"]["schemas"]["JobState"]["description"]


def test_a_filter_is_described_as_it_is_read():
    (found,) = (given for given in DOCUMENT["paths"]["/api/v1/jobs"]["get"]["parameters"] if given["name"] == "limit")
    assert found["schema"] == {"type": "integer", "default": 50}


def test_only_what_needs_no_token_is_open():
    open_ones = {path for path, methods in DOCUMENT["paths"].items() for one in methods.values() if "security" in one}
    assert open_ones == {"/metrics", "/readyz", "/api/v1/openapi.json", "/docs"}


async def test_the_document_is_served_without_a_token(tmp_path):
    async with local_api(tmp_path) as api, aiohttp.ClientSession() as session:
        answer = await session.get(f"{api.target.url}/api/v1/openapi.json")
        raw = await answer.text()
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert raw == read_document()
