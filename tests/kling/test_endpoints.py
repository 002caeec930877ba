import pytest

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, SYNCHRONOUS, endpoint_of, field_of, model_of, with_field

ALL = [*REGISTRY, *SYNCHRONOUS]


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.path)
def test_every_registered_endpoint_is_found_by_its_paths(endpoint):
    paths = [f"{endpoint.path}/{model}" for model in (*endpoint.models, "kling-99")]
    for path in paths if endpoint.names_model else [endpoint.path]:
        assert endpoint_of(path) is endpoint


def test_no_path_is_registered_twice():
    assert len({endpoint.path for endpoint in ALL}) == len(ALL)


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.path)
def test_what_is_said_of_an_endpoint_fits_together(endpoint):
    assert endpoint.is_synchronous == (endpoint in SYNCHRONOUS) == (endpoint.query is None)
    assert not (endpoint.is_synchronous and endpoint.slots)
    assert endpoint.takes_external_id or not endpoint.has_external_id
    assert bool(endpoint.models) == endpoint.names_model
    assert endpoint.path.startswith("/v1/") == (endpoint.generation is Generation.LEGACY)


@pytest.mark.parametrize(
    ("path", "query", "known"),
    [
        ("/text-to-video/kling-3.0", "/tasks?task_ids={id}", True),
        ("/v1/videos/avatar/image2video", "/v1/videos/avatar/image2video/{id}", True),
        ("/solutions/talking_agent", "/solutions?task_ids={id}", False),
        ("/v1/audio/tts", None, False),
    ],
)
def test_a_task_is_asked_for_where_its_family_is(path, query, known):
    endpoint = endpoint_of(path)
    assert (endpoint.query, endpoint.is_known_to_tasks) == (query, known)


@pytest.mark.parametrize(
    ("path", "slots"),
    [
        ("/text-to-video/kling-3.0", "1"),
        ("/v1/images/generations", "n"),
        ("/v1/images/kolors-virtual-try-on", "1"),
        ("/v1/audio/text-to-audio", None),
        ("/v1/videos/next-year", "1"),
        ("/v1/images/next-year", "n"),
    ],
)
def test_a_video_or_try_on_takes_one_slot_and_an_image_job_one_for_each(path, slots):
    assert endpoint_of(path).slots == slots


@pytest.mark.parametrize(
    ("path", "generation", "kind"),
    [
        ("/v1/videos/next-year", Generation.LEGACY, "video"),
        ("/v1/videos/images/next-year", Generation.LEGACY, "video"),
        ("/v1/images/next-year", Generation.LEGACY, "image"),
        ("/v1/audio/next-year", Generation.LEGACY, "audio"),
        ("/v1/general/next-year", Generation.LEGACY, "other"),
        ("/v1/", Generation.LEGACY, "other"),
        ("/next-year-to-video/kling-9", Generation.NEW, "video"),
        ("/text-to-image/kling-9", Generation.NEW, "image"),
        ("/next-year/kling-9", Generation.NEW, "video"),
        ("/", Generation.NEW, "video"),
        ("", Generation.NEW, "video"),
    ],
)
def test_an_unknown_path_works_by_its_shape(path, generation, kind):
    endpoint = endpoint_of(path)
    assert (endpoint.path, endpoint.generation, endpoint.kind) == (path, generation, kind)
    assert not endpoint.is_synchronous


def test_an_unknown_solution_is_one_of_its_family():
    unknown, known = endpoint_of("/solutions/next/year"), endpoint_of("/solutions/talking_agent")
    assert (unknown.path, unknown.kind, unknown.slots) == ("/solutions/next/year", "other", None)
    for fact in ("generation", "query", "callback_field", "external_id_field", "has_external_id", "names_model"):
        assert getattr(unknown, fact) == getattr(known, fact)


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
