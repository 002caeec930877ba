"""Tokens for an access key and a secret key: what they say, how long they are used, and whose clock they go by."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import jwt
import pytest
from aiohttp import web
from fakes.scripted_kling import ScriptedKling, envelope

from kling_daemon.kling.errors import ErrorKind, KlingError
from kling_daemon.kling.tokens import KeyPair, SignedTokens, TokenError
from kling_daemon.kling.transport import Transport
from kling_daemon.testing import ManualClock

SECRET = "a-secret-key-of-at-least-32-bytes"
PAIR = KeyPair(access_key="ak-1", secret_key=SECRET)
START = int(ManualClock().now().timestamp())
OK = (200, envelope([]))
HOUR = timedelta(hours=1)


def claims(authorization):
    scheme, _, token = authorization.partition(" ")
    assert scheme == "Bearer"
    return jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})


def refused(code):
    return (401, {"code": code, "message": "Authorization is not good", "request_id": "r"})


def dated(answers, clock):
    """Answer in turn, each answer dated by a clock that is Kling's."""

    async def answer(_request):
        status, body = answers.pop(0)
        return web.json_response(body, status=status, headers={"Date": format_datetime(clock.now(), usegmt=True)})

    return answer


def transport(url, tokens, outcomes=None):
    seen = [] if outcomes is None else outcomes
    return Transport(
        url,
        tokens,
        timeout=timedelta(seconds=5),
        max_requests_per_second=1000,
        max_answer=2**20,
        on_request=lambda verb, outcome: seen.append((verb, str(outcome))),
    )


def test_a_token_says_what_kling_documents():
    authorization = SignedTokens(PAIR, ManualClock()).authorization()
    assert jwt.get_unverified_header(authorization.split()[1]) == {"alg": "HS256", "typ": "JWT"}
    assert claims(authorization) == {"iss": "ak-1", "exp": START + 1800, "nbf": START - 5}


def test_a_token_is_used_until_shortly_before_its_end():
    clock = ManualClock()
    tokens = SignedTokens(PAIR, clock)
    first = tokens.authorization()
    clock.advance(1499)
    assert tokens.authorization() == first
    clock.advance(1)
    assert claims(tokens.authorization())["exp"] == START + 1500 + 1800


def test_a_wall_clock_that_jumps_back_does_not_leave_a_token_of_the_future_in_use():
    clock = ManualClock()
    tokens = SignedTokens(PAIR, clock)
    tokens.authorization()
    clock.set(clock.now() - HOUR)
    assert claims(tokens.authorization())["nbf"] == START - 3600 - 5


def test_once_kling_was_heard_its_clock_counts_and_ours_may_jump():
    clock = ManualClock()
    tokens = SignedTokens(PAIR, clock)
    tokens.hear("Tue, 01 Sep 2026 15:00:00 GMT")
    clock.advance(10)
    clock.set(datetime(2030, 1, 1, tzinfo=UTC))
    klings = int(datetime(2026, 9, 1, 15, 0, 10, tzinfo=UTC).timestamp())
    assert claims(tokens.authorization())["nbf"] == klings - 5


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "Tue, 99 Sep 2026 15:00:00 GMT", "Tue, 01 Sep 99999 15:00 GMT"]
)
def test_a_date_that_is_none_changes_nothing(date):
    tokens = SignedTokens(PAIR, ManualClock())
    tokens.hear(date)
    assert claims(tokens.authorization())["nbf"] == START - 5


def test_a_short_secret_key_signs_without_a_warning():
    short = KeyPair(access_key="ak", secret_key="x")
    assert short.claims_of(short.token(0)) == {"iss": "ak", "exp": 1800, "nbf": -5}


@pytest.mark.parametrize("token", ["", "a.b.c", "x", PAIR.token(0)[:-3], "ü"])
def test_only_what_the_secret_key_signed_is_read(token):
    with pytest.raises(TokenError) as caught:
        PAIR.claims_of(token)
    assert SECRET not in str(caught.value)


def test_a_token_of_another_algorithm_is_not_read():
    for other in (jwt.encode({"iss": "ak-1"}, None, algorithm="none"), jwt.encode({}, SECRET * 2, algorithm="HS512")):
        with pytest.raises(TokenError):
            PAIR.claims_of(other)


@pytest.mark.parametrize(
    ("access_key", "secret_key"),
    [
        ("", SECRET),
        ("a b", SECRET),
        ("a\n", SECRET),
        ("ak", ""),
        ("ak", "ssh-rsa 1"),
        ("ak", "\ud800"),
    ],
)
def test_keys_that_cannot_be_used_are_refused_without_being_quoted(access_key, secret_key):
    with pytest.raises(ValueError, match=r"^the (access|secret) key is empty, or ") as caught:
        KeyPair(access_key=access_key, secret_key=secret_key)
    assert "ssh-rsa" not in str(caught.value)


def test_nothing_shows_the_keys():
    tokens = SignedTokens(PAIR, ManualClock())
    shown = f"{PAIR} {PAIR!r} {tokens} {tokens!r}"
    assert "ak-1" not in shown
    assert SECRET not in shown


@pytest.mark.parametrize("code", [1003, 1004])
@pytest.mark.parametrize("off", [-HOUR, HOUR])
async def test_a_token_refused_for_its_time_is_signed_by_klings_clock_and_sent_once_more(code, off):
    ours, klings, outcomes = ManualClock(), ManualClock(), []
    klings.set(ours.now() + off)
    async with (
        ScriptedKling(answer=dated([refused(code), OK, OK], klings)).serve() as kling,
        transport(kling.url, SignedTokens(PAIR, ours), outcomes) as sending,
    ):
        assert await sending.request("create", "POST", "/v1/videos/text2video", body=b'{"prompt": "x"}') == OK[1]
        await sending.request("query", "GET", "/v1/videos/text2video/1")
    first, second, third = (asked.headers["Authorization"] for asked in kling.asked)
    assert claims(first)["nbf"] == START - 5
    assert claims(second)["nbf"] == START - 5 + off.total_seconds()
    assert third == second
    assert kling.asked[1].body == b'{"prompt": "x"}'
    assert outcomes == [("create", "token_time"), ("create", "ok"), ("query", "ok")]


async def test_a_second_refusal_is_an_error_that_shows_no_token():
    answer = (401, {"code": 1004, "message": f"expired: {PAIR.token(START)}", "request_id": "r"})
    async with (
        ScriptedKling(answer=dated([answer, answer], ManualClock())).serve() as kling,
        transport(kling.url, SignedTokens(PAIR, ManualClock())) as sending,
    ):
        with pytest.raises(KlingError) as caught:
            await sending.request("query", "GET", "/v1/videos/text2video/1")
    assert caught.value.kind is ErrorKind.TOKEN_TIME
    assert caught.value.message == "expired: [credential]"
    assert len(kling.asked) == 2


async def test_the_clock_of_a_proxy_that_answers_with_html_is_not_listened_to():
    async def answer(_request):
        return web.Response(text="<html>", content_type="text/html", headers={"Date": "Fri, 01 Jan 2027 00:00:00 GMT"})

    tokens = SignedTokens(PAIR, ManualClock())
    async with ScriptedKling(answer=answer).serve() as kling, transport(kling.url, tokens) as sending:
        with pytest.raises(KlingError):
            await sending.request("query", "GET", "/v1/videos/text2video/1")
    assert claims(tokens.authorization())["nbf"] == START - 5
