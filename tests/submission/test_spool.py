"""Bodies lie on disk, readable by their owner alone, for as long as something refers to them."""

import hashlib
import stat

import pytest

from kling_daemon.submission import Spool

BODY = b'{"prompt": "a lighthouse"}'
DIGEST = hashlib.sha256(BODY).hexdigest()


def using(*digests):
    async def in_use():
        return frozenset(digests)

    return in_use


async def keep(spool, body=BODY):
    async with spool.arriving(body) as digest:
        return digest


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool")


async def test_a_body_is_kept_under_its_digest_for_its_owner_alone(spool, tmp_path):
    assert await keep(spool) == DIGEST
    assert await spool.get(DIGEST) == BODY
    path = tmp_path / "spool" / DIGEST
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_the_same_body_again_is_one_file(spool, tmp_path):
    await keep(spool)
    async with spool.arriving(BODY), spool.arriving(BODY):
        pass
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [DIGEST]


async def test_a_sweep_takes_what_nothing_refers_to(spool, tmp_path):
    await keep(spool)
    other = await keep(spool, b"other")
    await spool.sweep(using(other))
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [other]
    with pytest.raises(FileNotFoundError):
        await spool.get(DIGEST)


async def test_a_sweep_takes_what_a_crash_left_half_written(spool, tmp_path):
    await keep(spool)
    (tmp_path / "spool" / f"{DIGEST}.abc.new").write_bytes(b"{")
    await spool.sweep(using(DIGEST))
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [DIGEST]


async def test_a_sweep_of_nothing_is_no_mistake(spool):
    await spool.sweep(using())


async def test_a_body_that_arrives_is_spared(spool):
    async with spool.arriving(BODY):
        await spool.sweep(using())
        assert await spool.get(DIGEST) == BODY


async def test_a_body_that_arrived_and_was_referred_to_during_a_sweep_is_spared(spool):
    await keep(spool)

    async def in_use():
        # What is asked for was read before this, so the reference is not in it.
        await keep(spool)
        return frozenset()

    await spool.sweep(in_use)
    assert await spool.get(DIGEST) == BODY


async def test_a_body_that_cannot_be_written_leaves_nothing_behind(spool, tmp_path):
    (tmp_path / "spool").write_text("a file where the directory should be")
    with pytest.raises(OSError, match="spool"):
        await keep(spool)
