"""The reserve: what people ask for is refused before callbacks are, in words that say what is short."""

import os

import pytest

from kling_daemon.store import DiskReserve, NoRoomError, Space

MIB = 1024**2


def room(free, *, reserve=256 * MIB, files=(1000, 1000)):
    made, left = files
    blocks = free // 4096
    # f_bfree, which counts what only root may use, is larger.
    found = os.statvfs_result((4096, 4096, 10**9, blocks + 999, blocks, made, left + 99, left, 0, 255))
    return DiskReserve("/state", reserve, measure=lambda _path: found)


def test_as_long_as_the_reserve_is_left_all_is_well():
    assert room(256 * MIB).shortage() is None
    assert room(256 * MIB).obstacles() == ()
    room(300 * MIB).require(44 * MIB)
    assert room(300 * MIB).space() == Space(size=300 * MIB, files=1000)


def test_less_than_the_reserve_is_refused_in_words():
    short = room(255 * MIB)
    with pytest.raises(NoRoomError, match=r"nearly full: 255 MiB are free, and 256 MiB \(store\.reserve\) are kept"):
        short.require()
    (obstacle,) = short.obstacles()
    assert obstacle.startswith("new jobs are refused: the disk of the state directory is nearly full")
    assert ";" not in obstacle  # that is what divides one obstacle from the next


def test_what_would_touch_the_reserve_by_its_size_is_refused_alone():
    nearly = room(300 * MIB)
    with pytest.raises(NoRoomError, match="60 MiB find no room"):
        nearly.require(60 * MIB)
    nearly.require(40 * MIB)


def test_inodes_run_out_too_where_there_is_a_limit_of_them():
    with pytest.raises(NoRoomError, match="can take only 63 more files"):
        room(10**9, files=(1000, 63)).require()
    room(10**9, files=(0, 0)).require()  # btrfs knows no limit, and says 0


def test_a_directory_that_is_gone_is_no_question_of_room(tmp_path):
    assert DiskReserve(tmp_path / "gone", 1).shortage() is None
    assert DiskReserve(tmp_path / "gone", 1).space() is None


def test_the_real_disk_is_measured(tmp_path):
    space = DiskReserve(tmp_path, 1).space()
    assert space.size == os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize or space.size > 0
