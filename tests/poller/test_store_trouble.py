"""A database that cannot be read for a while is the store's trouble, not the end of the loops that read it."""

import sqlite3

import pytest
from fakes.asking import asking

from kling_daemon.store import StoreUnavailableError


async def test_what_sqlite_says_reaches_its_readers_as_the_stores_own_error(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        other = sqlite3.connect(tmp_path / "kling.db", isolation_level=None)
        other.execute("ALTER TABLE hints RENAME TO gone")
        other.close()
        with pytest.raises(StoreUnavailableError, match="no such table"):
            await here.poller().step()
