import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes.kling_caller import NEW_VIDEO, KlingCaller

from kling_daemon.cli.simulate import simulate
from kling_daemon.cli.simulate_options import OPTIONS
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import SimulatorSettings, changed
from kling_daemon.simulator.changes import shown

CODE = "from kling_daemon.cli.simulate import simulate; simulate()"
COMMAND = [sys.executable, "-c", CODE, "--listen", "127.0.0.1:0"]
DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"


@contextmanager
def running(*options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")} | environment
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, env=variables) as process:
        try:
            yield process
        finally:
            process.kill()


def first_task(url: str, key: str) -> dict[str, object]:
    request = urllib.request.Request(  # noqa: S310 - to the process that the test has started
        url + "/text-to-video/kling-3.0", data=b'{"prompt": "x"}', headers={"Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - as above
        return json.load(answer)["data"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_with_json_one_line_is_printed_and_a_signal_ends_it_cleanly(number):
    with running("--json", "--seed", "7") as process:
        announced = json.loads(process.stdout.readline())
        assert announced["seed"] == 7
        assert first_task(announced["url"], "simulator")["status"] == "submitted"
        process.send_signal(number)
        rest, _ = process.communicate(timeout=10)
        assert (process.returncode, rest) == (0, "")


def test_people_are_told_where_it_listens():
    with running() as process:
        line = process.stdout.readline()
        assert re.search(r"http://127\.0\.0\.1:\d+ \(API key `simulator`, unsigned callbacks, seed \d+\)", line)


def test_key_and_secrets_come_from_environment_or_files_and_are_not_printed(tmp_path):
    (tmp_path / "secrets").write_text("whsec_dGVzdHNlY3JldA==\nwhsec_b3RoZXI=\n")
    with running("--secret-file", str(tmp_path / "secrets"), KLING_API_KEY="sk-mine") as process:
        line = process.stdout.readline()
        assert "your API key, signed callbacks" in line
        assert "sk-mine" not in line
        url = re.search(r"http://\S+", line)[0]
        assert first_task(url, "sk-mine")["status"] == "submitted"


def test_a_key_pair_comes_from_environment_or_files(tmp_path):
    (tmp_path / "secret-key").write_text("sk\n")
    token = KeyPair(access_key="ak", secret_key="sk").token(time.time())
    with running("--secret-key-file", str(tmp_path / "secret-key"), KLING_ACCESS_KEY="ak") as process:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        request = urllib.request.Request(  # noqa: S310 - to the process that the test has started
            f"{url}/v1/videos/text2video", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            assert json.load(answer)["data"] == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--lose", "3"], "lose: a share between 0 and 1"),
        (["--delay", "5x"], "delay: must be a duration such as"),
        (["--listen", "nowhere"], "HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "HOST:PORT"),
        (["--control", "127.0.0.1:65536"], "HOST:PORT"),
        (["--listen", "127.0.0.1:²"], "HOST:PORT"),
        (["--api-key-file", os.devnull], "is empty"),
        (["--submitted", "5s-2s"], "not from 5s to 2s"),
        (["--clock-offset", "-900d"], "not 900d"),
        (["--secret", "not base64!"], "webhook secret"),
        (["--api-key-file", sys.executable], "cannot read"),
        (["--refuse-creates", "7"], "refuse_creates"),
        (["--speed", "1e-300"], "speed"),
        (["--submitted", "1s-999999999.9d"], "submitted: must be a duration of at most"),
    ],
)
def test_a_wrong_option_is_a_usage_error_that_names_it(options, named):
    result = CliRunner().invoke(simulate, options)
    assert result.exit_code == 2
    assert named in result.output
    assert "Traceback" not in result.output


def test_all_wrong_options_are_named_at_once():
    options = ["--lose", "3", "--hang", "x", "--speed", "0", "--outage-answer", "html5", "--secret", "geheim!"]
    result = CliRunner().invoke(simulate, options)
    assert result.exit_code == 2
    for named in ("lose: a share", "hang: must be", "speed: at least", "did you mean 'html'?", "webhook secret"):
        assert named in result.output
    assert "geheim" not in result.output


def test_every_setting_has_its_option_and_the_default_shown_is_the_one_that_holds():
    commanded = {names.partition("/")[0].removeprefix("--").replace("-", "_"): row for names, *row in OPTIONS}
    assert set(commanded) == set(shown(SimulatorSettings()))
    for name, (kind, default, _) in commanded.items():
        value = default == name.replace("_", "-") if kind is bool else kind(default)
        assert getattr(changed(SimulatorSettings(), {name: value}), name) == getattr(SimulatorSettings(), name)


def test_every_option_and_every_setting_is_documented():
    text = DOCUMENT.read_text()
    for parameter in simulate.params:
        assert f"`{parameter.opts[0]}" in text, parameter.opts[0]
    for field in fields(SimulatorSettings):
        assert f"`{field.name}`" in text or f"`--{field.name.replace('_', '-')}" in text, field.name


async def test_the_documented_python_test_passes():
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), flags=re.DOTALL)

    async def my_program(*, base_url, api_key):
        async with KlingCaller.at(base_url, api_key) as kling:
            await kling.create(NEW_VIDEO)

    names = {"my_program": my_program}
    exec(compile(snippet, str(DOCUMENT), "exec"), names)  # noqa: S102 - the document is ours
    await names["test_a_video_is_made"]()


def test_the_command_is_known_without_loading_a_web_server():
    code = "import sys, kling_daemon.cli.simulate; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
