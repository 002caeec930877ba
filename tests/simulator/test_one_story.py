"""However a task's end is told, by callback, answer or list, in either dialect: nothing of it contradicts the rest."""

from itertools import permutations

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import KlingCaller
from fakes.kling_orders import BODIES

from kling_daemon.clock import SystemClock
from kling_daemon.jobs import Generation, JobState
from kling_daemon.kling.dialects import read_task
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.reports import Source, adopt, fold
from kling_daemon.simulator import Simulator, SimulatorSettings, Span

QUICK = SimulatorSettings(submitted=Span.parse("1ms"), processing=Span.parse("1ms"), video_slots=0, image_slots=0)


def order(path, sink):
    if endpoint_of(path).generation is Generation.NEW:
        return BODIES[path] | {"options": {"callback_url": sink.url}}
    return BODIES[path] | {"callback_url": sink.url}


async def answered(kling, path, task_id):
    """Yield the entries of a task that Kling shows when it is asked, wherever it may be asked."""
    asked = [("GET", f"{place}?task_ids={task_id}", None) for place in ("/tasks", "/solutions")]
    asked += [("POST", place, {}) for place in ("/tasks", "/solutions")]
    if path.startswith("/v1/"):
        asked += [("GET", f"{path}/{task_id}", None), ("GET", f"{path}?pageNum=1&pageSize=500", None)]
    for method, place, body in asked:
        status, answer = await kling.call(method, place, json=body)
        if status != 200:
            continue
        data = answer["data"]
        entries = data if isinstance(data, list) else data.get("result", [data])
        for entry in entries:
            if task_id in (entry.get("id"), entry.get("task_id")):
                yield entry


@pytest.mark.parametrize("path", BODIES)
async def test_no_way_of_telling_an_end_contradicts_another(path):
    async with CallbackSink.serve() as sink, Simulator(QUICK).serve() as url, KlingCaller.at(url) as kling:
        made = await kling.create(path, **order(path, sink))
        called_back = [received.json for received in await sink.got(3) if received.status.startswith("succe")]
        entries = [*called_back, *[entry async for entry in answered(kling, path, made.get("id") or made["task_id"])]]
    now = SystemClock().now()
    told = [read_task(entry, source=Source.POLL, received_at=now) for entry in entries]
    assert {report.verdict for report in told} == {JobState.SUCCEEDED}
    assert len(told) >= (5 if path.startswith("/v1/") else 3)
    for first, second in permutations(told, 2):
        change = fold(adopt(first, "default").job, second)
        assert change.contradicted is change.job.contradicted is False
