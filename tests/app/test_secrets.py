"""Secrets of a wrong form are all named, and none is shown."""

import pydantic
import pytest
from fakes.running_daemon import SECRET_TEXT, running_daemon, settings_of

from kling_daemon.app import doubts_about_secrets, problems_with_secrets
from kling_daemon.app.secrets import credential, kling_credential
from kling_daemon.testing import ManualClock

SHOWN = "shown"


def settings(tmp_path, *, key, **secrets):
    hidden = {name: pydantic.SecretStr(text) for name, text in secrets.items()}
    return settings_of(tmp_path, trust={"secrets": hidden}, kling={"api_key": pydantic.SecretStr(key)})


def test_good_secrets_have_no_problem(tmp_path):
    assert problems_with_secrets(settings(tmp_path, key="key", good=SECRET_TEXT)) == []
    assert problems_with_secrets(settings_of(tmp_path)) == []


def test_every_malformed_one_is_named_with_its_key(tmp_path):
    wrong = settings(tmp_path, key=f"{SHOWN}\n", first=f"whsec_{SHOWN}!", good=SECRET_TEXT, second="whsec_")
    problems = problems_with_secrets(wrong)
    assert [problem.path for problem in problems] == ["trust.secrets.first", "trust.secrets.second", "kling.api_key"]
    assert all(SHOWN not in problem.message for problem in problems)


def test_a_short_secret_works_and_is_warned_of_without_showing_it(tmp_path):
    short = settings(tmp_path, key="key", short="whsec_c2hvcnRzaG9ydA==", good=SECRET_TEXT, broken="whsec_!")
    [doubt] = doubts_about_secrets(short)
    assert doubt.path == "trust.secrets.short"
    assert doubt.message.startswith("has 10 bytes, and Standard Webhooks asks for 24 at least")
    assert "c2hvcnR" not in doubt.message
    assert [problem.path for problem in problems_with_secrets(short)] == ["trust.secrets.broken"]


def test_a_credential_of_systemd_is_found_where_systemd_says(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert credential("api_token") is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert credential("api_token") is None
    (tmp_path / "api_token").write_text("given")
    assert credential("api_token") == "given"


def keys(**named):
    return {name: pydantic.SecretStr(text) for name, text in named.items()}


def test_an_api_key_wins_over_access_key_and_secret_key(tmp_path):
    both = settings_of(tmp_path, kling=keys(api_key="key", access_key="ak", secret_key="sk"))
    pair = settings_of(tmp_path, kling=keys(access_key="ak", secret_key="sk"))
    assert kling_credential(both, ManualClock()).authorization() == "Bearer key"
    assert not kling_credential(pair, ManualClock()).opens_new_generation
    assert kling_credential(settings_of(tmp_path), ManualClock()) is None


def test_a_secret_key_that_cannot_sign_is_named(tmp_path):
    wrong = settings_of(tmp_path, kling=keys(access_key="ak", secret_key=f"ssh-rsa {SHOWN}"))
    [problem] = problems_with_secrets(wrong)
    assert problem.path == "kling.secret_key"
    assert SHOWN not in problem.message


async def test_with_access_and_secret_key_alone_the_new_api_is_refused_before_anything_is_stored(tmp_path):
    account = keys(access_key="ak", secret_key="sk")
    async with running_daemon(tmp_path, kling="http://127.0.0.1:9", account=account) as daemon:
        order = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "x"}}
        async with daemon.api.post("/api/v1/jobs", json=order) as answer:
            assert answer.status == 422
            assert "takes an API key only" in await answer.text()
        async with daemon.api.get("/api/v1/jobs") as answer:
            assert (await answer.json())["items"] == []


async def test_without_a_key_callbacks_are_taken_and_submitting_is_refused_in_words(tmp_path):
    async with running_daemon(tmp_path) as daemon:
        assert (await daemon.post(b'{"id": "t1", "status": "processing"}')).status == 202
        order = {"endpoint": "/text-to-video/kling-3.0", "body": {"prompt": "x"}}
        async with daemon.api.post("/api/v1/jobs", json=order) as answer:
            assert answer.status == 422
            assert "KLING_API_KEY" in await answer.text()


@pytest.mark.parametrize("what", ["unsigned", "signed"])
async def test_what_a_daemon_logs_shows_no_secret(tmp_path, capfd, what):
    trust = {"secrets": {"vendor": pydantic.SecretStr(SECRET_TEXT)}}
    async with running_daemon(tmp_path, kling="http://127.0.0.1:9", called_back=True, trust=trust) as daemon:
        job = await daemon.submit("/text-to-video/kling-3.0")
        capability = daemon.capability(job["id"])
        post = daemon.post if what == "unsigned" else daemon.post_signed
        await post(b"garbage", path=f"/webhooks/kling/{capability}")
        await daemon.post(b"{}", path=f"/webhooks/kling/{capability}x")
        token = (tmp_path / "api-token").read_text().strip()
    out, err = capfd.readouterr()
    for secret in (SECRET_TEXT, SECRET_TEXT.removeprefix("whsec_"), capability, token, "Bearer"):
        assert secret not in out + err
