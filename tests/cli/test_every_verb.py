"""Every verb of the command line ends with each exit code that is documented, and prints the JSON that it says."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import click
import pytest
from fakes.json_schemas import violations
from fakes.verbs import VERBS

from kling_daemon.cli import main
from kling_daemon.cli.local_answers import SimulatorModel
from kling_daemon.clock import SystemClock
from kling_daemon.deliveries import Rejected, RetryPolicy, settle
from kling_daemon.jobs import JobState
from kling_daemon.scopes import Scope

HERE = Path(__file__).parent
DOCS = (HERE.parents[1] / "docs" / "cli.md").read_text()
OFFLINE = "http://127.0.0.1:1"
TALKING = [name for name, verb in VERBS.items() if verb.needs_daemon]
TYPED = [name for name, verb in VERBS.items() if 0 not in verb.elsewhere]
PRINTING = [name for name, verb in VERBS.items() if verb.prints is not None and verb.json_elsewhere is None]
FAILING = [(name, code) for name, verb in VERBS.items() for code in verb.codes]
CODES = {0, 1, 2, 69, 78}


def leaves(group, above=()):
    """Yield every command that does something, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, (*above, name))
        else:
            yield " ".join((*above, name)), command


LEAVES = dict(leaves(main))


def option(name, what):
    return any(what in parameter.opts for parameter in LEAVES[name].params)


def test_every_verb_has_a_row():
    assert set(VERBS) == set(LEAVES)


@pytest.mark.parametrize("name", VERBS)
def test_the_row_says_what_the_verb_takes(name):
    verb = VERBS[name]
    assert (verb.prints is not None) == option(name, "--json")
    assert verb.needs_daemon == (option(name, "--url") and name != "plugins list")


@pytest.mark.parametrize("name", VERBS)
def test_every_exit_code_that_is_documented_is_tested_and_no_other(name):
    verb = VERBS[name]
    (section,) = re.findall(
        rf"^## `kling-daemon {re.escape(name)}\b(?! [a-z])[^`\n]*`\n(.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL
    )
    told = re.search(r"^Exits with (.+\n)+", section, re.MULTILINE)[0]
    documented = CODES & {int(number) for number in re.findall(r"\b[0-9]+\b", told)}
    tested = {0, 2, *verb.codes, *verb.elsewhere} | ({1, 69, 78} if verb.needs_daemon else set())
    assert documented | {2} == tested


@pytest.mark.parametrize("name", VERBS)
def test_what_is_tested_elsewhere_is_there(name):
    for place in (*VERBS[name].elsewhere.values(), *filter(None, [VERBS[name].json_elsewhere])):
        file, _, test = place.partition("::")
        assert re.search(rf"^(async )?def {test}\(", (HERE / file).read_text(), re.MULTILINE), place


@pytest.fixture
async def things(api, tmp_path):
    """Return what the words in braces stand for."""
    job, queued = await api.make_job(), await api.make_job()
    await api.report(job, JobState.SUCCEEDED)
    await api.report(sent := await api.make_job(), JobState.SUBMITTED)
    (delivery,) = await api.store.claim("archive", limit=1, lease=timedelta(minutes=1))
    now = SystemClock().now()
    end = settle(Rejected(reason="why"), attempt=1, created_at=now, policy=RetryPolicy(), now=now, jitter=0)
    await api.store.settle(delivery, end, outcome="rejected", started_at=now)
    await api.tokens.make("old", Scope.READ)
    (tmp_path / "unsound.toml").write_text("[poller]\ninterval = 15\n")
    return {
        "job": job.id, "queued": queued.id, "sent": sent.id, "dead": delivery.id, "old": "old", "url": api.target.url,
        "unsound": tmp_path / "unsound.toml", "nowhere": tmp_path / "nowhere.toml",
    }  # fmt: skip


UNKNOWN = dict.fromkeys(("job", "queued", "sent", "old"), "x") | {"dead": 1}


def is_told(result):
    """True when a verb ended by itself and said why, and not by a traceback."""
    return isinstance(result.exception, SystemExit) and result.stderr.strip() != ""


def spelt(words, things):
    return [word.format(**things) for word in words]


@pytest.mark.parametrize("name", TYPED)
async def test_a_verb_that_does_what_it_shall_is_0(name, ask, things):
    result = await ask(*spelt(VERBS[name].words, things))
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", PRINTING)
async def test_what_a_verb_prints_is_valid_by_the_schema_of_its_model(name, ask_json, things):
    verb = VERBS[name]
    assert violations(verb.prints, await ask_json(*spelt(verb.words, things))) == []


@pytest.mark.parametrize(("name", "code"), FAILING)
async def test_a_verb_that_fails_says_so_in_its_exit_code(name, code, ask, things):
    env = {"KLING_DAEMON_TOKEN": "wrong"} if name == "plugins list" else None
    result = await ask(*spelt(VERBS[name].codes[code], things), with_env=env)
    assert result.exit_code == code, result.output
    assert is_told(result)


@pytest.mark.parametrize("name", [name for name in TALKING if 1 not in VERBS[name].elsewhere])
async def test_a_token_that_is_refused_is_1(name, api, ask, things):
    env = {"KLING_DAEMON_URL": api.target.url, "KLING_DAEMON_TOKEN": "wrong"}
    result = await ask(*spelt(VERBS[name].words, things), with_env=env)
    assert (result.exit_code, is_told(result)) == (1, True), result.output
    assert "refuses the token" in result.stderr


@pytest.mark.parametrize("name", TALKING)
def test_no_daemon_is_69(name, typed):
    result = typed(*spelt(VERBS[name].words, UNKNOWN), "--url", OFFLINE)
    assert result.exit_code == 69, result.output
    assert "is it running?" in result.stderr


@pytest.mark.parametrize("name", TALKING)
def test_a_configuration_that_is_not_there_is_78(name, typed, tmp_path):
    result = typed(*spelt(VERBS[name].words, UNKNOWN), "--config", tmp_path / "nowhere.toml")
    assert result.exit_code == 78, result.output
    assert "there is no file" in result.stderr


@pytest.mark.parametrize("name", VERBS)
def test_what_makes_no_sense_is_2_and_changes_nothing(name, typed, tmp_path):
    result = typed(*name.split(), "--no-such-option")
    assert (result.exit_code, result.stdout, is_told(result)) == (2, "", True)
    assert list(tmp_path.iterdir()) == []


def simulator(*words):
    return [sys.executable, "-m", "kling_daemon", "simulate", *words]


async def test_a_simulator_says_where_it_is_and_stops():
    words = simulator("--json", "--listen", "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    line = await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
    assert violations(SimulatorModel, json.loads(line)) == []


def test_a_simulator_that_cannot_listen_is_1():
    with socket.create_server(("127.0.0.1", 0)) as other:
        words = simulator("--listen", f"127.0.0.1:{other.getsockname()[1]}")
        ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: ")
