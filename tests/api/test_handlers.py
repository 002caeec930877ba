from dataclasses import replace

import pytest
from fakes.local_api import ARCHIVE, daemon_and_api

from kling_daemon.client import DaemonError
from kling_daemon.deliveries import DeliveryState
from kling_daemon.dispatch import Openness
from kling_daemon.jobs import JobState
from kling_daemon.store import Registration


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


async def test_a_forgotten_handler_is_gone_its_deliveries_are_dropped_and_it_collects_no_more(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        forgotten = await daemon.forget_handler("forgotten")
        assert forgotten.dropped == 1
        assert [handler.name for handler in (await daemon.handlers()).items] == ["archive"]
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        rows = (await daemon.deliveries(handler="forgotten")).items
        assert [row.state for row in rows] == [DeliveryState.DROPPED]
        assert len((await daemon.deliveries(handler="archive", state="pending")).items) == 2
        await api.store.register_handlers([Registration(name="forgotten", events=frozenset({"job.completed"}))])
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        assert len((await daemon.deliveries(handler="forgotten", state="pending")).items) == 1


async def test_any_number_of_deliveries_is_dropped(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        for _ in range(4):
            await api.report(await api.make_job(), JobState.SUCCEEDED)
        assert await api.store.forget_handler("forgotten", limit=2) == 4
        assert (await daemon.deliveries(handler="forgotten", state="pending")).items == []


@pytest.mark.parametrize(("name", "status"), [("archive", 409), ("nobody", 404)])
async def test_a_loaded_handler_and_one_that_never_was_are_not_forgotten(tmp_path, name, status):
    async with daemon_and_api(tmp_path) as (daemon, _):
        with pytest.raises(DaemonError) as refused:
            await daemon.forget_handler(name)
        assert refused.value.status == status
