"""A database that is taken away, or held, under a running daemon: nothing is promised that would be lost."""

import sqlite3
import time
from contextlib import closing

import pytest
from fakes.stored_news import news, opened

from kling_daemon.store import StoreLockedError, StoreUnavailableError
from kling_daemon.store.connection import DATABASE


async def test_nothing_is_committed_to_a_database_that_was_deleted(tmp_path):
    async with opened(tmp_path) as store:
        await store.record(news("t1"))
        (tmp_path / DATABASE).unlink()
        (obstacle,) = store.obstacles()
        assert "was deleted or replaced" in obstacle
        with pytest.raises(StoreUnavailableError, match="deleted or replaced"):
            await store.record(news("t2"))


async def test_a_database_that_is_put_back_is_gone_on_with(tmp_path):
    async with opened(tmp_path) as store:
        (tmp_path / DATABASE).rename(tmp_path / "elsewhere")
        with pytest.raises(StoreUnavailableError):
            await store.record(news())
        (tmp_path / "elsewhere").rename(tmp_path / DATABASE)
        await store.record(news())
        assert store.obstacles() == ()
    async with opened(tmp_path) as store:
        assert (await store.read.job("t1")).state == "succeeded"


async def test_another_program_that_keeps_the_lock_fails_a_whole_group_at_once(tmp_path):
    async with opened(tmp_path) as store:
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            began = time.monotonic()
            outcomes = await store.record_each([news(f"t{number}") for number in range(20)])
            assert time.monotonic() - began < 20  # and not two seconds for each of them
            assert all("another program holds a lock" in str(outcome) for outcome in outcomes)
            assert store.obstacles() != ()
        await store.record(news())
        assert store.obstacles() == ()


async def test_a_second_daemon_is_kept_out_whatever_file_is_deleted(tmp_path):
    async with opened(tmp_path):
        for file in tmp_path.iterdir():
            if not file.name.startswith(DATABASE):
                file.unlink()
        with pytest.raises(StoreLockedError):
            async with opened(tmp_path):
                pass
