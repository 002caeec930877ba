"""Mistakes of an operator, in front of the real process: all told at once, no secret shown, nothing started."""

import json
import re
from datetime import timedelta

import pytest
from fakes.certificates import Authority
from fakes.daemon_process import Machine
from fakes.plugin_folder import PluginFolder

VERBS = pytest.mark.parametrize("verb", [("run",), ("config", "check")], ids=" ".join)
LETTER_BOX = """
    from contextlib import asynccontextmanager
    from kling_daemon.plugin import HandlerConfig, HandlerType, hookimpl

    class LetterBox(HandlerConfig):
        address: str
        stamps: int = 1

    @asynccontextmanager
    async def opened(config, context):
        yield None

    @hookimpl
    def kling_register_handlers():
        return [HandlerType(name="letter", config=LetterBox, open=opened, events={"job.completed"})]
"""
FIVE_MISTAKES = """
[receivr]
listen = "127.0.0.1:8765"

[poller]
intervl = "15s"

[trust]
adopt = "everything"

[handlers.archive]
type = "lettr"

[handlers.post]
type = "letter"
addressx = "Main Street 1"
"""
TOLD = {
    "receivr": "unknown section; did you mean 'receiver'?",
    "poller.intervl": "unknown key; did you mean 'interval'?",
    "trust.adopt": "must be 'called', 'all' or 'none'",
    "handlers.archive.type": "no installed plugin offers the type 'lettr'; did you mean 'letter'?",
    "handlers.post.addressx": "unknown key; did you mean 'address'?",
}
SECRET = "a-secret-that-nobody-may-see"


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    PluginFolder(machine.installed).add("kling-letters", "letters", LETTER_BOX)
    return machine


def refused(machine, verb, *options, **environment):
    """Type a verb that must be refused with 78 before anything is started; return what it says, by path."""
    ended = machine.typed(*verb, *options, **environment)
    assert ended.status == 78, ended
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err
    assert not machine.state.exists()
    heading, *lines = ended.err.splitlines()
    told = dict(line.removeprefix("  ").split(": ", 1) for line in lines)
    count = "1 mistake" if len(told) == 1 else f"{len(told)} mistakes"
    assert heading.startswith(f"Error: {count} in the configuration (")
    return told


@VERBS
def test_five_mistakes_are_all_told_each_with_its_path_and_the_nearest_name(machine, verb):
    machine.config.write_text(FIVE_MISTAKES)
    assert refused(machine, verb, "--config", machine.config) == TOLD


def test_programs_are_told_the_same_as_json(machine):
    machine.config.write_text(FIVE_MISTAKES)
    ended = machine.typed("config", "check", "--json", KLING_DAEMON_CONFIG=str(machine.config))
    assert ended.status == 78
    assert {problem["path"]: problem["message"] for problem in json.loads(ended.out)["problems"]} == TOLD


@VERBS
def test_secrets_that_stand_or_lie_where_others_see_them_are_refused_and_not_shown(machine, verb):
    for name, mode in (("open", 0o644), ("group", 0o640), ("right", 0o600)):
        (machine.home / name).write_text(SECRET)
        (machine.home / name).chmod(mode)
    machine.config.write_text(f"""
        [kling]
        api_key = "{SECRET}"
        [trust.secrets]
        literal = "{SECRET}"
        open = {{ file = "{machine.home}/open" }}
        group = {{ file = "{machine.home}/group" }}
        malformed = {{ file = "{machine.home}/right" }}
        absent = {{ file = "{machine.home}/absent" }}
        unset = {{ env = "UNSET" }}
        [handlers.post]
        type = "letter"
        address = {{ file = "{machine.home}/open" }}
    """)
    must_not_stand = 'a secret must not stand here itself; write { file = "/path" } or { env = "VARIABLE" }'
    opened = f"{machine.home}/open may be opened by others (mode 0644); run: chmod 600 {machine.home}/open"
    group = f"{machine.home}/group may be opened by others (mode 0640); run: chmod 600 {machine.home}/group"
    told = refused(machine, verb, "--config", machine.config)
    assert told == {
        "kling.api_key": must_not_stand,
        "trust.secrets.literal": must_not_stand,
        "trust.secrets.open": opened,
        "trust.secrets.group": group,
        "trust.secrets.malformed": told["trust.secrets.malformed"],
        "trust.secrets.absent": f"cannot read {machine.home}/absent: No such file or directory",
        "trust.secrets.unset": "the environment variable UNSET is not set",
        "handlers.post.address": opened,
    }


@VERBS
def test_a_variable_that_means_nothing_is_named_as_the_variable_that_it_is(machine, verb):
    machine.configure()
    given = {"KLING_DAEMON_RECEIVR__LISTEN": "127.0.0.1:8765", "KLING_DAEMON_POLLER__INTERVAL": SECRET}
    told = refused(machine, verb, "--config", machine.config, **given)
    assert set(told) == {"KLING_DAEMON_RECEIVR", "KLING_DAEMON_POLLER__INTERVAL"}
    assert "did you mean 'receiver'" in told["KLING_DAEMON_RECEIVR"]


def test_secrets_of_the_environment_that_are_none_are_refused_and_not_shown(machine):
    told = refused(machine, ["run"], KLING_API_KEY=f"{SECRET} {SECRET}", KLING_WEBHOOK_SECRETS=f"main:{SECRET}")
    assert set(told) == {"kling.api_key", "trust.secrets.main"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'[receiver]\n\nlisten = "127.0.0.1:8765\n', r"is not TOML: .+ \(at line 3, column \d+\)"),
        (b"[receiver]\nlisten = 1\nlisten = 2\n", r"is not TOML: .+ \(at line 3, column \d+\)"),
        (b'[receiver]\nlisten = "\xff"\n', "is not text in UTF-8"),
        (None, "there is no file .+"),
    ],
    ids=["an open string", "a key twice", "no UTF-8", "no file"],
)
def test_a_file_that_cannot_be_read_is_told_with_the_place(machine, content, reason):
    if content is not None:
        machine.config.write_bytes(content)
    told = refused(machine, ["run"], "--config", machine.config)
    (path,) = told
    assert path in {str(machine.config), "--config"}
    assert re.fullmatch(reason, told[path])


@VERBS
def test_certificates_that_cannot_be_used_are_told_each_with_its_key(machine, verb, tmp_path):
    authority = Authority(tmp_path / "authority")
    one, other = authority.issue("one"), authority.issue("other")
    one.key.chmod(0o644)
    machine.configure()
    told = refused(
        machine, verb, "--config", machine.config,
        KLING_DAEMON_RECEIVER__TLS_CERT=str(one.chain), KLING_DAEMON_RECEIVER__TLS_KEY=str(one.key),
        KLING_DAEMON_API__TLS_CERT=str(other.chain), KLING_DAEMON_API__TLS_KEY=str(machine.home / "nowhere"),
    )  # fmt: skip
    assert told == {
        "receiver.tls_key": f"{one.key} may be opened by others (mode 0644); run: chmod 600 {one.key}",
        "api.tls_key": f"cannot read {machine.home}/nowhere: No such file or directory",
    }


def test_a_certificate_that_ends_soon_is_a_warning(machine, tmp_path):
    pair = Authority(tmp_path / "authority").issue(ends_in=timedelta(days=1))
    given = {"KLING_DAEMON_RECEIVER__TLS_CERT": str(pair.chain), "KLING_DAEMON_RECEIVER__TLS_KEY": str(pair.key)}
    ended = machine.typed("config", "check", **given)
    assert ended.status == 0, ended
    assert ended.err.startswith(f"Warning: receiver.tls_cert: the certificate in {pair.chain} ends on ")
