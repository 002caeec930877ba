"""The operator is told once when the reserve is touched, and that it is over once there is clearly more."""

import os

from fakes.stored_news import opened
from fakes.troubled_database import full_disk

from kling_daemon.app.space_watch import SpaceWatch
from kling_daemon.bus import Bus
from kling_daemon.clock import SystemClock
from kling_daemon.store import DiskReserve
from kling_daemon.tracking import NoticeBoard

RESERVE = 1000 * 4096


class Disk:
    """A disk of which a test says how many blocks are free."""

    def __init__(self, directory, store):
        self.blocks, self.measured = 0, []
        reserve = DiskReserve(directory, RESERVE, measure=self.measure)
        board = NoticeBoard(store, Bus(), SystemClock())
        self.store, self.watch = store, SpaceWatch(reserve, board, measure=self.measured.append)

    def measure(self, _path):
        return os.statvfs_result((4096, 4096, 10**9, self.blocks, self.blocks, 0, 0, 0, 0, 255))

    async def look(self, blocks):
        self.blocks = blocks
        await self.watch.look()
        return [notice.message for notice in await self.store.read.open_notices()]


async def test_the_notice_comes_with_the_first_look_and_goes_when_there_is_clearly_more_than_the_reserve(tmp_path):
    async with opened(tmp_path) as store:
        disk = Disk(tmp_path, store)
        assert await disk.look(1000) == []
        (message,) = await disk.look(999)
        assert message.startswith("The disk of the state directory is nearly full: 4 MiB are free, and 4 MiB")
        assert message.endswith(f"Make room on the disk of {tmp_path}.")
        assert await disk.look(0) == [message]
        assert await disk.look(1100) == [message]
        assert await disk.look(1250) == []
        assert len(await disk.look(1)) == 1
        assert disk.measured == [blocks * 4096 for blocks in (1000, 999, 0, 1100, 1250, 1)]


async def test_what_an_earlier_run_left_open_is_taken_down(tmp_path):
    async with opened(tmp_path) as store:
        assert len(await Disk(tmp_path, store).look(1)) == 1
    async with opened(tmp_path) as store:
        assert await Disk(tmp_path, store).look(2000) == []


async def test_a_notice_that_finds_no_room_itself_is_put_up_as_soon_as_it_does(tmp_path):
    async with opened(tmp_path) as store:
        disk = Disk(tmp_path, store)
        with full_disk(tmp_path):
            assert await disk.look(5) == []
        assert len(await disk.look(5)) == 1
