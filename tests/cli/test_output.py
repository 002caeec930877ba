import asyncio
import json
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.cli.output import printable


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text):
    shown = printable(text)
    assert not {character for character in shown if ord(character) < 32 or 127 <= ord(character) < 160}
    assert "\u202e" not in shown
    shown.encode()


def test_a_terminal_is_given_colours_and_a_pipe_is_not(tmp_path):
    code = "from kling_daemon.cli.output import print_table; print_table(('JOB', 'STATE'), [('1', 'failed')])"
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(tmp_path)}
    leader, follower = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", code], stdout=follower, env=environment, check=True)
        assert b"\x1b[31mfailed" in os.read(leader, 10_000)
    finally:
        os.close(leader)
        os.close(follower)
    piped = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert piped.stdout == b"JOB  STATE\n1    failed\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
async def test_a_locale_that_lacks_a_character_is_shown_its_number(api, encoding):
    await api.submit("/text-to-video/kling-3.0", {}, tags={}, external_id="日本-ü")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONIOENCODING": encoding,
        "KLING_DAEMON_URL": api.target.url,
        "KLING_DAEMON_TOKEN": api.target.token,
    }

    def printed(*words):
        asked = [sys.executable, "-m", "kling_daemon", "jobs", "show", "日本-ü", *words]
        return subprocess.run(asked, capture_output=True, env=environment, check=True).stdout.decode(encoding)

    assert "external id  \\u65e5\\u672c-" in await asyncio.to_thread(printed)
    assert json.loads(await asyncio.to_thread(printed, "--json"))["external_id"] == "日本-ü"


def test_a_narrow_terminal_breaks_lines_and_no_words(tmp_path):
    row = ("01a20142-996b-77ff-9b72-f9e2a32122fa", "processing", "/text-to-video/kling-3.0", "2026-11-22T03:17:51Z")
    headings = ("JOB", "STATE", "ENDPOINT", "CREATED")
    code = f"from kling_daemon.cli.output import print_table; print_table({headings}, [{row}])"
    environment = {
        "PATH": os.environ["PATH"], "TERM": "xterm", "HOME": str(tmp_path), "COLUMNS": "50", "NO_COLOR": "1"
    }  # fmt: skip
    leader, follower = pty.openpty()
    try:
        subprocess.run([sys.executable, "-c", code], stdout=follower, env=environment, check=True)
        _, line = os.read(leader, 10_000).decode().splitlines()
    finally:
        os.close(leader)
        os.close(follower)
    assert tuple(line.split()) == row


@pytest.mark.parametrize(
    ("value", "line"),
    [({"a": "\x9b"}, '{"a": "\\u009b"}'), ({"a": "ä"}, '{"a": "ä"}'), ({"a": "\ud800"}, '{"a": "\\ud800"}')],
)
def test_json_is_printed_so_that_it_reads_back_and_harms_no_terminal(capsys, value, line):
    from kling_daemon.cli.output import print_json

    print_json(value)
    assert capsys.readouterr().out == f"{line}\n"
