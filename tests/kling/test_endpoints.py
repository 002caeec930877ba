import pytest

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, endpoint_of, field_of, model_of, with_field


@pytest.mark.parametrize("endpoint", REGISTRY, ids=lambda endpoint: endpoint.path)
def test_every_registered_endpoint_is_found_by_its_path(endpoint):
    suffix = "/kling-3.0" if endpoint.generation is Generation.NEW else ""
    assert endpoint_of(endpoint.path + suffix) is endpoint


@pytest.mark.parametrize(
    ("path", "generation", "kind"),
    [
        ("/v1/videos/next-year", Generation.LEGACY, "video"),
        ("/v1/images/next-year", Generation.LEGACY, "image"),
        ("/next-year-to-video/kling-9", Generation.NEW, "video"),
    ],
)
def test_an_unknown_path_works_by_its_shape(path, generation, kind):
    endpoint = endpoint_of(path)
    assert (endpoint.path, endpoint.generation, endpoint.kind) == (path, generation, kind)


@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/text-to-video/kling-3.0", {}, "kling-3.0"),
        ("/text-to-video/kling-3.0", {"model_name": "other"}, "kling-3.0"),
        ("/text-to-video", {}, None),
        ("/text-to-video/", {}, None),
        ("/solutions/talking_agent", {}, None),
        ("/v1/videos/text2video", {"model_name": "kling-v3"}, "kling-v3"),
        ("/v1/videos/text2video", {"model": "kling-v1"}, "kling-v1"),
        ("/v1/videos/text2video", {"model_name": 7}, None),
        ("/v1/videos/text2video", {}, None),
    ],
)
def test_the_model_is_where_the_generation_keeps_it(path, body, model):
    assert model_of(path, body) == model


def test_fields_are_set_where_the_generation_reads_them():
    new, legacy = endpoint_of("/text-to-video/kling-3.0"), endpoint_of("/v1/videos/text2video")
    body = {"prompt": "p", "options": {"watermark_info": {}}}
    assert with_field(body, new.callback_field, "u") == {
        "prompt": "p",
        "options": {"watermark_info": {}, "callback_url": "u"},
    }
    assert with_field({"options": 7}, new.external_id_field, "e") == {"options": {"external_task_id": "e"}}
    assert with_field({}, legacy.callback_field, "u") == {"callback_url": "u"}
    assert with_field({}, legacy.external_id_field, "e") == {"external_task_id": "e"}
    assert body == {"prompt": "p", "options": {"watermark_info": {}}}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"options": {"callback_url": "u"}}, "u"),
        ({"options": {"callback_url": ""}}, None),
        ({"options": {"callback_url": 7}}, None),
        ({"options": "u"}, None),
        ({"callback_url": "u"}, None),
        ({}, None),
    ],
)
def test_a_field_is_read_only_where_the_generation_reads_it(body, value):
    assert field_of(body, endpoint_of("/text-to-video/kling-3.0").callback_field) == value
