import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from kling_daemon.cli import deliveries, jobs, main
from kling_daemon.cli.main import VERBS
from kling_daemon.deliveries import DeliveryState
from kling_daemon.jobs import JobState

HEAVY = ("asyncio", "aiohttp", "pydantic", "rich", "structlog", "aiosqlite", "pluggy", "prometheus_client")


def test_help_imports_nothing_but_click():
    code = (
        "import sys\nfrom kling_daemon.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(typed, verb):
    result = typed(verb, "--help")
    assert result.exit_code == 0
    assert isinstance(main.get_command(click.Context(main), verb), click.Command)


def test_the_states_that_can_be_asked_for_are_those_that_there_are():
    assert tuple(JobState) == jobs.STATES
    assert tuple(DeliveryState) == deliveries.STATES


def test_an_unknown_verb_is_a_usage_error(typed):
    assert typed("jbos").exit_code == 2


def test_the_module_can_be_run(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "kling_daemon", "--version"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.startswith("kling-daemon, version ")


@pytest.mark.parametrize("words", [["--version"], ["plugins", "list"], ["plugins", "list", "--json"]])
def test_output_that_finds_no_place_is_one_line_and_a_status(words):
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "kling_daemon", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (74, "Error: the output could not be written: No space left on device\n")


def test_an_argument_that_is_no_text_is_a_usage_error():
    ended = subprocess.run(
        [sys.executable, "-m", "kling_daemon", "jobs", "show", b"order-\xff"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "Error: 'order-\\udcff' is not text; write UTF-8" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_reader_that_has_read_enough_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, "-m", "kling_daemon", "plugins", "list"],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert ended.stderr == ""


def test_who_closes_the_output_wants_none():
    ended = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m kling_daemon plugins list >&-"],
        stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in ended.stderr
    assert ended.returncode == 0
