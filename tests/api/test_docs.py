import json
import re
from pathlib import Path

from kling_daemon.api.application import declared_routes
from kling_daemon.client.models import (
    AttemptModel,
    DeliveryInFullModel,
    EventModel,
    HandlerModel,
    JobModel,
    MadeTokenModel,
    NoticeModel,
    PluginModel,
    PunctualityModel,
    StatsModel,
    SubmitModel,
    TimelineEntryModel,
    TimelineModel,
    UpcomingModel,
)

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
EXAMPLES = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", DOCS, flags=re.DOTALL)]


def test_every_route_is_documented_and_nothing_else():
    documented = set(re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", DOCS, flags=re.MULTILINE))
    assert documented == {f"{route.method} {route.path}" for route in declared_routes()}


def test_the_examples_are_what_the_models_read():
    problem, order, job = EXAMPLES
    assert set(problem) == {"type", "title", "status", "detail"}
    assert SubmitModel.model_validate(order).model_fields_set == set(SubmitModel.model_fields)
    assert JobModel.model_validate(job).as_json() == job


def test_every_field_is_named():
    timeline = (TimelineModel, TimelineEntryModel, UpcomingModel)
    deliveries, handlers = (DeliveryInFullModel, AttemptModel), (HandlerModel, PluginModel)
    numbers = (StatsModel, NoticeModel, PunctualityModel)
    for model in (EventModel, *deliveries, *handlers, *numbers, MadeTokenModel, *timeline):
        for field in model.model_fields:
            assert re.search(rf"\b{field}\b", DOCS), f"{model.__name__}.{field}"
