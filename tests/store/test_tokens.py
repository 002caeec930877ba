from contextlib import closing
from datetime import date
from sqlite3 import connect

import pytest
from fakes.stored_news import news, opened

from kling_daemon.scopes import Scope
from kling_daemon.store import DATABASE, KnownToken
from kling_daemon.store.migrate import migrations
from kling_daemon.testing.clock import START

TOKENS = next(number for number, script in migrations() if "CREATE TABLE tokens" in script)


def token(name="ops", scope=Scope.READ, digest=b"d" * 32, **more):
    return KnownToken(name=name, scope=scope, digest=digest, made_at=START, **more)


@pytest.fixture
async def store(tmp_path):
    async with opened(tmp_path) as store:
        yield store


async def test_tokens_are_kept_over_restarts_until_they_are_revoked(tmp_path):
    async with opened(tmp_path) as store:
        assert await store.make_token(token())
        await store.use_token(token(), date(2026, 11, 22))
    async with opened(tmp_path) as store:
        assert await store.read.tokens() == [token(used_on=date(2026, 11, 22))]
        assert await store.revoke_token("ops")
        assert not await store.revoke_token("ops")
    async with opened(tmp_path) as store:
        assert await store.read.tokens() == []


async def test_a_name_is_given_once_and_so_is_a_token(store):
    assert await store.make_token(token())
    assert not await store.make_token(token(digest=b"e" * 32))
    assert not await store.make_token(token(name="other"))
    assert await store.read.tokens() == [token()]


async def test_the_token_that_is_kept_takes_the_place_of_others_of_its_name_and_of_itself(store):
    await store.make_token(token(name="first", digest=b"1" * 32))
    await store.make_token(token(name="copy", digest=b"2" * 32))
    first = token(name="first", digest=b"2" * 32, scope=Scope.ADMIN)
    assert await store.keep_token(first)
    assert not await store.keep_token(first)
    assert await store.read.tokens() == [first]


async def test_keeping_the_same_token_does_not_forget_when_it_was_used(store):
    await store.keep_token(token())
    await store.use_token(token(), date(2026, 11, 22))
    await store.keep_token(token())
    assert await store.read.tokens() == [token(used_on=date(2026, 11, 22))]


async def test_using_a_token_that_was_revoked_brings_it_not_back(store):
    await store.use_token(token(), date(2026, 11, 22))
    assert await store.read.tokens() == []


async def test_a_database_without_tokens_comes_up_to_date(tmp_path):
    async with opened(tmp_path, migrations=migrations()[: TOKENS - 1]) as store:
        await store.record(news())
    async with opened(tmp_path) as store:
        assert await store.read.tokens() == []
        assert await store.make_token(token())
        assert len(await store.read.jobs(limit=2)) == 1


async def test_nothing_of_the_token_itself_is_kept(tmp_path):
    async with opened(tmp_path) as store:
        await store.make_token(token())
    with closing(connect(tmp_path / DATABASE)) as db:
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(tokens)")]
    assert columns == ["name", "scope", "digest", "made_at", "used_on"]
    assert "dddd" not in repr(token())
