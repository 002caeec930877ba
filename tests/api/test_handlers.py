from dataclasses import replace

from fakes.local_api import ARCHIVE, daemon_and_api

from kling_daemon.dispatch import Openness


async def test_handlers_that_are_loaded_and_those_of_earlier_runs_are_shown(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        archive, forgotten = (await daemon.handlers()).items
        assert (archive.name, archive.state, archive.plugin) == ("archive", "open", "download")
        assert (forgotten.name, forgotten.state, forgotten.plugin) == ("forgotten", "unloaded", None)
        assert forgotten.events == ["job.completed"]
        assert forgotten.loaded_at is not None


async def test_a_handler_that_cannot_open_says_why(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        api.statuses[:] = [replace(ARCHIVE, openness=Openness.CLOSED, reason="no such folder")]
        archive, _ = (await daemon.handlers()).items
        assert (archive.state, archive.reason) == ("closed", "no such folder")


async def test_the_plugins_that_were_found_at_start_are_shown_broken_ones_included(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, _):
        (plugin,) = (await daemon.plugins()).items
        assert (plugin.name, plugin.status, plugin.problem) == ("broken", "broken", "why")
