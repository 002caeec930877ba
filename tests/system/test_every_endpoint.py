"""A job of every endpoint that makes tasks ends by callback and by poll, with an API key and with a key pair alone.

Its outputs have, field by field, what the recorded bodies of its kind have in the dialect in which its end was told.
"""

from datetime import timedelta

import pydantic
import pytest
from fakes.kling_orders import BODIES
from fakes.running_daemon import SECRET, running_daemon, trusting
from recorded.kling_bodies import parsed

from kling_daemon.clock import SystemClock
from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, Kind
from kling_daemon.kling.results import read_outputs
from kling_daemon.simulator import Simulator, SimulatorSettings, Span

QUICK = SimulatorSettings(
    submitted=Span.parse("1ms-5ms"),
    processing=Span.parse("1ms-20ms"),
    video_slots=0,
    image_slots=0,
    access_key="ak",
    secret_key="sk",
    secrets=(SECRET,),
)
API_KEY = {"api_key": pydantic.SecretStr("simulator")}
KEY_PAIR = {"access_key": pydantic.SecretStr("ak"), "secret_key": pydantic.SecretStr("sk")}
POLLER = {"interval": timedelta(milliseconds=50), "max_interval": timedelta(milliseconds=200)}

RECORDED = {
    "legacy": {
        Kind.VIDEO: ["legacy_query_succeed_video"],
        Kind.IMAGE: ["legacy_query_succeed_images"],
        Kind.AUDIO: ["legacy_result_audio"],
        Kind.VOICE: ["legacy_result_voice"],
        Kind.ELEMENT: ["legacy_result_element"],
        "/v1/audio/video-to-audio": ["legacy_query_video_to_audio"],
        "/v1/general/ai-multi-shot": ["legacy_result_multi_shot"],
    },
    "new": {
        Kind.VIDEO: ["new_tasks_get_succeeded_video"],
        Kind.IMAGE: ["new_result_images"],
        Kind.AUDIO: ["new_result_audio"],
        Kind.VOICE: ["new_result_voice"],
        Kind.ELEMENT: ["new_result_element"],
        Kind.PRODUCT: ["new_solutions_get_products"],
        "/v1/audio/video-to-audio": ["new_tasks_get_succeeded_video", "new_result_audio"],
        "/solutions/virtual_try_on": ["new_solutions_get_try_on"],
        "/solutions/drama_subtitle": ["new_solutions_get_subtitles"],
        "/v1/general/ai-multi-shot": ["legacy_result_multi_shot"],  # there is none in this dialect
    },
}
"""The bodies that tell of an end, by the dialect and the endpoint's path or, for the others, its kind."""


def path_of(endpoint):
    return f"{endpoint.path}/{endpoint.models[0]}" if endpoint.models else endpoint.path


def told(output):
    """Return what an output says, but for the values: its type, which fields it fills, and its files' roles."""
    files = sorted((file.role, file.url.startswith("http"), file.expires_at is not None) for file in output.files)
    return output.type, output.id is not None, output.duration is not None, tuple(files)


def recorded(endpoint, dialect):
    """Return what Kling's bodies say of such a result."""
    of_dialect = RECORDED[dialect]
    found = set()
    for name in of_dialect.get(endpoint.path) or of_dialect[endpoint.kind]:
        data = parsed(name)["data"]
        task = data[0] if isinstance(data, list) else data
        found |= {told(output) for output in read_outputs(task, SystemClock().now())}
    return found


@pytest.mark.parametrize("called_back", [True, False], ids=["called back", "polled"])
@pytest.mark.parametrize("account", [API_KEY, KEY_PAIR], ids=["API key", "key pair"])
async def test_a_job_of_every_endpoint_ends_once(tmp_path, account, called_back):
    endpoints = [one for one in REGISTRY if account is API_KEY or one.generation is Generation.LEGACY]
    simulator = Simulator(QUICK)
    async with running_daemon(
        tmp_path,
        simulator=simulator,
        account=account,
        called_back=called_back,
        poller={} if called_back else POLLER,
        trust=trusting(SECRET),
    ) as daemon:
        made = {one.path: (await daemon.submit(path_of(one), body=BODIES[path_of(one)]))["id"] for one in endpoints}
        differences = {}
        for one in endpoints:
            job = await daemon.until_job(made[one.path], "succeeded")
            dialect = "new" if account is API_KEY and not called_back else one.generation.value
            outputs, expected = {told(output) for output in job.outputs}, recorded(one, dialect)
            if outputs != expected:
                differences[one.path] = (outputs, expected)
            assert (job.generation, job.callback_missed, job.contradicted) == (one.generation, False, False)
            assert job.task_id is not None
            # What Kling answers about a single legacy video does not say what it cost.
            is_told_cost = called_back or account is API_KEY or one.kind is not Kind.VIDEO
            assert bool(job.cost) == is_told_cost, one.path
        assert differences == {}
        ends = daemon.rows("SELECT source, count(*) FROM reports WHERE state = 'succeeded' GROUP BY source")
        assert ends == [("callback" if called_back else "poll", len(endpoints))]
        events = daemon.rows("SELECT count(*) FROM events WHERE type = 'job.completed'")
        assert events == [(len(endpoints),)]
    stats = simulator.stats()
    assert stats["billed"]["tasks"] == len(endpoints)
    asked = set(stats["requests"]) - {"create"}
    assert not asked if called_back else asked
