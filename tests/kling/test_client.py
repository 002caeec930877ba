import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope, task
from hypothesis import HealthCheck, given, settings
from recorded.kling_bodies import ERRORS, parsed
from strategies.any_json import values
from structlog.testing import capture_logs

from kling_daemon.jobs import Generation, JobState
from kling_daemon.kling.auth import ApiKey
from kling_daemon.kling.client import Answers, KlingClient
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.reports import Source
from kling_daemon.testing import ManualClock

NOW = ManualClock().now()
KEY = "sk-live-0123456789"
NEW, LEGACY = "/text-to-video/kling-3.0", "/v1/videos/text2video"
TOO_FAST = (429, {"code": 1302, "message": "too fast", "request_id": "r"})
BROKEN = (500, {"code": 5000, "message": "server error", "request_id": "r"})
NOT_FOUND = (400, {"code": 1201, "message": "Task not found by id/external id: x", "request_id": "r"})
BAD = (400, {"code": 1201, "message": "task_ids is invalid", "request_id": "r"})


@asynccontextmanager
async def speaking(answer, *, attempts=1, outcomes=None, **options):
    seen = [] if outcomes is None else outcomes
    async with (
        ScriptedKling(answer=answer).serve() as kling,
        KlingClient(
            kling.url,
            ApiKey(key=KEY),
            clock=ManualClock(),
            max_requests_per_second=1000,
            read_attempts=attempts,
            read_backoff=timedelta(),
            on_request=lambda verb, outcome: seen.append((verb, str(outcome))),
            **options,
        ) as client,
    ):
        yield kling, client


def ids_asked(request):
    return request.query["task_ids"].split(",")


def knowing(**tasks):
    """Answer batch queries with those of the given tasks that were asked for."""

    async def answer(request):
        return web.json_response(envelope([tasks[id_] for id_ in ids_asked(request) if id_ in tasks]))

    return answer


# --- create


async def test_a_create_returns_the_first_report():
    body = {"prompt": "a cat", "options": {"external_task_id": "kd-1"}}
    async with speaking([(200, parsed("new_create_with_external_id"))]) as (kling, client):
        report = await client.create(NEW, json.dumps(body).encode())
    assert (report.task_id, report.external_id, report.state) == (
        "930000000000000002",
        "order-42",
        JobState.SUBMITTED,
    )
    assert (report.source, report.endpoint) == (Source.SUBMISSION, NEW)
    assert report.generation is Generation.NEW
    assert report.received_at == ManualClock().now()
    [asked] = kling.asked
    assert (asked.method, asked.path, json.loads(asked.body)) == ("POST", NEW, body)


async def test_a_body_is_sent_as_it_is():
    raw = b'{ "prompt" :"a cat" }'
    async with speaking([(200, parsed("legacy_create_no_external_id"))]) as (kling, client):
        await client.create(LEGACY, raw)
    assert kling.asked[0].body == raw


@pytest.mark.parametrize("answer", [TOO_FAST, BROKEN, (502, {"html": True})])
async def test_a_create_is_never_sent_twice(answer):
    outcomes = []
    async with speaking([answer], attempts=5, outcomes=outcomes) as (kling, client):
        with pytest.raises(KlingError):
            await client.create(NEW, b"{}")
    assert len(kling.asked) == len(outcomes) == 1


@pytest.mark.parametrize("name", ERRORS)
async def test_every_recorded_error_is_raised_as_what_it_is(name):
    recorded = parsed(name)
    async with speaking([(recorded["http_status"], recorded["body"])]) as (_, client):
        with pytest.raises(KlingError) as caught:
            await client.create(NEW, b"{}")
    assert (caught.value.code, caught.value.message) == (recorded["body"]["code"], recorded["body"]["message"])


@pytest.mark.parametrize("data", [None, [], {}, {"task_id": "1"}, "text", parsed("legacy_identify_face_sync")["data"]])
async def test_a_create_whose_success_names_no_task_leaves_it_open(data):
    async with speaking([(200, envelope(data))]) as (_, client):
        with pytest.raises(KlingError) as caught:
            await client.create(NEW, b"{}")
    assert caught.value.kind is ErrorKind.UNINTELLIGIBLE
    assert caught.value.kind.may_have_created


# --- query


async def test_a_thousand_ids_are_asked_for_in_fifty_requests_of_twenty():
    ids = [f"{number:018}" for number in range(1000)]
    async with speaking(knowing(**{id_: task(id_) for id_ in ids})) as (kling, client):
        answers = await client.query(ids)
    assert len(kling.asked) == 50
    assert [report.task_id for report in answers.reports] == ids
    assert {report.source for report in answers.reports} == {Source.POLL}
    assert answers == Answers(reports=answers.reports)


async def test_nothing_is_asked_for_nothing():
    async with speaking(knowing()) as (kling, client):
        assert await client.query([]) == Answers()
    assert kling.asked == []


async def test_an_id_that_stands_twice_is_asked_for_once():
    async with speaking(knowing(a=task("a"))) as (kling, client):
        answers = await client.query(["a", "a"])
    assert [asked.path for asked in kling.asked] == ["/tasks?task_ids=a"]
    assert len(answers.reports) == 1


async def test_the_recorded_batch_is_read():
    recorded = parsed("new_tasks_get_batch_mixed")
    ids = [entry["id"] for entry in recorded["data"]]
    async with speaking([(200, recorded)]) as (_, client):
        answers = await client.query([*ids, "unknown"])
    assert [report.task_id for report in answers.reports] == ids
    assert answers.unknown_ids == {"unknown"}


@pytest.mark.parametrize("data", [[], None])
async def test_an_empty_answer_means_that_kling_knows_none(data):
    async with speaking([(200, envelope(data))]) as (_, client):
        assert await client.query(["a", "b"]) == Answers(unknown_ids=frozenset({"a", "b"}))


async def test_what_cannot_be_an_id_of_klings_is_unknown_without_asking():
    async with speaking(knowing(a=task("a"))) as (kling, client):
        answers = await client.query(["a", "b,c", "", "d e", "x" * 300])
    assert [report.task_id for report in answers.reports] == ["a"]
    assert answers.unknown_ids == {"b,c", "", "d e", "x" * 300}
    assert [asked.path for asked in kling.asked] == ["/tasks?task_ids=a"]


async def test_a_failing_chunk_loses_only_itself():
    ids = [f"t{number}" for number in range(60)]
    good = knowing(**{id_: task(id_) for id_ in ids})

    async def answer(request):
        return web.json_response(BROKEN[1], status=500) if "t20" in ids_asked(request) else await good(request)

    async with speaking(answer) as (_, client):
        answers = await client.query(ids)
    assert [report.task_id for report in answers.reports] == [*ids[:20], *ids[40:]]
    assert answers.unanswered_ids == set(ids[20:40])
    assert [error.kind for error in answers.errors] == [ErrorKind.SERVER]
    assert answers.unknown_ids == frozenset()


async def test_one_id_that_kling_takes_offence_at_does_not_silence_the_others():
    ids = [f"t{number}" for number in range(20)]
    good = knowing(**{id_: task(id_) for id_ in ids})

    async def answer(request):
        return web.json_response(BAD[1], status=400) if "t13" in ids_asked(request) else await good(request)

    async with speaking(answer) as (kling, client):
        answers = await client.query(ids)
    assert {report.task_id for report in answers.reports} == {*ids} - {"t13"}
    assert answers.unanswered_ids == {"t13"}
    assert answers.errors == ()
    assert len(kling.asked) <= 11


async def test_when_kling_refuses_every_id_the_request_has_failed():
    async with speaking([BAD]) as (_, client):
        answers = await client.query(["a", "b"])
    assert answers.unanswered_ids == {"a", "b"}
    assert {error.kind for error in answers.errors} == {ErrorKind.BAD_REQUEST}


async def test_a_cap_that_kling_lowers_is_met():
    ids = [f"t{number}" for number in range(20)]
    good = knowing(**{id_: task(id_) for id_ in ids})

    async def answer(request):
        if len(ids_asked(request)) > 5:
            message = "cannot exceed 5 in total"
            return web.json_response({"code": 1201, "message": message, "request_id": "r"}, status=400)
        return await good(request)

    async with speaking(answer) as (_, client):
        answers = await client.query(ids)
    assert len(answers.reports) == 20
    assert answers.errors == ()


async def test_a_batch_query_answered_as_a_legacy_one_tells_the_unknown_id():
    async with speaking([NOT_FOUND]) as (_, client):
        assert await client.query(["a"]) == Answers(unknown_ids=frozenset({"a"}))


async def test_an_unreadable_entry_loses_only_itself_and_is_not_unknown():
    async with speaking([(200, envelope([task("a"), {"id": "b", "status": None}]))]) as (_, client):
        with capture_logs() as logs:
            answers = await client.query(["a", "b", "c"], dict.fromkeys("abc", NEW))
    assert [report.task_id for report in answers.reports] == ["a"]
    assert (answers.unanswered_ids, answers.unknown_ids) == ({"b"}, {"c"})
    assert {(line["log_level"], line["flaw"]) for line in logs if "flaw" in line} == {("warning", "no_status")}


async def test_while_an_entry_without_an_id_may_be_anyones_none_is_unknown():
    async with speaking([(200, envelope([task("a"), "text"]))]) as (_, client):
        answers = await client.query(["a", "b", "c"])
    assert (answers.unanswered_ids, answers.unknown_ids) == ({"b", "c"}, frozenset())


async def test_a_task_that_was_not_asked_for_is_not_believed():
    async with speaking([(200, envelope([task("a"), task("stranger")]))]) as (_, client):
        answers = await client.query(["a"])
    assert [report.task_id for report in answers.reports] == ["a"]


async def test_an_unknown_status_word_is_reported_without_a_state_and_named_in_the_log():
    async with speaking([(200, envelope([task("a", "queueing")]))]) as (_, client):
        with capture_logs() as logs:
            answers = await client.query(["a"])
    assert [report.state for report in answers.reports] == [None]
    assert [(line["log_level"], line["status"]) for line in logs] == [("warning", "queueing")]


async def test_a_read_is_tried_again_where_it_may_help():
    outcomes = []
    answers = [TOO_FAST, BROKEN, (200, {"no": "code"}), (200, envelope([task("a")]))]
    async with speaking(answers, attempts=4, outcomes=outcomes) as (_, client):
        assert len((await client.query(["a"])).reports) == 1
    assert outcomes == [("query", "too_fast"), ("query", "server"), ("query", "unintelligible"), ("query", "ok")]


async def test_a_read_is_given_up_after_its_attempts():
    async with speaking([TOO_FAST], attempts=3) as (kling, client):
        answers = await client.query(["a"])
    assert len(kling.asked) == 3
    assert [error.kind for error in answers.errors] == [ErrorKind.TOO_FAST]


@pytest.mark.parametrize("code", [1000, 1102, 1103, 1304])
async def test_a_read_is_not_repeated_where_only_a_person_can_help(code):
    async with speaking([(401, {"code": code, "message": "", "request_id": "r"})], attempts=5) as (kling, client):
        answers = await client.query(["a"])
    assert len(kling.asked) == 1
    assert answers.unanswered_ids == {"a"}


# --- query_one


@pytest.mark.parametrize("name", ["legacy_query_processing", "legacy_query_succeed_video"])
async def test_a_legacy_task_is_asked_for_at_its_own_path(name):
    async with speaking([(200, parsed(name))]) as (kling, client):
        report = await client.query_one(LEGACY, "820000000000000001")
    assert report.task_id == "820000000000000001"
    assert (report.source, report.endpoint, report.generation) == (Source.POLL, LEGACY, Generation.LEGACY)
    assert [asked.path for asked in kling.asked] == [f"{LEGACY}/820000000000000001"]


async def test_a_legacy_task_that_kling_does_not_know_is_none():
    async with speaking([NOT_FOUND], attempts=5) as (kling, client):
        assert await client.query_one(LEGACY, "x") is None
    assert len(kling.asked) == 1


async def test_a_path_that_does_not_exist_says_nothing_about_a_task():
    async with speaking([(404, {"code": 1203, "message": "Task not found", "request_id": "r"})]) as (_, client):
        with pytest.raises(KlingError) as caught:
            await client.query_one(LEGACY, "x")
    assert caught.value.kind is ErrorKind.NO_SUCH_RESOURCE


@pytest.mark.parametrize("id_", ["a/b", "a?b=c", "ü", "50%", "a#b"])
async def test_an_odd_id_stays_one_segment_of_the_path(id_):
    async with speaking([NOT_FOUND]) as (kling, client):
        assert await client.query_one(LEGACY, id_) is None
    [asked] = kling.asked
    assert asked.path.startswith(f"{LEGACY}/")
    assert asked.path.count("/") == LEGACY.count("/") + 1
    assert "?" not in asked.path


@pytest.mark.parametrize("id_", ["", ".", ".."])
async def test_an_id_that_would_name_another_path_is_not_asked_for(id_):
    async with speaking([NOT_FOUND]) as (kling, client):
        assert await client.query_one(LEGACY, id_) is None
    assert kling.asked == []


async def test_an_answer_about_another_task_is_not_believed():
    stranger = {"task_id": "2", "task_status": "succeed", "task_info": {"external_task_id": "kd-2"}}
    async with speaking([(200, envelope(stranger))]) as (_, client):
        with pytest.raises(KlingError) as caught:
            await client.query_one(LEGACY, "1")
    assert caught.value.kind is ErrorKind.UNINTELLIGIBLE


# --- look_up


async def test_a_new_task_is_found_by_our_own_id():
    async with speaking([(200, envelope([task("1", external_id="kd-1")]))]) as (kling, client):
        report = await client.look_up(NEW, "kd-1", made=NOW)
    assert (report.task_id, report.external_id, report.source) == ("1", "kd-1", Source.SUBMISSION)
    assert (report.endpoint, report.generation) == (NEW, Generation.NEW)
    assert [asked.path for asked in kling.asked] == ["/tasks?external_task_ids=kd-1"]


async def test_a_legacy_task_is_found_by_our_own_id():
    async with speaking([(200, parsed("legacy_create_t2v_submitted"))]) as (kling, client):
        report = await client.look_up(LEGACY, "text2video_kling_v3_final-1774805076", made=NOW)
    assert (report.task_id, report.source) == ("860000000000000001", Source.SUBMISSION)
    assert [asked.path for asked in kling.asked] == [f"{LEGACY}/text2video_kling_v3_final-1774805076"]


async def test_a_task_is_absent_only_when_kling_says_so_clearly():
    async with speaking([(200, envelope([]))]) as (_, client):
        assert await client.look_up(NEW, "kd-1", made=NOW) is None
    async with speaking([NOT_FOUND]) as (_, client):
        assert await client.look_up(LEGACY, "kd-1", made=NOW) is None


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        *((path, answer) for path in (NEW, LEGACY) for answer in (BROKEN, TOO_FAST, BAD, (404, {"html": True}))),
        (NEW, (200, envelope(["text"]))),
        (NEW, (200, envelope([{"id": "1"}]))),
        (NEW, (200, envelope("text"))),
        (NEW, (200, envelope([task("1", external_id="kd-2")]))),
        (NEW, (200, envelope([task("1"), task("2")]))),
        (LEGACY, (200, envelope(None))),
        (LEGACY, (200, envelope([]))),
        (LEGACY, (200, envelope({"task_id": "1", "task_status": "x", "task_info": {"external_task_id": "kd-2"}}))),
    ],
)
async def test_nothing_unclear_is_taken_for_absence(path, answer):
    async with speaking([answer]) as (_, client):
        with pytest.raises(KlingError):
            await client.look_up(path, "kd-1", made=NOW)


async def test_of_several_tasks_the_one_with_our_id_is_taken():
    found = envelope([task("1", external_id="kd-2"), task("2", external_id="kd-1")])
    async with speaking([(200, found)]) as (_, client):
        assert (await client.look_up(NEW, "kd-1", made=NOW)).task_id == "2"


async def test_an_endpoint_without_external_ids_offers_no_look_up():
    silent = "/v1/images/kolors-virtual-try-on"
    assert not endpoint_of(silent).takes_external_id
    async with speaking([NOT_FOUND]) as (kling, client):
        with pytest.raises(KlingError, match="no look-up"):
            await client.look_up(silent, "kd-1", made=NOW)
    assert kling.asked == []


@pytest.mark.parametrize("path", [NEW, LEGACY])
@pytest.mark.parametrize("external_id", ["", ".", "..", "a,b"])
async def test_an_external_id_that_cannot_be_asked_for_is_not_taken_for_absent(path, external_id):
    async with speaking([(200, envelope([]))]) as (kling, client):
        with pytest.raises(KlingError, match="no look-up"):
            await client.look_up(path, external_id, made=NOW)
    assert kling.asked == []


# --- whatever comes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(values)
async def test_no_data_of_klings_leads_to_another_error(data):
    raw = json.dumps(envelope(data)).encode()

    async def answer(_):
        return web.Response(body=raw, content_type="application/json")

    async with speaking(answer) as (_, client):
        assert isinstance(await client.query(["1"]), Answers)
        for asking in (
            client.create(NEW, b"{}"),
            client.query_one(LEGACY, "1"),
            client.look_up(NEW, "1", made=NOW),
            client.look_up(LEGACY, "1", made=NOW),
        ):
            try:
                await asking
            except KlingError:
                continue


async def test_neither_key_nor_result_url_reaches_the_log():
    answered = parsed("new_tasks_get_succeeded_video")["data"]
    answered[0]["status"] = "odd"
    async with speaking([BROKEN, (200, envelope([*answered, "text"]))], attempts=2) as (_, client):
        with capture_logs() as logs:
            await client.query([answered[0]["id"]])
    assert logs
    assert KEY not in str(logs)
    assert "http" not in str(logs)
