import asyncio
import json
import re
import stat
import sys
import tomllib

import pytest
from fakes.daemon_process import Machine

KEY = "a-key-that-nobody-is-shown"
SECRET = "whsec_c2VjcmV0c2VjcmV0c2VjcmV0"
URL = "https://kling.example.com"


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_what_it_writes_is_sound_and_it_says_what_is_left_to_do(typed, tmp_path):
    result = typed("init", "--public-url", f"{URL}/")
    assert result.exit_code == 0, result.output
    assert f"The callback URL: {URL}/webhooks/kling" in result.stdout
    for word in ("API key in Kling's console", "webhook secret in Kling's console", "TLS proxy", "kling-daemon run"):
        assert word in result.stdout
    assert result.stdout.splitlines()[-1] == "The configuration is sound."
    assert tomllib.loads((tmp_path / "config.toml").read_text()) == {
        "receiver": {"public_url": URL}, "kling": {}, "trust": {},
    }  # fmt: skip


def test_what_is_still_open_is_a_comment_that_only_needs_its_mark_taken_away(typed, tmp_path):
    typed("init")
    private(tmp_path / "kling-api-key", KEY)
    private(tmp_path / "kling-webhook-secret", SECRET)
    path = tmp_path / "config.toml"
    path.write_text(re.sub(r"^#(?=[a-z])", "", path.read_text(), flags=re.MULTILINE))
    result = typed("config", "show", "--config", path, "--json")
    assert result.exit_code == 0, result.output
    changed = {each["key"] for each in json.loads(result.stdout)["settings"] if each["origin"] == "file"}
    assert changed == {"receiver.public_url", "kling.api_key", "trust.secrets.main"}


def test_secrets_are_pointed_at_and_never_written(typed, tmp_path):
    key = private(tmp_path / "key", KEY)
    file = tmp_path / "etc" / "k.toml"
    places = ("--api-key", f"file:{key}", "--webhook-secret", "env:WEBHOOK")
    result = typed("init", *places, "--config", file, env={"WEBHOOK": SECRET})
    assert result.exit_code == 0, result.output
    text = file.read_text()
    written = tomllib.loads(text)
    assert written["kling"]["api_key"] == {"file": str(key)}
    assert written["trust"]["secrets"]["main"] == {"env": "WEBHOOK"}
    assert KEY not in text + result.output
    assert SECRET not in text + result.output
    assert "Make an API key" not in result.stdout


def test_credentials_need_nothing_in_the_file(typed, tmp_path):
    assert typed("init", "--api-key", "credential", "--webhook-secret", "credential").exit_code == 0
    assert "credential kling_api_key" in (tmp_path / "config.toml").read_text()


def test_a_configuration_that_is_there_is_left_alone_unless_it_is_the_same(typed, tmp_path):
    path = tmp_path / "config.toml"
    assert typed("init", "--public-url", URL).exit_code == 0
    before = path.read_text()
    again = typed("init", "--public-url", URL)
    assert (again.exit_code, again.stdout.startswith("There already")) == (0, True)
    other = typed("init")
    assert (other.exit_code, other.stdout) == (1, "")
    assert "is there already, and is left as it is; --force" in other.stderr
    assert f"`kling-daemon config check --config {path}` checks it" in other.stderr
    assert path.read_text() == before
    assert typed("init", "--force").exit_code == 0
    assert (tmp_path / "config.toml.old").read_text() == before
    assert path.read_text() != before


def test_a_secret_that_is_not_there_makes_the_check_fail(typed, tmp_path):
    result = typed("init", "--api-key", f"file:{tmp_path}/missing")
    assert result.exit_code == 78
    assert f"kling.api_key: cannot read {tmp_path}/missing" in result.stderr
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--public-url", "kling.example.com"),
        ("--public-url", "https://user:pass@kling.example.com"),
        ("--api-key", KEY),
        ("--api-key", "file:"),
        ("--api-key", "env:NO-NAME"),
        ("--webhook-secret", "credential:x"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error_that_repeats_no_secret(typed, tmp_path, words):
    result = typed("init", *words)
    assert result.exit_code == 2
    assert KEY not in result.output
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_is_a_failure(typed, tmp_path):
    (tmp_path / "file").touch()
    result = typed("init", "--config", tmp_path / "file" / "config.toml")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


def test_programs_are_given_json_and_never_asked(typed, tmp_path):
    result = typed("init", "--json", "--public-url", URL)
    answer = json.loads(result.stdout)
    assert (answer["file"], answer["written"]) == (str(tmp_path / "config.toml"), True)
    assert answer["callback_url"] == f"{URL}/webhooks/kling"
    assert answer["problems"] == []
    assert len(answer["steps"]) == 5
    failed = typed("init", "--json", "--force", "--api-key", "env:MISSING")
    assert failed.exit_code == 78
    assert json.loads(failed.stdout)["problems"][0]["path"] == "kling.api_key"


async def test_on_a_terminal_it_asks_and_what_is_typed_in_secret_is_kept_in_secret(tmp_path):
    code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, sys.executable, "-m", "kling_daemon", "init",
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    shown = b""
    conversation = (
        (b"is polled: ", "no url"),
        (b"is polled: ", URL),
        (b"kling-api-key]: ", ""),
        (b"webhook-secret]: ", "later"),
        (b"empty for later: ", KEY),
    )
    for question, answer in conversation:
        shown += await process.stdout.readuntil(question)
        process.stdin.write(f"{answer}\n".encode())
    rest, _ = await process.communicate()
    assert process.returncode == 0, shown + rest
    assert KEY.encode() not in shown + rest
    assert (tmp_path / "kling-api-key").read_text().strip() == KEY
    assert stat.S_IMODE((tmp_path / "kling-api-key").stat().st_mode) == 0o600
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    assert written["receiver"]["public_url"] == URL
    assert written["kling"]["api_key"] == {"file": str(tmp_path / "kling-api-key")}
    assert rest.decode().splitlines()[-1] == "The configuration is sound."


async def test_a_daemon_runs_with_what_it_wrote(tmp_path):
    ports = {"KLING_DAEMON_RECEIVER__LISTEN": "127.0.0.1:0", "KLING_DAEMON_API__LISTEN": "127.0.0.1:0"}
    machine = Machine(tmp_path, environment=ports)
    key, config = private(tmp_path / "key", KEY), tmp_path / "k.toml"
    made = machine.typed("init", "--config", str(config), "--api-key", f"file:{key}", "--public-url", URL)
    assert made.status == 0, made
    async with machine.daemon("run", "--config", str(config)) as daemon:
        lacking = [line["event"].partition(":")[0] for line in daemon.lines if line["level"] == "warning"]
        assert lacking == ["no webhook secret"]
        assert daemon.typed("health").status == 0
        assert await daemon.stop() == 0
