"""What a caller wants made is completed at the place where Kling reads it, and refused where it cannot be followed."""

import json

import pytest
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_IMAGE_TO_VIDEO, LEGACY_VIDEO, NEW_IMAGE_TO_VIDEO, NEW_VIDEO
from hypothesis import given
from hypothesis import strategies as st
from strategies.any_json import values

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, SYNCHRONOUS
from kling_daemon.submission.orders import SubmitRefusedError, complete

URL = "https://daemon.example/webhooks/kling/cap"
NEW = [NEW_VIDEO, NEW_IMAGE_TO_VIDEO, "/omni-video/kling-9"]
LEGACY = [LEGACY_VIDEO, LEGACY_IMAGE_TO_VIDEO, LEGACY_IMAGE, "/v1/videos/lip-sync"]


def completed(path, body, *, external_id=None, callback_url=URL):
    order = complete(path, body, job_id="job-1", external_id=external_id, callback_url=callback_url)
    return order, json.loads(order.body)


@pytest.mark.parametrize("path", NEW)
def test_the_new_generation_reads_both_under_options(path):
    order, sent = completed(path, {"prompt": "x", "options": {"watermark_info": {}}})
    assert sent == {
        "prompt": "x",
        "options": {"watermark_info": {}, "external_task_id": "job-1", "callback_url": URL},
    }
    assert (order.external_id, order.calls_us_back, order.model) == ("job-1", True, path.rpartition("/")[2])


@pytest.mark.parametrize("path", LEGACY)
def test_the_legacy_generation_reads_both_at_the_top(path):
    order, sent = completed(path, {"model_name": "kling-v2"})
    assert sent == {"model_name": "kling-v2", "external_task_id": "job-1", "callback_url": URL}
    assert (order.external_id, order.calls_us_back, order.model) == ("job-1", True, "kling-v2")


@pytest.mark.parametrize("endpoint", REGISTRY, ids=lambda endpoint: endpoint.path)
def test_every_endpoint_that_makes_tasks_gets_both_where_it_reads_them(endpoint):
    path = f"{endpoint.path}/kling-3.0" if endpoint.names_model else endpoint.path
    order, sent = completed(path, {"prompt": "x"})
    fields = {"callback_url": URL} | ({"external_task_id": "job-1"} if endpoint.takes_external_id else {})
    assert sent == {"prompt": "x"} | ({"options": fields} if endpoint.generation is Generation.NEW else fields)
    assert (order.endpoint, order.path, order.calls_us_back) == (endpoint, path, True)
    assert order.external_id == ("job-1" if endpoint.takes_external_id else None)


@pytest.mark.parametrize("endpoint", SYNCHRONOUS, ids=lambda endpoint: endpoint.path)
def test_what_is_answered_at_once_is_refused_for_there_is_nothing_to_follow(endpoint):
    with pytest.raises(SubmitRefusedError, match=f"{endpoint.path} is answered by Kling at once and makes no task"):
        completed(endpoint.path, {"prompt": "x"})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (NEW_VIDEO, {"options": {"external_task_id": "mine", "callback_url": "https://mine.example/"}}),
        (LEGACY_VIDEO, {"external_task_id": "mine", "callback_url": "https://mine.example/"}),
    ],
)
def test_what_the_caller_chose_is_kept(path, body):
    order, sent = completed(path, body)
    assert sent == body
    assert (order.external_id, order.calls_us_back) == ("mine", False)


def test_an_external_id_besides_the_body_is_put_in_its_place():
    order, sent = completed(LEGACY_VIDEO, {}, external_id="mine")
    assert (order.external_id, sent["external_task_id"]) == ("mine", "mine")


def test_without_a_public_url_no_callback_is_asked_for():
    order, sent = completed(NEW_VIDEO, {}, callback_url=None)
    assert (order.calls_us_back, sent) == (False, {"options": {"external_task_id": "job-1"}})


def test_the_callers_own_body_is_not_changed():
    body = {"options": {}}
    completed(NEW_VIDEO, body)
    assert body == {"options": {}}


@pytest.mark.parametrize(
    "path",
    [
        "", "text-to-video/x", "/", "//x", "/a//b", "/a/", "/../x", "/a/..", "/a/./b", "/a?b", "/a#b", "/a%2e", "/a b",
        "/a\\b", "/a\n", "/ä", "/" + "a" * 300, "https://evil.example/x",
    ],
)  # fmt: skip
def test_what_is_no_create_path_is_refused(path):
    with pytest.raises(SubmitRefusedError, match="no create path"):
        completed(path, {})


@pytest.mark.parametrize("external_id", ["a,b", ".", "..", "a\nb", "x" * 300, "\ud800"])
def test_an_external_id_that_kling_could_not_be_asked_for_is_refused(external_id):
    with pytest.raises(SubmitRefusedError, match="external id"):
        completed(LEGACY_VIDEO, {}, external_id=external_id)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (NEW_VIDEO, {"options": "fast"}),
        (NEW_VIDEO, {"options": []}),
        (NEW_VIDEO, {"options": {"external_task_id": 5}}),
        (NEW_VIDEO, {"options": {"callback_url": ["https://mine.example/"]}}),
        (LEGACY_VIDEO, {"external_task_id": 5}),
        (LEGACY_VIDEO, {"callback_url": {}}),
    ],
)
def test_what_stands_in_our_place_is_not_overwritten_in_silence(path, body):
    with pytest.raises(SubmitRefusedError, match="must be"):
        completed(path, body)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", b"bytes", object()])
def test_what_cannot_be_sent_as_json_is_refused(value):
    with pytest.raises(SubmitRefusedError, match="JSON"):
        completed(NEW_VIDEO, {"prompt": value})


@given(body=st.dictionaries(st.text(), values), path=st.sampled_from([*NEW, *LEGACY]))
def test_any_body_is_completed_or_refused(body, path):
    try:
        order, sent = completed(path, body)
    except SubmitRefusedError:
        return
    place = sent["options"] if path in NEW else sent
    assert place["external_task_id"] == order.external_id
    assert bool(place["callback_url"])
