from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded.kling_bodies import NAMES, NO_TASKS, SINGLE, parsed
from strategies.any_json import mutated, values

from kling_daemon.jobs import FailureReason, Generation, JobState
from kling_daemon.kling.bodies import Flaw, UnreadableError
from kling_daemon.kling.costs import NOTHING
from kling_daemon.kling.dialects import entries_of, read_task, task_id_of
from kling_daemon.outputs import Charge
from kling_daemon.reports import Source

NOW = datetime(2026, 9, 1, tzinfo=UTC)
LEGACY, NEW = Generation.LEGACY, Generation.NEW
SUBMITTED, PROCESSING, SUCCEEDED, FAILED = (
    JobState.SUBMITTED,
    JobState.PROCESSING,
    JobState.SUCCEEDED,
    JobState.FAILED,
)


def read(data, **known):
    return read_task(data, source=Source.CALLBACK, received_at=NOW, **known)


def unit(amount, package):
    return (Charge(kind="unit", amount=amount, unit=package),)


# name: id, external id, generation, state, reason, types of the outputs, cost
RECORDED = {
    "legacy_callback_failed": ("820000000000000002", None, LEGACY, FAILED, FailureReason.MODERATION, [], ()),
    "legacy_callback_processing": ("820000000000000001", "kd-1", LEGACY, PROCESSING, None, [], ()),
    "legacy_callback_submitted": ("820000000000000001", "kd-1", LEGACY, SUBMITTED, None, [], ()),
    "legacy_callback_succeed_video": (
        *("820000000000000001", "kd-1", LEGACY, SUCCEEDED, None, ["video"]),
        unit("2.5", "video"),
    ),
    "legacy_create_no_external_id": ("820000000000000001", None, LEGACY, SUBMITTED, None, [], ()),
    "legacy_create_t2v_submitted": (
        *("860000000000000001", "text2video_kling_v3_final-1774805076", LEGACY, SUBMITTED, None, []),
        (),
    ),
    "legacy_query_processing": ("820000000000000001", None, LEGACY, PROCESSING, None, [], ()),
    "legacy_query_succeed_images": (
        *("820000000000000003", "kd-img-1", LEGACY, SUCCEEDED, None, ["image", "image"]),
        unit("8", "image"),
    ),
    "legacy_query_succeed_video": ("820000000000000001", None, LEGACY, SUCCEEDED, None, ["video"], ()),
    "legacy_query_video_to_audio": (
        *("820000000000000006", "kd-au-1", LEGACY, SUCCEEDED, None, ["video", "audio"]),
        unit("0.25", "video"),
    ),
    "legacy_result_audio": ("820000000000000065", "kd-65", LEGACY, SUCCEEDED, None, ["audio"], unit("0.25", None)),
    "legacy_result_element": ("820000000000000064", "kd-64", LEGACY, SUCCEEDED, None, ["element"], (NOTHING,)),
    "legacy_result_multi_shot": ("820000000000000062", "kd-62", LEGACY, SUCCEEDED, None, ["image"], unit("8", "image")),
    "legacy_result_series": (
        *("820000000000000061", "kd-61", LEGACY, SUCCEEDED, None, ["series_image"] * 3),
        unit("24", "image"),
    ),
    "legacy_result_voice": ("820000000000000063", "kd-63", LEGACY, SUCCEEDED, None, ["voice"], unit("0.05", None)),
    "legacy_tts_sync": ("930000000000000040", None, LEGACY, SUCCEEDED, None, ["audio"], unit("0.05", None)),
    "new_callback_processing": ("930000000000000011", "kd-11", NEW, PROCESSING, None, [], ()),
    "new_callback_succeeded_video": (
        *("930000000000000012", "kd-12", NEW, SUCCEEDED, None, ["video"]),
        unit("2.4", "video"),
    ),
    "new_create_submitted": ("930000000000000001", None, NEW, SUBMITTED, None, [], ()),
    "new_create_with_external_id": ("930000000000000002", "order-42", NEW, SUBMITTED, None, [], ()),
    "new_result_audio": ("930000000000000074", "kd-74", NEW, SUCCEEDED, None, ["audio"], unit("0.25", "audio")),
    "new_result_element": ("930000000000000072", "kd-72", NEW, SUCCEEDED, None, ["element"], (NOTHING,)),
    "new_result_images": ("930000000000000073", "kd-73", NEW, SUCCEEDED, None, ["image"] * 3, unit("24", "image")),
    "new_result_products": (
        *("930000000000000076", "kd-76", NEW, SUCCEEDED, None, ["product_image", "model_images", "product_video"]),
        (Charge(kind="cash", amount="0.42", unit="USD"),),
    ),
    "new_result_subtitles": (
        *("930000000000000075", "kd-75", NEW, SUCCEEDED, None, ["subbed_video", "srt", "ass"]),
        unit("6", "video"),
    ),
    "new_result_voice": ("930000000000000071", "kd-71", NEW, SUCCEEDED, None, ["voice"], unit("0.05", None)),
    "new_solutions_get_products": (
        *("930000000000000077", "kd-77", NEW, SUCCEEDED, None, ["product_image", "model_images", "product_video"]),
        unit("28", "video"),
    ),
    "new_solutions_get_subtitles": (
        *("930000000000000078", "kd-78", NEW, SUCCEEDED, None, ["subbed_video", "srt", "ass"]),
        unit("6", "video"),
    ),
    "new_solutions_get_try_on": (
        *("930000000000000079", "kd-79", NEW, SUCCEEDED, None, ["image"]),
        (Charge(kind="cash", amount="0.07", unit="USD"),),
    ),
    "new_tasks_get_all_output_types": (
        *("893605946402811985", "kd-20", NEW, SUCCEEDED, None, ["video", "image", "audio", "voice", "element"]),
        (Charge(kind="cash", amount="0.21", unit="USD"), *unit("8", "image")),
    ),
    "new_tasks_get_failed_unbilled": (
        *("930000000000000003", None, NEW, FAILED, FailureReason.INPUT, []),
        (NOTHING,),
    ),
    "new_tasks_get_succeeded_video": (
        *("930000000000000001", None, NEW, SUCCEEDED, None, ["video"]),
        unit("3", "video"),
    ),
    "thirdparty_callback_enveloped": ("abc123", None, LEGACY, SUCCEEDED, None, ["video"], ()),
}


def told(report):
    return (
        report.task_id,
        report.external_id,
        report.generation,
        report.state,
        report.reason,
        [output.type for output in report.outputs],
        report.cost,
    )


@pytest.mark.parametrize("name", SINGLE)
def test_every_recorded_task_reads_as_what_it_says(name):
    report = read(parsed(name))
    assert told(report) == RECORDED[name]
    assert report.created_at is not None
    assert report.updated_at >= report.created_at
    assert (report.received_at, report.source) == (NOW, Source.CALLBACK)


def test_every_recorded_list_reads_entry_by_entry():
    batch = [read(entry) for entry in entries_of(parsed("new_tasks_get_batch_mixed"))]
    assert [report.state for report in batch] == [SUBMITTED, PROCESSING, SUCCEEDED, FAILED]
    assert [file.role for file in batch[2].outputs[0].files] == ["main", "watermark"]
    assert batch[3].reason is FailureReason.MODERATION
    assert [told(read(entry))[:4] for entry in entries_of(parsed("legacy_list_videos"))] == [
        ("820000000000000001", "kd-1", LEGACY, SUCCEEDED),
        ("820000000000000008", None, LEGACY, PROCESSING),
    ]
    assert [read(entry).task_id for entry in entries_of(parsed("new_tasks_cursor_page"))] == ["930000000000000010"]
    assert entries_of(parsed("new_tasks_get_empty")) == []


def test_the_live_url_expires_when_it_says():
    report = read(parsed("legacy_query_succeed_video"))
    [file] = report.outputs[0].files
    assert file.expires_at == (report.updated_at + timedelta(days=30)).replace(microsecond=0)


@pytest.mark.parametrize("name", NO_TASKS)
def test_an_answer_without_a_task_is_unreadable(name):
    with pytest.raises(UnreadableError):
        read(parsed(name))


@pytest.mark.parametrize("name", SINGLE)
@pytest.mark.parametrize(
    "wrap",
    [
        lambda task: {"code": 0, "message": "SUCCEED", "data": task},
        lambda task: {"code": 0, "message": "SUCCEED", "data": [task]},
        lambda task: {"event": "task", "status": 200, "data": {"data": task}},
        lambda task: {"id": "evt-1", "type": "video.completed", "data": task},
    ],
    ids=["object", "list of one", "twice", "event"],
)
def test_an_envelope_changes_nothing(name, wrap):
    [task] = entries_of(parsed(name)) if "data" in parsed(name) else [parsed(name)]
    assert read(wrap(task)) == read(task)


def test_a_hybrid_of_both_dialects_is_read():
    report = read(
        {
            "id": 820000000000000001,
            "status": "succeed",
            "external_task_id": "kd-1",
            "created_at": 1764235825,
            "update_time": 1764236054,
            "task_result": {"images": None, "videos": [{"url": "https://a/1.mp4"}]},
        }
    )
    assert told(report) == ("820000000000000001", "kd-1", LEGACY, SUCCEEDED, None, ["video"], ())
    assert report.created_at == datetime(2025, 11, 27, 9, 30, 25, tzinfo=UTC)
    assert report.updated_at == datetime(2025, 11, 27, 9, 34, 14, tzinfo=UTC)


@pytest.mark.parametrize("factor", [1, 1000])
def test_seconds_and_milliseconds_are_the_same_moment(factor):
    assert read({"id": "1", "status": "x", "update_time": 1764235825 * factor}).updated_at == datetime(
        2025, 11, 27, 9, 30, 25, tzinfo=UTC
    )


def test_the_endpoint_knows_the_generation_better_than_the_words():
    task = {"id": "1", "status": "succeeded"}
    report = read(task, endpoint="/v1/videos/text2video")
    assert (report.generation, report.endpoint) == (LEGACY, "/v1/videos/text2video")
    assert read(task).generation is NEW


def test_a_deleted_result_has_failed_by_deletion():
    report = read({"task_id": "1", "task_status": "deleted"})
    assert (report.state, report.reason) == (FAILED, FailureReason.DELETED)


def test_an_unknown_status_word_changes_no_state_and_can_be_named():
    task = {"id": "1", "status": "queueing\n" + "x" * 1000, "outputs": []}
    report = read({"data": task})
    assert (report.state, report.reason) == (None, None)
    assert report.strange_word == "queueing " + "x" * 55
    assert read({"id": "1", "status": "submitted"}).strange_word == ""
    assert read({"id": "1", "status": "\x00"}).strange_word == "(unprintable)"


@pytest.mark.parametrize(
    ("data", "flaw"),
    [
        (None, Flaw.NOT_AN_OBJECT),
        ("text", Flaw.NOT_AN_OBJECT),
        ([{"id": "1", "status": "succeeded"}], Flaw.NOT_AN_OBJECT),
        ({}, Flaw.NO_TASK_ID),
        ({"status": "succeeded"}, Flaw.NO_TASK_ID),
        ({"id": "", "status": "succeeded"}, Flaw.NO_TASK_ID),
        ({"id": "a b", "status": "succeeded"}, Flaw.NO_TASK_ID),
        ({"id": {"x": 1}, "status": "succeeded"}, Flaw.NO_TASK_ID),
        ({"id": "1"}, Flaw.NO_STATUS),
        ({"id": "1", "status": None}, Flaw.NO_STATUS),
        ({"id": "1", "status": ["succeeded"]}, Flaw.NO_STATUS),
        ({"code": 1302, "message": "too fast", "data": None}, Flaw.NO_TASK_ID),
        ({"data": []}, Flaw.NO_TASK_ID),
        ({"data": [{"id": "1", "status": "x"}, {"id": "2", "status": "x"}]}, Flaw.SEVERAL_TASKS),
        ({"data": {"data": {"data": {"data": {"id": "1", "status": "x"}}}}}, Flaw.NO_TASK_ID),
    ],
)
def test_what_speaks_of_no_task_is_named_by_its_flaw(data, flaw):
    with pytest.raises(UnreadableError) as caught:
        read(data)
    assert caught.value.flaw is flaw


def test_optional_fields_of_wrong_types_count_as_missing():
    bare = {"id": "1", "status": "failed"}
    odd = {
        **bare,
        "message": {"a": 1},
        "create_time": "soon",
        "update_time": [1],
        "external_id": {},
        "task_info": 7,
        "outputs": "none",
        "billing": {"amount": 1},
    }
    assert read(odd) == read(bare)


def test_the_id_of_an_unreadable_entry_can_still_be_told():
    assert task_id_of({"id": "1", "status": None}) == "1"
    assert task_id_of({"task_id": 7}) == "7"
    assert task_id_of({"id": ""}) is None
    assert task_id_of([]) is None


@pytest.mark.parametrize("data", ["text", 7, {"result": "x"}])
def test_an_answer_whose_data_is_no_list_is_unreadable(data):
    with pytest.raises(UnreadableError):
        entries_of({"data": data})


def test_an_answer_without_data_holds_no_entries():
    assert entries_of({}) == entries_of({"data": None}) == entries_of({"data": {"result": None}}) == []


def check_never_another_error(data):
    task_id = task_id_of(data)
    assert task_id is None or task_id.isprintable()
    with suppress(UnreadableError):
        report = read(data)
        assert report.task_id
        texts = [
            report.task_id,
            report.external_id,
            report.message,
            report.strange_word,
            *map(str, report.outputs),
            *map(str, report.cost),
        ]
        assert all(text is None or text.isprintable() for text in texts)


@given(values)
def test_no_json_leads_to_another_error(data):
    check_never_another_error(data)


@given(st.sampled_from(NAMES).map(parsed).flatmap(mutated))
def test_no_mutation_of_a_recorded_body_leads_to_another_error(data):
    check_never_another_error(data)


@given(values)
def test_entries_of_any_answer_are_a_list_or_unreadable(data):
    with suppress(UnreadableError):
        assert isinstance(entries_of({"data": data}), list)


def test_deep_nesting_is_not_followed():
    deep = {"id": "1", "status": "succeeded", "outputs": [{"type": "element", "id": "e"}]}
    inner = deep["outputs"][0]
    for _ in range(10_000):
        inner["references"] = [{"role": "refer"}]
        inner = inner["references"][0]
    inner["url"] = "https://a/1"
    assert read(deep).outputs[0].files == ()
