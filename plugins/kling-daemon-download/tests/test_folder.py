import errno
import os
from pathlib import Path

import pytest

from kling_daemon_download.folder import Folder


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def place(root):
    return Folder(root=root)


def test_a_file_is_made_with_its_directories_grown_and_moved(place, root):
    place.create(("a", "b", "part"), b"one")
    place.append(("a", "b", "part"), b" two", offset=3)
    place.append(("a", "b", "part"), b" two", offset=3)
    place.move(("a", "b", "part"), ("c", "whole"))
    assert (root / "c" / "whole").read_bytes() == b"one two"
    assert place.size(("c", "whole")) == 7
    assert not (root / "a" / "b" / "part").exists()


def test_what_is_not_there_has_no_size_and_no_content(place):
    assert place.size(("a", "b")) is None
    assert place.read(("a", "b"), limit=10) is None
    place.remove(("a", "b"))


def test_too_long_a_file_is_not_read(place):
    place.create(("a",), b"12345")
    assert place.read(("a",), limit=5) == b"12345"
    assert place.read(("a",), limit=4) is None


@pytest.mark.parametrize(
    "path", [("..", "x"), ("a", "..", "..", "x"), (".",), ("",), ("/etc/passwd",), ("a/../../x",), ("a\0",)]
)
def test_no_path_leads_out(place, root, path):
    outside = root.parent / "x"
    with pytest.raises(OSError, match="not a path below the directory"):
        place.create(path, b"out")
    assert not outside.exists()


def test_no_symbolic_link_is_followed(place, root):
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "file").write_text("theirs")
    (root / "directory").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    for call in (
        lambda: place.create(("directory", "new"), b"x"),
        lambda: place.append(("file",), b"x", offset=0),
        lambda: place.read(("directory", "file"), limit=100),
        lambda: place.digest(("file",)),
        lambda: place.remove(("directory", "file")),
        lambda: place.older_than(2e9, ("directory",)),
    ):
        with pytest.raises(OSError, match="a symbolic link, which is not followed"):
            call()
    assert (outside / "file").read_text() == "theirs"
    assert [path.name for path in outside.iterdir()] == ["file"]


def test_making_a_file_replaces_a_link_or_a_second_name_instead_of_writing_through_it(place, root):
    outside = root.parent / "outside"
    outside.write_text("theirs")
    (root / "link").symlink_to(outside)
    os.link(outside, root / "name")
    place.create(("link",), b"mine")
    place.create(("name",), b"mine")
    assert outside.read_text() == "theirs"


def test_a_pipe_is_no_file_and_keeps_nobody_waiting(place, root):
    os.mkfifo(root / "pipe")
    with pytest.raises(OSError, match="not a plain file"):
        place.read(("pipe",), limit=10)
    with pytest.raises(OSError, match="pipe"):
        place.append(("pipe",), b"x", offset=0)


def test_errors_name_the_whole_path(place, root):
    (root / "a").touch()
    with pytest.raises(NotADirectoryError) as caught:
        place.create(("a", "b", "c"), b"x")
    assert caught.value.filename == str(root / "a")


def test_the_directory_itself_may_be_reached_through_a_link(root):
    link = root.parent / "link"
    link.symlink_to(root)
    Folder(root=link).create(("a",), b"x")
    assert (root / "a").read_bytes() == b"x"


def test_no_call_leaves_a_descriptor_open(place):
    before = len(list(Path("/proc/self/fd").iterdir()))
    place.create(("a", "b", "c"), b"x")
    place.move(("a", "b", "c"), ("d", "e"))
    for path in (("d", "e", "f"), ("missing", "x"), ("..",)):
        with pytest.raises(OSError, match=r".+"):
            place.digest(path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_nothing_is_added_that_would_take_what_is_to_be_left_free(root):
    Folder(root=root).create(("a",))
    Folder(root=root, keep_free=1).append(("a",), b"x", offset=0)
    with pytest.raises(OSError, match=r"1 bytes more would leave less than .* \(keep_free\)") as full:
        Folder(root=root, keep_free=2**60).append(("a",), b"y", offset=1)
    assert full.value.errno == errno.ENOSPC
    assert (root / "a").read_bytes() == b"x"
