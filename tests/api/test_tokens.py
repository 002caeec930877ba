import asyncio
import re
from datetime import timedelta

import pytest
from fakes.local_api import TOKEN, daemon_and_api, local_api
from fakes.troubled_database import full_disk, slow_commits

from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError, Target
from kling_daemon.scopes import Scope
from kling_daemon.testing.clock import START, ManualClock


def bearing(api, token):
    return Daemon(Target(url=api.target.url, token=token, token_from="the test"))


async def test_a_token_that_was_made_opens_the_api_until_it_is_revoked(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        made = await admin.make_token("grafana")
        assert (made.name, made.scope, made.used_on) == ("grafana", Scope.READ, None)
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", made.token)
        async with bearing(api, made.token) as reader:
            assert (await reader.jobs()).items == []
            revoked = await admin.revoke_token("grafana")
            assert (revoked.name, revoked.scope) == ("grafana", Scope.READ)
            with pytest.raises(DaemonError) as refused:
                await reader.jobs()
        assert refused.value.status == 401


async def test_a_token_that_may_read_sees_everything_and_changes_nothing(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        job = await api.make_job()
        async with bearing(api, (await admin.make_token("reader")).token) as reader:
            for ask in (
                reader.jobs(), reader.job(job.id), reader.timeline(job.id), reader.deliveries(), reader.handlers(),
                reader.plugins(), reader.stats(), reader.tokens(), reader.poll(job.id, timedelta()),
            ):  # fmt: skip
                await ask
            for change in (
                reader.submit("/text-to-video/kling-3.0", {"prompt": "a"}), reader.retry_delivery(1),
                reader.drop_delivery(1), reader.forget_handler("forgotten"), reader.make_token("mine", Scope.ADMIN),
                reader.revoke_token("reader"),
            ):  # fmt: skip
                with pytest.raises(DaemonError, match="the token 'reader' may see everything") as refused:
                    await change
                assert refused.value.status == 403
        assert len((await admin.jobs()).items) == 1
        assert [token.name for token in (await admin.tokens()).items] == ["api-token", "reader"]


async def test_another_admin_may_do_what_the_first_may(tmp_path):
    async with daemon_and_api(tmp_path) as (first, api):
        made = await first.make_token("second", Scope.ADMIN)
        async with bearing(api, made.token) as second:
            await second.make_token("third")
            assert [token.name for token in (await second.tokens()).items] == ["api-token", "second", "third"]
            await second.revoke_token("second")  # its own: the answer still comes
            with pytest.raises(DaemonError):
                await second.tokens()


async def test_tokens_outlive_the_daemon_and_the_first_one_can_be_exchanged(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, _):
        made = await admin.make_token("grafana")
    exchanged = "x" * 32
    async with local_api(tmp_path, first_token=exchanged) as api:
        async with bearing(api, made.token) as reader:
            assert (await reader.jobs()).items == []
        async with bearing(api, exchanged) as admin:
            assert len((await admin.tokens()).items) == 2
        async with bearing(api, TOKEN) as earlier:
            with pytest.raises(DaemonError):
                await earlier.tokens()


async def test_the_last_day_of_use_is_shown_and_kept(tmp_path):
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (admin, api):
        made = await admin.make_token("reader")
        async with bearing(api, made.token) as reader:
            await reader.jobs()
            clock.advance(timedelta(days=1))
            await admin.tokens()
    async with daemon_and_api(tmp_path, clock=clock) as (admin, _):
        first, reader = (await admin.tokens()).items
        assert (first.used_on, reader.used_on) == (START.date() + timedelta(days=1), START.date())


async def test_a_revoked_token_ends_what_is_being_read_with_it_and_nothing_else(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        job = await api.make_job()
        made = await admin.make_token("reader")
        async with asyncio.TaskGroup() as tasks, bearing(api, made.token) as reader:
            theirs = tasks.create_task(_broken_off(reader, job.id), name="theirs")
            ours = tasks.create_task(admin.poll(job.id, timedelta(minutes=1)), name="ours")
            await until(lambda: len(api.tokens._readings) == 2)
            await admin.revoke_token("reader")
            assert await theirs
            assert not ours.done()
            ours.cancel()


async def test_a_stream_of_events_ends_with_its_token(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        made = await admin.make_token("reader")
        async with asyncio.TaskGroup() as tasks, bearing(api, made.token) as reader:
            listening = tasks.create_task(_refused(reader), name="listening")
            await until(lambda: api.tail.listeners == 1)
            await admin.revoke_token("reader")
            assert await listening == 401


async def test_another_first_token_ends_the_old_one_and_what_is_read_with_it(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        async with asyncio.TaskGroup() as tasks, bearing(api, TOKEN) as reader:
            listening = tasks.create_task(_refused(reader), name="listening")
            await until(lambda: api.tail.listeners == 1)
            api.tokens.exchange_first(TOKEN)
            assert (await admin.jobs()).items == []
            assert not listening.done()
            api.tokens.exchange_first(TOKEN[::-1])
            assert await listening == 401
        with pytest.raises(DaemonError):
            await admin.jobs()
        async with bearing(api, TOKEN[::-1]) as again:
            assert [token.used_on for token in (await again.tokens()).items] != [None]


async def _refused(reader):
    try:
        async for _ in reader.events():
            pytest.fail("nothing has happened")
    except DaemonError as error:
        return error.status


async def until(is_so):
    while not is_so():  # noqa: ASYNC110 - nobody tells of it but the fact
        await asyncio.sleep(0)


async def _broken_off(reader, job_id):
    # The client may ask once more where its connection ends without an answer, and is refused then.
    with pytest.raises((DaemonUnreachableError, DaemonError)):
        await reader.poll(job_id, timedelta(minutes=1))
    return True


async def test_what_makes_no_sense_is_refused(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, _):
        await admin.make_token("taken")
        for name in ("taken", "api-token"):
            with pytest.raises(DaemonError, match="is a token named") as refused:
                await admin.make_token(name)
            assert refused.value.status == 409
        for name in ("", "a b", "-a", "a" * 65, "ä", "a\n"):
            with pytest.raises(DaemonError, match="name") as refused:
                await admin.make_token(name)
            assert refused.value.status == 400
        with pytest.raises(DaemonError, match="no token has this name"):
            await admin.revoke_token("nobody")
        with pytest.raises(DaemonError, match="exchange it there") as refused:
            await admin.revoke_token("api-token")
        assert refused.value.status == 409


async def test_a_database_that_cannot_be_written_lets_in_who_may_come_and_revokes_nobody(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        made = await admin.make_token("reader")
        with full_disk(tmp_path):
            async with bearing(api, made.token) as reader:
                assert (await reader.jobs()).items == []
                with pytest.raises(DaemonError) as refused:
                    await admin.revoke_token("reader")
                assert refused.value.status == 503
                assert (await reader.jobs()).items == []


async def test_a_commit_that_hangs_keeps_nobody_out(tmp_path):
    async with daemon_and_api(tmp_path) as (admin, api):
        made = await admin.make_token("reader")
        with slow_commits(api.store) as commits:
            commits.hold()
            async with bearing(api, made.token) as reader:
                assert (await reader.jobs()).items == []
            commits.let_go()
