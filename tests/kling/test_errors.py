import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded.kling_bodies import ERRORS, parsed
from strategies.any_json import values

from kling_daemon.jobs import FailureReason
from kling_daemon.kling.errors import KINDS, ErrorKind, KlingError, read_error

K = ErrorKind
NOT_FOUND = "Task not found by id/external id: x"
DUPLICATE = "External_task_id kd-1 already exists"
TOO_MANY = "cannot exceed 20 in total"

# The table of Kling's page on errors, row by row: HTTP status, code, message, kind.
TABLE = [
    (401, 1000, "", K.CREDENTIALS),
    (401, 1001, "", K.CREDENTIALS),
    (401, 1002, "", K.CREDENTIALS),
    (401, 1003, "", K.TOKEN_TIME),
    (401, 1004, "", K.TOKEN_TIME),
    (429, 1100, "", K.BALANCE),
    (429, 1101, "", K.BALANCE),
    (429, 1102, "", K.BALANCE),
    (403, 1103, "", K.PERMISSION),
    (400, 1200, "", K.BAD_REQUEST),
    (400, 1201, "prompt is too long", K.BAD_REQUEST),
    (400, 1201, DUPLICATE, K.DUPLICATE_EXTERNAL_ID),
    (400, 1201, NOT_FOUND, K.TASK_NOT_FOUND),
    (400, 1201, TOO_MANY, K.TOO_MANY_IDS),
    (404, 1202, "", K.NO_SUCH_RESOURCE),
    (404, 1203, "", K.NO_SUCH_RESOURCE),
    (400, 1300, "", K.CONTENT),
    (400, 1301, "", K.CONTENT),
    (429, 1302, "", K.TOO_FAST),
    (429, 1303, "", K.CONCURRENCY),
    (429, 1304, "", K.ADDRESS),
    (500, 5000, "", K.SERVER),
    (503, 5001, "", K.SERVER),
    (504, 5002, "", K.SERVER),
]

RECORDED = {
    "err_1001_empty_auth": K.CREDENTIALS,
    "err_1002_aksk_on_new_api": K.CREDENTIALS,
    "err_1102_no_balance": K.BALANCE,
    "err_1201_duplicate_external_id": K.DUPLICATE_EXTERNAL_ID,
    "err_1201_not_found_legacy": K.TASK_NOT_FOUND,
    "err_1201_over_20_ids": K.TOO_MANY_IDS,
    "err_1303_concurrency": K.CONCURRENCY,
    "err_5002_timeout_schema": K.SERVER,
}


@pytest.mark.parametrize(("http_status", "code", "message", "kind"), TABLE)
@pytest.mark.parametrize("other_status", [200, 400, 500])
def test_the_service_code_decides_whatever_the_http_status(http_status, code, message, kind, other_status):
    answer = {"code": code, "message": message, "request_id": "r", "data": None}
    error = read_error(http_status, answer)
    assert (error.kind, error.code, error.http_status, error.request_id) == (kind, code, http_status, "r")
    assert read_error(other_status, answer).kind is kind


def test_the_table_names_every_code_that_we_know():
    assert {code for _, code, _, _ in TABLE} == set(KINDS)


@pytest.mark.parametrize("name", ERRORS)
def test_every_recorded_error_is_understood(name):
    recorded = parsed(name)
    error = read_error(recorded["http_status"], recorded["body"])
    assert error.kind is RECORDED[name]
    assert error.message == recorded["body"]["message"]
    assert error.code == recorded["body"]["code"]


def test_an_id_of_ours_that_kling_quotes_cannot_change_the_meaning():
    def kind(message):
        return read_error(400, {"code": 1201, "message": message}).kind

    assert kind("Task not found by id/external id: External_task_id x already exists") is K.TASK_NOT_FOUND
    assert kind("External_task_id Task not found already exists") is K.DUPLICATE_EXTERNAL_ID


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [
        (401, K.CREDENTIALS),
        (403, K.PERMISSION),
        (404, K.NO_SUCH_RESOURCE),
        (405, K.NO_SUCH_RESOURCE),
        (429, K.TOO_FAST),
        (400, K.BAD_REQUEST),
        (422, K.BAD_REQUEST),
        (500, K.SERVER),
        (502, K.SERVER),
        (200, K.UNINTELLIGIBLE),
        (302, K.UNINTELLIGIBLE),
    ],
)
def test_an_unknown_code_means_what_its_http_status_means(http_status, kind):
    assert read_error(http_status, {"code": 9999}).kind is kind


@pytest.mark.parametrize("http_status", [200, 404, 500])
def test_json_without_a_service_code_is_not_klings(http_status):
    for answer in ({}, {"code": None}, {"code": "ok"}, {"code": True}, {"code": 10**9}, {"error": "not found"}):
        assert read_error(http_status, answer).kind is K.UNINTELLIGIBLE


def test_code_0_is_a_success_whatever_the_http_status():
    assert read_error(200, {"code": 0}) is None
    assert read_error(500, {"code": "0"}) is None


def test_after_a_create_at_most_one_thing_follows_from_a_kind_and_else_it_may_be_sent_again():
    followed = {
        kind: [kind.create_failure is not None, kind.calls_for_look_up, kind.holds_account].count(True)
        for kind in ErrorKind
    }
    assert max(followed.values()) == 1
    assert {kind for kind, count in followed.items() if count == 0} == {K.TOO_FAST, K.CONCURRENCY, K.UNREACHABLE}


def test_only_what_leaves_it_open_may_have_created():
    assert {kind for kind in ErrorKind if kind.may_have_created} == {K.SERVER, K.UNINTELLIGIBLE, K.NO_ANSWER}


def test_reads_are_repeated_only_where_it_may_help():
    assert {kind for kind in ErrorKind if kind.is_retryable_read} == {
        *(K.TOO_FAST, K.SERVER, K.UNINTELLIGIBLE, K.UNREACHABLE, K.NO_ANSWER),
    }


def test_neither_an_empty_balance_nor_a_missing_api_key_holds_queries():
    assert {kind for kind in ErrorKind if kind.holds_account and not kind.refuses_us} == {K.BALANCE, K.NO_API_KEY}
    assert not any(kind.refuses_us and not kind.holds_account for kind in ErrorKind)


def test_a_refused_create_fails_by_moderation_only_where_kling_says_so():
    assert {kind for kind in ErrorKind if kind.create_failure is FailureReason.MODERATION} == {K.CONTENT}
    assert K.BAD_REQUEST.create_failure is FailureReason.REJECTED


def test_an_error_says_what_is_known_of_it():
    error = KlingError(K.BALANCE, "Account balance not enough", http_status=429, code=1102, request_id="r1")
    assert str(error) == "balance: Account balance not enough (HTTP 429, code 1102, request r1)"
    assert str(KlingError(K.UNREACHABLE, "no route")) == "unreachable: no route"


@given(st.integers(100, 599), st.dictionaries(st.sampled_from(["code", "message", "msg", "request_id"]), values))
def test_no_envelope_is_too_odd(http_status, answer):
    error = read_error(http_status, answer)
    assert error is None or str(error).encode()
