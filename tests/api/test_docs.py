import json
import re
from pathlib import Path

from fakes.local_api import local_api

from kling_daemon.api import ApiServices, build_api
from kling_daemon.client.models import (
    AttemptModel,
    DeliveryInFullModel,
    EventModel,
    HandlerModel,
    JobModel,
    NoticeModel,
    PluginModel,
    PunctualityModel,
    StatsModel,
    SubmitModel,
    TimelineEntryModel,
    TimelineModel,
    UpcomingModel,
)
from kling_daemon.polling import PollPolicy
from kling_daemon.testing import ManualClock

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCS, flags=re.DOTALL)]


async def test_every_route_is_documented_and_nothing_else(tmp_path):
    documented = set(re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", DOCS, flags=re.MULTILINE))
    async with local_api(tmp_path) as api:
        services = ApiServices(
            store=api.store, clock=ManualClock(), polling=PollPolicy(), bus=api.bus, submit=api.submit, check=api.check,
            cancel=print, wake=print, handlers=list, plugins=(), metrics=api.registry, kling_requests=dict,
            obstacles=list, token_digests=(),
        )  # fmt: skip
        routes = build_api(services).router.routes()
        served = {f"{route.method} {route.resource.canonical}" for route in routes if route.method != "HEAD"}
    assert documented == served


def test_the_examples_are_what_the_models_read():
    problem, order, job = EXAMPLES
    assert set(problem) == {"type", "title", "status", "detail"}
    assert SubmitModel.model_validate(order).model_fields_set == set(SubmitModel.model_fields)
    assert JobModel.model_validate(job).as_json() == job


def test_every_field_is_named():
    timeline = (TimelineModel, TimelineEntryModel, UpcomingModel)
    for model in (
        EventModel,
        DeliveryInFullModel,
        AttemptModel,
        HandlerModel,
        PluginModel,
        StatsModel,
        NoticeModel,
        PunctualityModel,
        *timeline,
    ):
        for field in model.model_fields:
            assert re.search(rf"\b{field}\b", DOCS), f"{model.__name__}.{field}"
