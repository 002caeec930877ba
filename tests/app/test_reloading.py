"""A reload is whole or does not happen, and those who ask while one runs share the next."""

import asyncio
import threading
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.dispatching import PATIENCE, until
from structlog.testing import capture_logs

from kling_daemon.app.looping import looping
from kling_daemon.app.reloading import Reloader
from kling_daemon.config import ConfigError, Problem, Settings

FILE = Path("/etc/kling-daemon/config.toml")


def settings(**sections):
    return Settings.model_validate({"store": {"directory": "/nowhere"}, **sections})


class Configuration:
    """What an operator has written, and how often it was read."""

    def __init__(self):
        self.written = settings()
        self.readings = 0
        self.may_be_read = threading.Event()
        self.may_be_read.set()

    def read(self):
        self.readings += 1
        self.may_be_read.wait(PATIENCE)
        if isinstance(self.written, Exception):
            raise self.written
        return FILE, self.written


@asynccontextmanager
async def reloading(*parts):
    configuration = Configuration()
    reloader = Reloader(settings(), configuration.read, parts)
    async with asyncio.timeout(PATIENCE), looping({"reloader": reloader}, timedelta(seconds=PATIENCE)):
        yield reloader, configuration


def keeping(kept):
    """Return a part that keeps what is in force."""
    return lambda read: lambda: kept.append(read)


async def test_what_has_changed_is_put_into_force_and_named():
    kept = []
    async with reloading(keeping(kept)) as (reloader, configuration):
        configuration.written = settings(trust={"tolerance": "1m"}, poller={"interval": "20s"})
        outcome = await reloader.reload()
        assert (outcome.file, outcome.applied, outcome.restart) == (str(FILE), ["trust.tolerance"], ["poller.interval"])
        assert kept[0].trust.tolerance == timedelta(minutes=1)
        assert kept[0].poller.interval == timedelta(seconds=15)
        again = await reloader.reload()
        assert (again.applied, again.restart, again.problems) == ([], ["poller.interval"], [])


async def test_a_mistake_leaves_everything_as_it_was():
    kept = []
    async with reloading(keeping(kept)) as (reloader, configuration):
        configuration.written = ConfigError([Problem(path="trust.tolerance", message="must be a duration")], FILE)
        with capture_logs() as logs:
            outcome = await reloader.reload()
        assert [(each.path, each.message) for each in outcome.problems] == [("trust.tolerance", "must be a duration")]
        assert (kept, outcome.applied) == ([], [])
        (said,) = logs
        assert said["event"] == "reload refused: the old configuration stays"
        assert said["problems"] == ["trust.tolerance: must be a duration"]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_part_that_cannot_use_it_keeps_all_others_from_changing(place):
    kept = []

    def refuse(_read):
        raise ConfigError([Problem(path="a.file", message="is not there")], FILE)

    parts = [keeping(kept), keeping(kept)]
    parts.insert(place, refuse)
    async with reloading(*parts) as (reloader, configuration):
        configuration.written = settings(trust={"tolerance": "1m"})
        assert (await reloader.reload()).problems[0].path == "a.file"
        assert kept == []


async def test_a_plugin_that_raises_anything_is_a_refusal_and_not_the_end():
    kept = []
    async with reloading(keeping(kept)) as (reloader, configuration):
        configuration.written = ZeroDivisionError("a plugin's mistake")
        with capture_logs():
            assert "ZeroDivisionError" in (await reloader.reload()).problems[0].message
        configuration.written = settings(trust={"tolerance": "1m"})
        assert (await reloader.reload()).applied == ["trust.tolerance"]


async def test_a_live_key_that_takes_another_which_takes_a_restart_is_refused():
    kept = []
    async with reloading(keeping(kept)) as (reloader, configuration):
        # As in a file that is sound: with a key of Kling's that this daemon was not started with.
        api_key = settings().kling.model_copy(update={"api_key": "secret"})
        configuration.written = settings(trust={"confirm": "always"}).model_copy(update={"kling": api_key})
        with capture_logs():
            (problem,) = (await reloader.reload()).problems
        assert problem.path == "trust.confirm"
        assert "restart the daemon to have it all" in problem.message
        assert kept == []


async def test_whoever_asks_while_one_runs_shares_the_next_which_reads_what_was_written_since():
    kept = []
    async with reloading(keeping(kept)) as (reloader, configuration):
        configuration.may_be_read.clear()
        reloader.ask()
        await until(lambda: configuration.readings == 1)
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(reloader.reload(), name=f"asking {number}") for number in range(10)]
            for _ in range(10):
                reloader.ask()
            await asyncio.sleep(0)
            configuration.may_be_read.set()
        assert configuration.readings == 2
        assert len({id(task.result()) for task in asking}) == 1


async def test_who_hangs_up_while_waiting_harms_nobody():
    async with reloading() as (reloader, configuration):
        configuration.may_be_read.clear()
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(reloader.reload(), name="who hangs up")
            await until(lambda: configuration.readings == 1)
            gone.cancel()
        configuration.may_be_read.set()
        assert (await reloader.reload()).problems == []
