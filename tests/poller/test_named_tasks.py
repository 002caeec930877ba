"""Taking on what a person names: Kling is asked first, and what it does not know leaves no trace."""

from pathlib import Path

import pytest
from fakes.asking import asking

from kling_daemon.jobs import JobState, Origin
from kling_daemon.poller import Finding, NamedTask, NamedTasks
from kling_daemon.simulator import Simulator, SimulatorSettings

NEW = "/text-to-video/kling-3.0"
LEGACY = "/v1/videos/text2video"
SOLUTION = "/solutions/virtual_try_on"


def named(here) -> NamedTasks:
    return NamedTasks(store=here.store, tracker=here.tracker, client=here.client, health=here.health, clock=here.clock)


async def created(here, path: str) -> str:
    """Create a task behind the daemon's back and return Kling's id."""
    body = b'{"prompt": "x", "model_name": "kling-v2-6", "contents": [], "settings": {}}'
    return (await here.client.create(path, body)).task_id


async def findings(here, *tasks: NamedTask) -> list[str]:
    return [one.finding.value for one in await named(here).track(tasks)]


@pytest.mark.parametrize(("path", "key_pair"), [(NEW, False), (LEGACY, False), (SOLUTION, False), (LEGACY, True)])
async def test_what_kling_knows_is_tracked_at_once_and_polled_soon(tmp_path: Path, path, key_pair):
    settings = SimulatorSettings(access_key="simulator", secret_key="simulator")
    async with Simulator(settings).serve() as url, asking(tmp_path, url, key_pair=key_pair) as here:
        task = NamedTask(task_id=await created(here, path), endpoint=path, tags={"film": "x"})
        (found,) = await named(here).track([task])
        job = await here.job(task.task_id)
        assert (found.finding, found.job) == (Finding.TRACKED, job)
        assert (job.endpoint, job.tags, job.origin) == (path, {"film": "x"}, Origin.ADOPTED)
        assert not job.state.is_terminal
        assert (await here.due_in()).total_seconds() <= 15


async def test_tracking_again_changes_nothing(tmp_path):
    async with Simulator().serve() as url, asking(tmp_path, url) as here:
        task_id = await created(here, NEW)
        assert await findings(here, NamedTask(task_id=task_id)) == ["tracked"]
        job = await here.job(task_id)
        assert await findings(here, NamedTask(task_id=task_id, tags={"late": "x"})) == ["known"]
        assert await here.job(task_id) == job


async def test_what_kling_does_not_know_leaves_no_trace(tmp_path):
    async with Simulator().serve() as url, asking(tmp_path, url) as here:
        tasks = [NamedTask(task_id="836"), NamedTask(task_id="837", endpoint=LEGACY)]
        assert await findings(here, *tasks) == ["unknown", "unknown"]
        assert await here.store.read.jobs(limit=9) == []


async def test_an_outage_keeps_nothing_and_says_so(tmp_path):
    simulator = Simulator(SimulatorSettings(outage=True))
    async with simulator.serve() as url, asking(tmp_path, url) as here:
        (found,) = await named(here).track([NamedTask(task_id="836")])
        assert (found.finding, "nothing was kept" in found.detail) == (Finding.UNASKED, True)
        assert await here.store.read.jobs(limit=9) == []


async def test_what_makes_no_sense_is_refused_and_the_others_are_tracked(tmp_path):
    async with Simulator().serve() as url, asking(tmp_path, url) as here:
        task_id = await created(here, NEW)
        mine = await here.intake().accept(NEW, {"prompt": "x"}, external_id="mine")
        assert await findings(
            here,
            NamedTask(task_id="a b"),
            NamedTask(task_id=task_id),
            NamedTask(task_id="1", endpoint="videos"),
            NamedTask(task_id="2", endpoint="/v1/audio/tts"),
            NamedTask(task_id="3", external_id="mine"),
        ) == ["refused", "tracked", "refused", "refused", "refused"]
        assert (await here.job(mine.id)).state is JobState.QUEUED


async def test_a_key_pair_finds_no_new_task_and_says_why(tmp_path):
    simulator = Simulator(SimulatorSettings(access_key="simulator", secret_key="simulator"))
    async with simulator.serve() as url, asking(tmp_path, url, key_pair=True) as here:
        tasks = [NamedTask(task_id="1", endpoint=NEW), NamedTask(task_id="2")]
        new, anywhere = await named(here).track(tasks)
        assert (new.finding, "API key only" in new.detail) == (Finding.REFUSED, True)
        assert (anywhere.finding, "give the endpoint" in anywhere.detail) == (Finding.UNKNOWN, True)


async def test_an_external_id_is_taken_where_kling_tells_none(tmp_path):
    async with Simulator().serve() as url, asking(tmp_path, url) as here:
        task_id = await created(here, NEW)
        (found,) = await named(here).track([NamedTask(task_id=task_id, external_id="order-7")])
        assert found.job.external_id == "order-7"
