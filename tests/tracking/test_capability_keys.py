"""The keys of the capabilities outlive restarts, are their owner's alone, and are put aside rather than lost."""

import stat

import pytest

from kling_daemon.private_files import make_private_file
from kling_daemon.store import StoreError
from kling_daemon.tracking import load_capability_keys

WORD = "w" * 40


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def put_aside(directory):
    (directory / "capability-key").rename(directory / "capability-key.old")


def test_the_key_is_made_once_for_its_owner_alone_and_never_shown(tmp_path):
    keys = load_capability_keys(tmp_path)
    assert load_capability_keys(tmp_path) == keys
    assert (len(keys.current), keys.old) == (32, ())
    assert names(tmp_path) == ["capability-key"]
    assert stat.S_IMODE((tmp_path / "capability-key").stat().st_mode) == 0o600
    put_aside(tmp_path)
    exchanged = load_capability_keys(tmp_path, last_job=7)
    assert str(keys.current) not in repr(exchanged)
    assert str(exchanged.current) not in repr(exchanged)


def test_a_key_that_was_put_aside_is_kept_under_the_number_of_the_last_job(tmp_path):
    first = load_capability_keys(tmp_path).current
    put_aside(tmp_path)
    for _ in range(2):  # and a restart
        keys = load_capability_keys(tmp_path, last_job=7)
        assert keys.current != first
        assert [(old.key, old.last_job) for old in keys.old] == [(first, 7)]
        assert names(tmp_path) == ["capability-key", "capability-key.until-7"]


def test_exchanging_it_again_and_again_loses_none(tmp_path):
    made = []
    for _ in range(3):
        made.append(load_capability_keys(tmp_path, last_job=7).current)
        put_aside(tmp_path)
    keys = load_capability_keys(tmp_path, last_job=7)
    assert {old.key for old in keys.old} == set(made)
    for old in keys.old:
        old.remove()
        old.remove()
    assert load_capability_keys(tmp_path).old == ()


def test_a_crash_between_putting_it_aside_and_making_the_next_one_loses_none(tmp_path):
    first = load_capability_keys(tmp_path).current
    (tmp_path / "capability-key").rename(tmp_path / "capability-key.until-7")
    keys = load_capability_keys(tmp_path, last_job=9)
    assert keys.current != first
    assert [(old.key, old.last_job) for old in keys.old] == [(first, 7)]


def test_a_credential_comes_first_and_what_was_made_before_it_is_an_old_one(tmp_path):
    first = load_capability_keys(tmp_path).current
    for _ in range(2):
        keys = load_capability_keys(tmp_path, credential=f"{WORD}\n", last_job=7)
        assert keys.current == WORD.encode()
        assert [(old.key, old.last_job) for old in keys.old] == [(first, 7)]
    make_private_file(tmp_path / "capability-key.old", f"{WORD}\n".encode())
    keys = load_capability_keys(tmp_path, credential="x" * 40, last_job=9)
    assert {(old.key, old.last_job) for old in keys.old} == {(first, 7), (WORD.encode(), 9)}


@pytest.mark.parametrize("credential", ["short", "two words " * 8, "w" * 513, "é" * 40])
def test_a_credential_that_is_none_is_refused_unshown(tmp_path, credential):
    with pytest.raises(StoreError, match="capability_key is damaged") as refused:
        load_capability_keys(tmp_path, credential=credential)
    assert credential not in str(refused.value)


def test_a_crash_while_it_is_made_leaves_none_or_a_whole_one(tmp_path):
    (tmp_path / ".capability-key-x1y2z3").write_bytes(b"half")
    assert len(load_capability_keys(tmp_path).current) == 32


@pytest.mark.parametrize("name", ["capability-key", "capability-key.old", "capability-key.until-7"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602])
def test_one_that_others_may_open_is_refused_with_the_remedy(tmp_path, name, mode):
    make_private_file(tmp_path / name, b"k" * 32)
    (tmp_path / name).chmod(mode)
    with pytest.raises(StoreError, match=f"{name} may be opened by others .*chmod 600"):
        load_capability_keys(tmp_path)
    assert (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["capability-key", "capability-key.old"])
def test_a_damaged_key_is_an_error_that_says_what_to_do(tmp_path, name):
    make_private_file(tmp_path / name, b"short")
    with pytest.raises(StoreError, match="delete it"):
        load_capability_keys(tmp_path)


def test_a_key_that_cannot_be_read_is_an_error_that_says_why(tmp_path):
    (tmp_path / "capability-key").mkdir()
    with pytest.raises(StoreError, match="directory"):
        load_capability_keys(tmp_path)
