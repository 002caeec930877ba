"""The batch as a process: what it prints, what it leaves behind, and that nothing is paid twice."""

import asyncio
import json
import re
import subprocess
from contextlib import asynccontextmanager

import pytest
from fakes.daemon_process import PROGRAM, Machine
from fakes.dispatching import until
from fakes.json_schemas import violations

from kling_daemon.cli.local_answers import BatchModel
from kling_daemon.simulator import Simulator, SimulatorSettings

NEW = "/text-to-video/kling-3.0"


def lines(count):
    return "".join(json.dumps({"endpoint": NEW, "prompt": f"shot {number}"}) + "\n" for number in range(count))


@asynccontextmanager
async def machine(home, **settings):
    """A machine with a configured daemon that is not started, and the Kling that it will ask."""
    simulator = Simulator(SimulatorSettings(**{"video_slots": 0, "speed": 1000.0, **settings}))
    async with simulator.serve() as url:
        here = Machine(home, {"KLING_API_KEY": "simulator"})
        here.configure(f'[kling]\nbase_url = "{url}"\nmax_requests_per_second = 1000', '[poller]\ninterval = "1s"')
        yield here, simulator


def begin(daemon, *words):
    """Type the command, and do not wait for its end."""
    environment = {
        **daemon.machine.environment,
        "KLING_DAEMON_URL": f"http://{daemon.api}",
        "KLING_DAEMON_TOKEN": daemon.token,
    }
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*PROGRAM, "batch", *words], cwd=daemon.machine.home, env=environment, text=True,
        stdin=pipe, stdout=pipe, stderr=pipe,
    )  # fmt: skip


async def run(daemon, *words, given=""):
    batch = begin(daemon, *words)
    out, err = await asyncio.to_thread(batch.communicate, given)
    return subprocess.CompletedProcess(words, batch.returncode, out, err)


async def test_a_batch_is_carried_out_once_however_often_it_is_run(tmp_path):
    async with machine(tmp_path / "home", fail=3) as (here, simulator), here.daemon() as daemon:
        (here.home / "shots.jsonl").write_text(lines(12))
        first = await run(daemon, "shots.jsonl", "--output", "ends.jsonl", "--json")
        result = json.loads(first.stdout)
        assert first.returncode == 1
        assert violations(BatchModel, result) == []
        assert (result["lines"], result["created"], result["known"], result["succeeded"]) == (12, 12, 0, 9)
        assert sum(result["failed"].values()) == 3
        assert result["cost"]
        again = await run(daemon, "shots.jsonl", "--output", "ends.jsonl")
        assert again.returncode == 1
        assert "12, created by an earlier run" in again.stdout
        assert simulator.stats()["created"] == 12
        ends = [json.loads(line) for line in (here.home / "ends.jsonl").read_text().splitlines()]
        assert len({job["id"] for job in ends}) == len(ends) == 12
        assert {job["tags"]["batch"] for job in ends} == {"shots.jsonl"}


async def test_what_was_killed_in_the_middle_goes_on_and_nothing_is_paid_twice(tmp_path):
    count = 120
    async with machine(tmp_path / "home") as (here, simulator):
        (here.home / "shots.jsonl").write_text(lines(count))
        async with here.daemon() as daemon:
            killed = begin(daemon, "shots.jsonl", "--output", "ends.jsonl")
            await until(lambda: simulator.stats()["created"] >= 10)
            killed.kill()
            killed.communicate()
            daemon.process.kill()
        with (here.home / "ends.jsonl").open("ab") as file:
            file.write(b'{"id": "half a li')
        async with here.daemon() as daemon:
            result = json.loads((await run(daemon, "shots.jsonl", "--output", "ends.jsonl", "--json")).stdout)
        assert (result["lines"], result["succeeded"]) == (count, count)
        assert 0 < result["known"] < count
        assert result["known"] + result["created"] == count
        assert simulator.stats()["created"] == simulator.stats()["billed"]["tasks"] == count
        whole = [line for line in (here.home / "ends.jsonl").read_text().splitlines() if not line.endswith("a li")]
        assert len({json.loads(line)["id"] for line in whole}) == len(whole)


async def test_a_batch_that_is_interrupted_says_how_to_go_on(tmp_path):
    async with machine(tmp_path / "home", speed=0.01) as (here, _), here.daemon() as daemon:
        (here.home / "shots.jsonl").write_text(lines(3))
        batch = begin(daemon, "shots.jsonl")

        async def submitted():
            return len(await daemon.jobs()) == 3

        await until(submitted)
        batch.send_signal(2)
        out, err = await asyncio.to_thread(batch.communicate)
        assert batch.returncode == 130
        # The daemon may have all three before the command has heard so of each.
        (created,), (left,) = re.findall(r"^created +(\d)$", out, re.MULTILINE), re.findall(r"not submitted: (\d)", err)
        assert int(created) + int(left) == 3
        assert created == "0" or re.search(rf"^still open +{created}$", out, re.MULTILINE)
        assert "goes on from here" in err


async def test_nothing_is_waited_for_where_that_is_said_and_time_can_be_up(tmp_path):
    async with machine(tmp_path / "home", speed=0.01) as (here, _), here.daemon() as daemon:
        (here.home / "shots.jsonl").write_text(lines(3))
        unwaited = await run(daemon, "shots.jsonl", "--no-wait", "--json")
        assert (unwaited.returncode, json.loads(unwaited.stdout)["created"]) == (0, 3)
        in_vain = await run(daemon, "shots.jsonl", "--timeout", "10ms", "--json")
        assert (in_vain.returncode, json.loads(in_vain.stdout)["known"]) == (1, 3)


async def test_mistakes_are_told_all_at_once_and_standard_input_will_do(tmp_path):
    async with machine(tmp_path / "home", speed=0.01) as (here, _), here.daemon() as daemon:
        text = lines(2) + '{"endpoint": "videos", "prompt": "x"}\n{\n' + lines(1)
        mistaken = await run(daemon, "-", given=text)
        assert mistaken.returncode == 2
        assert [line.split(":")[0] for line in mistaken.stderr.splitlines()] == ["line 3", "line 4", "Error"]
        empty = await run(daemon, "-", given="\n\n")
        assert (empty.returncode, "there is nothing in it" in empty.stderr) == (2, True)
        assert await daemon.jobs() == []
        table = f"endpoint,prompt\n{NEW},a\n{NEW},b\n"
        options = ("--format", "csv", "--no-wait", "--tag", "film=x", "--set", "settings.a:json=1")
        assert (await run(daemon, "-", *options, given=table)).returncode == 0
        assert [job["tags"] for job in await daemon.jobs()] == [{"batch": "stdin", "film": "x"}] * 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere"], "cannot be read"),
        ([], "Missing argument"),
        (["-", "--no-wait", "--timeout", "5s"], "need --wait"),
        (["-", "--no-wait", "--output", "x"], "need --wait"),
        (["-", "--set", "x"], "write FIELD=VALUE"),
        (["-", "--set", "a..b=1"], "is no field"),
        (["-", "--set", "a:json=["], "not JSON"),
        (["-", "--tag", "x"], "write KEY=VALUE"),
        (["-", "--name", "x" * 200], "up to 150"),
        (["-", "--output", "/nowhere/at/all"], "cannot be written"),
        (["-", "--output", "/dev/null"], "is no file"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(typed, words, reason):
    result = typed("batch", *words, input="")
    assert result.exit_code == 2
    assert reason in result.stderr


def test_without_a_daemon_nothing_is_done(typed, tmp_path):
    (tmp_path / "shots.jsonl").write_text(lines(1))
    assert typed("batch", tmp_path / "shots.jsonl", "--url", "http://127.0.0.1:1").exit_code == 69
