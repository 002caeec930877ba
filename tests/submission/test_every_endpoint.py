"""A job of every endpoint that makes tasks is accepted, created at its path and followed; the others are refused."""

import json

import pytest
from aiohttp import web
from fakes.asking import CALLBACK_URL, asking
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.jobs import Generation, JobState
from kling_daemon.kling.endpoints import REGISTRY, SYNCHRONOUS
from kling_daemon.submission import SubmitRefusedError

TO_FOLLOW = [
    pytest.param(endpoint, path, id=path)
    for endpoint in REGISTRY
    for path in ([f"{endpoint.path}/{model}" for model in endpoint.models] or [endpoint.path])
]


def created(endpoint):
    """Return the answer to a create, in the dialect of the endpoint's generation."""
    if endpoint.generation is Generation.NEW:
        return envelope(task("k1", "submitted"))
    return envelope({"task_id": "k1", "task_status": "submitted", "created_at": 1722769557708})


def listed(endpoint, external_id):
    """Return an entry of a legacy product's list."""
    return created(endpoint)["data"] | {"task_info": {"external_task_id": external_id}}


@pytest.mark.parametrize(("endpoint", "path"), TO_FOLLOW)
async def test_a_job_of_every_endpoint_is_created_and_ends_once(tmp_path, endpoint, path):
    kling = ScriptedKling(answer=[(200, created(endpoint))])
    async with kling.serve(), asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(path, {"prompt": "x"})
        await here.send()
        [asked] = kling.asked
        body = json.loads(asked.body)
        place = body["options"] if endpoint.generation is Generation.NEW else body
        assert (asked.method, asked.path) == ("POST", path)
        assert place["callback_url"].startswith(f"{CALLBACK_URL}/{job.id}.")
        assert place.get("external_task_id") == (job.id if endpoint.takes_external_id else None)
        after = await here.job(job.id)
        assert (after.state, after.task_id, after.generation) == ("submitted", "k1", endpoint.generation)
        for _ in range(2):
            await here.called_back("k1", JobState.SUCCEEDED)
        assert (await here.job(job.id)).state == "succeeded"
        events = [event.type.value for _, event in await here.store.read.events(limit=9, job_id=job.id)]
        assert events.count("job.completed") == 1


@pytest.mark.parametrize(("endpoint", "path"), TO_FOLLOW)
async def test_an_ambiguous_create_is_looked_up_where_kling_offers_that_and_never_sent_twice(tmp_path, endpoint, path):
    async def swallow_creates(request):
        if request.path == path and request.method == "POST":
            request.transport.abort()
            return web.Response()
        if request.path == path:
            return web.json_response(envelope([listed(endpoint, job.external_id)]))
        return web.json_response(created(endpoint))

    kling = ScriptedKling(answer=swallow_creates)
    async with kling.serve(), asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(path, {"prompt": "x"})
        submitter = here.submitter()
        await here.send(submitter)
        for pause in (30, 600):
            here.clock.advance(pause)
            await here.send(submitter)
        after = await here.job(job.id)
        if endpoint.takes_external_id:
            assert (after.state, after.task_id, after.endpoint) == ("submitted", "k1", path)
            assert [asked.method for asked in kling.asked] == ["POST", "GET"]
            place = "/solutions" if endpoint.is_solution else "/tasks"
            look_ups = f"{path}/{job.id}", f"{place}?external_task_ids={job.id}"
            listing = f"{path}?pageNum=1&pageSize=500"
            assert kling.asked[1].path in (look_ups if endpoint.has_external_id else [listing])
        else:
            assert (after.state, after.reason) == ("failed", "unconfirmed")
            assert [asked.method for asked in kling.asked] == ["POST"]


@pytest.mark.parametrize("path", [endpoint.path for endpoint in SYNCHRONOUS])
async def test_what_makes_no_task_is_refused_before_anything_is_stored(tmp_path, path):
    kling = ScriptedKling(answer=[(200, envelope({}))])
    async with kling.serve(), asking(tmp_path, kling.url) as here:
        with pytest.raises(SubmitRefusedError, match="at once"):
            await here.intake().accept(path, {"prompt": "x"})
        await here.send()
        assert kling.asked == []
        assert await here.store.due.digests_in_use() == frozenset()
