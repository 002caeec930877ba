"""Exchanging the key of the callback URLs, with a real daemon that is restarted."""

import json
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.dispatching import until
from fakes.running_daemon import PATH, running_daemon, trusting
from fakes.scripted_kling import ScriptedKling, envelope, task

from kling_daemon.jobs import JobState

CREATE = "/text-to-video/kling-3.0"


class Kling(ScriptedKling):
    """Takes every job, and tells of each as a test says."""

    def __init__(self):
        super().__init__(answer=self.serve_tasks)
        self.status = {}

    async def serve_tasks(self, request):
        if request.path == CREATE:
            task_id = f"t{len(self.status)}"
            self.status[task_id] = "submitted"
            return web.json_response(envelope({"id": task_id, "status": "submitted"}))
        ids = request.query.get("task_ids", "").split(",")
        return web.json_response(envelope([task(id_, self.status[id_]) for id_ in ids if id_ in self.status]))


@pytest.fixture
async def kling():
    async with Kling().serve() as kling:
        yield kling


def daemon_at(directory, kling):
    patient = {"fallback_after": timedelta(hours=1)}  # what is found is found because of callbacks
    return running_daemon(directory, kling=kling.url, called_back=True, trust=trusting(), poller=patient)


async def made(daemon, task_id):
    """Submit a job; return the path that Kling was told to call."""
    job = await daemon.submit(CREATE)
    await daemon.until_job(task_id, JobState.SUBMITTED)
    return f"{PATH}/{daemon.capability(job['id'])}"


async def called_back(daemon, path):
    """Let a callback come without a signature, whose body names nobody; return how it was answered."""
    return (await daemon.post(json.dumps({"id": "x", "status": "processing"}).encode(), path=path)).status


async def test_callbacks_under_the_old_key_go_on_until_their_jobs_end_and_then_it_is_refused(tmp_path, kling):
    async with daemon_at(tmp_path, kling) as daemon:
        old = await made(daemon, "t0")
    (tmp_path / "capability-key").rename(tmp_path / "capability-key.old")
    async with daemon_at(tmp_path, kling) as daemon:
        new = await made(daemon, "t1")
        kling.status |= {"t0": "processing", "t1": "processing"}
        for path, task_id in ((old, "t0"), (new, "t1")):
            assert await called_back(daemon, path) == 200
            await daemon.until_job(task_id, JobState.PROCESSING)
    async with daemon_at(tmp_path, kling) as daemon:  # after any number of restarts
        assert (tmp_path / "capability-key.until-1").exists()
        kling.status["t0"] = "succeeded"
        assert await called_back(daemon, old) == 200
        await daemon.until_job("t0", JobState.SUCCEEDED)
    async with daemon_at(tmp_path, kling) as daemon:
        await until(lambda: not list(tmp_path.glob("capability-key.until-*")))
        assert await called_back(daemon, old) == 401
        kling.status["t1"] = "succeeded"
        assert await called_back(daemon, new) == 200
        await daemon.until_job("t1", JobState.SUCCEEDED)
        assert daemon.rows("SELECT * FROM hints") == []


async def test_a_credential_is_the_key_and_nothing_is_made_beside_it(tmp_path, kling, monkeypatch):
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "capability_key").write_text("w" * 40)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    async with daemon_at(tmp_path / "state", kling) as daemon:
        job = await daemon.submit(CREATE)
        await daemon.until_job("t0", JobState.SUBMITTED)
        assert not (tmp_path / "state" / "capability-key").exists()
        (create,) = [asked for asked in kling.asked if asked.path == CREATE]
        url = json.loads(create.body)["options"]["callback_url"]
        assert await called_back(daemon, f"{PATH}/{url.rpartition('/')[2]}") == 200
        assert job["id"] in url
