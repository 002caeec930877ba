"""A client of Kling's with access key and secret key, at the local API."""

import base64
import hashlib
import hmac
import json
import time
import warnings
from datetime import UTC, datetime

import aiohttp
import jwt
import pytest
from fakes.local_api import TOKEN, local_api
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.api.signed_tokens import LEEWAY, LONGEST, SignedTokens
from kling_daemon.scopes import Scope

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
LATE = int(LEEWAY.total_seconds())
SIGNED = SignedTokens(TOKEN)


def claims(**changed):
    given = {"iss": "kling-daemon", "exp": SECONDS + 1800, "nbf": SECONDS - 5, **changed}
    return {name: value for name, value in given.items() if value is not ...}


def signed(payload, *, key=TOKEN, head=None):
    """Sign any JSON with HMAC-SHA256 by hand, under any header."""
    parts = [json.dumps(part).encode() for part in (head or {"alg": "HS256", "typ": "JWT"}, payload)]
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    mac = hmac.digest(key.encode(), text, hashlib.sha256)
    return (text + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")).decode()


def as_kling_shows(access_key, secret_key):
    """Return a token, made as in Kling's guide."""
    headers = {"alg": "HS256", "typ": "JWT"}
    payload = {"iss": access_key, "exp": int(time.time()) + 1800, "nbf": int(time.time()) - 5}
    return jwt.encode(payload, secret_key, headers=headers)


@pytest.fixture
async def api(tmp_path):
    async with local_api(tmp_path) as running:
        yield running


async def status(api, token, method="GET", path="/api/v1/jobs", **given):
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.request(method, f"{api.target.url}{path}", **given) as answer,
    ):
        return answer.status


async def test_a_client_that_signs_as_kling_shows_uses_the_api(api):
    token = as_kling_shows("kling-daemon", TOKEN)
    assert await status(api, token) == 200
    order = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "a cat"}}
    assert await status(api, token, "POST", json=order) == 201
    assert [known.used_on is not None for known in api.tokens.all()] == [True]


async def test_only_the_first_token_signs(api):
    made, another = await api.tokens.make("another", Scope.ADMIN)
    assert await status(api, another) == 200
    assert await status(api, as_kling_shows("kling-daemon", another)) == 401
    assert await status(api, as_kling_shows("kling-daemon", made.digest.hex())) == 401


async def test_a_restart_with_another_first_token_ends_the_old_one_and_what_it_signed(tmp_path):
    old = as_kling_shows("kling-daemon", TOKEN)
    async with local_api(tmp_path, first_token="another-first-token-of-more-than-32-characters") as api:
        assert await status(api, old) == 401
        assert await status(api, TOKEN) == 401
        assert await status(api, api.target.token) == 200


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"nbf": ...},
        {"exp": SECONDS + 0.5},
        {"exp": SECONDS - LATE + 1},
        {"nbf": SECONDS + LATE},
        {"exp": 10**18},
        {"iat": SECONDS, "aud": "x"},
    ],
)
def test_good_claims(changed):
    assert SIGNED.accept(signed(claims(**changed)), NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": ...},
        {"iss": None},
        {"iss": "Kling-daemon"},
        {"iss": ["kling-daemon"]},
        {"exp": ...},
        {"exp": None},
        {"exp": SECONDS - LATE},
        {"exp": str(SECONDS + 60)},
        {"exp": True},
        {"exp": float("nan")},
        {"exp": float("inf")},
        {"exp": [SECONDS + 60]},
        {"exp": -(10**400)},
        {"nbf": SECONDS + LATE + 1},
        {"nbf": "0"},
        {"nbf": None},
        {"nbf": False},
        {"nbf": float("-inf")},
        {"nbf": {}},
    ],
)
def test_claims_that_do_not_hold_are_refused(changed):
    assert not SIGNED.accept(signed(claims(**changed)), NOW)


@pytest.mark.parametrize("payload", [None, [], "x", 7, [claims()]])
def test_what_is_signed_and_bears_no_claims_is_refused(payload):
    assert not SIGNED.accept(signed(payload), NOW)


def foreign_tokens():
    good = signed(claims())
    head, payload, mac = good.split(".")
    yield jwt.encode(claims(), None, algorithm="none")
    yield f"{jwt.encode(claims(), None, algorithm='none')}{mac}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the key is short for these
        yield jwt.encode(claims(), TOKEN, algorithm="HS512")
        yield jwt.encode(claims(), TOKEN, algorithm="HS384")
    for algorithm in ("none", "None", "NONE", "HS512", "RS256", "ES256", "", None, ["HS256"], {}):
        yield signed(claims(), head={"alg": algorithm, "typ": "JWT"})
    yield signed(claims(), head={"typ": "JWT"})
    yield signed(claims(), head={"alg": "HS256", "b64": False, "crit": ["b64"]})
    yield signed(claims(), head={"alg": "HS256", "kid": 7})
    key = {"kty": "oct", "k": base64.urlsafe_b64encode(b"k" * 32).decode()}
    yield signed(claims(), key="k" * 32, head={"alg": "HS256", "jwk": key})
    for other in (TOKEN[:-1], TOKEN + " ", "", "x" * 40, hashlib.sha256(TOKEN.encode()).hexdigest()):
        yield signed(claims(), key=other)
    yield signed(claims(pad="x" * LONGEST))
    yield from (
        f"{head}.{payload}.",
        f".{payload}.{mac}",
        f"{head}..{mac}",
        f"{head}.{payload}",
        "..",
        f"{good}.",
        "a.b.c",
    )
    yield f"{head}.{payload}.{mac[:-2]}"
    yield base64.urlsafe_b64encode(b"[" * 700).decode() + f".{payload}.{mac}"


@pytest.mark.parametrize("text", list(foreign_tokens()))
def test_what_the_first_token_did_not_sign_is_refused(text):
    assert not SIGNED.accept(text, NOW)


@given(st.text(), st.text(), st.text())
def test_whatever_is_sent_is_judged_without_an_error(head, payload, mac):
    assert not SIGNED.accept(f"{head}.{payload}.{mac}", NOW)


def test_a_first_token_that_looks_like_a_key_of_another_kind_signs_nothing():
    secret = "ssh-ed25519-AAAAC3NzaC1lZDI1NTE5AAAAIB"
    assert not SignedTokens(secret).accept(signed(claims(), key=secret), NOW)


async def test_where_no_token_is_asked_for_anybody_does_everything_and_a_web_page_nothing(tmp_path):
    order = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "a cat"}}
    async with local_api(tmp_path, asks_for_token=False) as api, aiohttp.ClientSession(api.target.url) as session:
        async with session.post("/api/v1/jobs", json=order) as answer:
            assert answer.status == 201
        async with session.get("/api/v1/jobs", headers={"Authorization": "Bearer nonsense"}) as answer:
            assert answer.status == 200
        async with session.post("/api/v1/jobs", json=order, headers={"Origin": "http://attacker.example"}) as answer:
            assert answer.status == 403
        async with session.post("/api/v1/jobs", data={"endpoint": "/x"}) as answer:
            assert answer.status == 415
        async with session.get("/api/v1/jobs", headers={"Host": "attacker.example"}) as answer:
            assert answer.status == 421
