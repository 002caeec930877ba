"""New certificates are taken when their files change; what is no good, or ends, is told of until it is mended."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from fakes.certificates import Authority
from fakes.stored_news import opened

from kling_daemon.app.certificate_watch import CertificateWatch
from kling_daemon.bus import Bus
from kling_daemon.config import ConfigError, Settings
from kling_daemon.events import NoticeKind
from kling_daemon.listening import Certificate
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import NoticeBoard

DAY = timedelta(days=1)
ANY_SETTINGS = Settings.model_validate({"store": {"directory": "/"}})


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


class Watched:
    def __init__(self, store, clock, **certificates):
        self.store = store
        self.clock = clock
        self.measured = {}
        board = NoticeBoard(store, Bus(), clock)
        self.watch = CertificateWatch(certificates, board, clock, measure=self.measured.__setitem__)

    async def told(self):
        """Look, and return what stands on the board."""
        await self.watch.look()
        notices = await self.store.read.open_notices()
        assert {notice.kind for notice in notices} <= {NoticeKind.TLS_CERTIFICATE}
        return {notice.subject: notice.message for notice in notices}


@asynccontextmanager
async def watched(directory, pair):
    clock = ManualClock(datetime.now(UTC))
    async with opened(directory / "state", clock=clock) as store:
        yield Watched(store, clock, receiver=Certificate(pair.chain, pair.key))


async def test_a_renewal_is_taken_at_the_next_look_and_measured(tmp_path, authority):
    pair, new = authority.issue("one", ends_in=60 * DAY), authority.issue("two", ends_in=90 * DAY)
    async with watched(tmp_path, pair) as watched_one:
        before = watched_one.measured["receiver"]
        assert await watched_one.told() == {}
        assert watched_one.measured == {"receiver": before}
        pair.replace_by(new)
        assert await watched_one.told() == {}
        assert timedelta(days=29) < watched_one.measured["receiver"] - before < timedelta(days=31)


async def test_half_a_renewal_is_told_of_until_it_is_whole(tmp_path, authority):
    pair, new = authority.issue("one"), authority.issue("two")
    async with watched(tmp_path, pair) as watched_one:
        pair.chain.write_bytes(new.chain.read_bytes())
        told = {
            "receiver": f"receiver: {pair.key} is not the key of the certificate in {pair.chain}. "
            "The certificate before it is in use."
        }
        assert await watched_one.told() == told
        assert await watched_one.told() == told
        pair.key.unlink()
        assert "No such file" in (await watched_one.told())["receiver"]
        pair.key.write_bytes(new.key.read_bytes())
        assert "may be opened by others" in (await watched_one.told())["receiver"]
        pair.key.chmod(0o600)
        assert await watched_one.told() == {}


async def test_a_certificate_that_nobody_renews_is_told_of_in_time_and_again_when_it_has_ended(tmp_path, authority):
    pair = authority.issue("one", ends_in=60 * DAY)
    async with watched(tmp_path, pair) as watched_one:
        watched_one.clock.advance(45 * DAY)
        assert await watched_one.told() == {}
        watched_one.clock.advance(2 * DAY)
        assert f"the certificate in {pair.chain} ends on " in (await watched_one.told())["receiver"]
        watched_one.clock.advance(14 * DAY)
        assert " has ended on " in (await watched_one.told())["receiver"]
        pair.replace_by(authority.issue("two", ends_in=300 * DAY))
        assert await watched_one.told() == {}


async def test_a_certificate_that_is_not_valid_yet_is_told_of_until_it_is(tmp_path, authority):
    async with watched(tmp_path, authority.issue("one", ends_in=60 * DAY)) as watched_one:
        watched_one.clock.set(watched_one.clock.now() - 31 * DAY)
        assert " begins on " in (await watched_one.told())["receiver"]
        watched_one.clock.advance(2 * DAY)
        assert await watched_one.told() == {}


async def test_of_a_certificate_that_lives_for_days_the_last_quarter_is_told(tmp_path, authority):
    pair = authority.issue("one", ends_in=6 * DAY)  # 36 days in all
    async with watched(tmp_path, pair) as watched_one:
        assert " ends on " in (await watched_one.told())["receiver"]
    pair = authority.issue("two", ends_in=20 * DAY)
    async with watched(tmp_path, pair) as watched_one:
        assert await watched_one.told() == {}, "what an earlier run has told goes, once it is over"


async def test_a_restart_leaves_what_is_still_true_as_it_is(tmp_path, authority):
    pair = authority.issue("one", ends_in=DAY)
    async with watched(tmp_path, pair) as watched_one:
        before = await watched_one.told()
    async with watched(tmp_path, pair) as watched_one:
        raised_at = [notice.raised_at for notice in await watched_one.store.read.open_notices()]
        assert await watched_one.told() == before != {}
        assert [notice.raised_at for notice in await watched_one.store.read.open_notices()] == raised_at


async def test_a_reload_takes_what_the_files_hold_and_is_refused_for_what_is_no_good(tmp_path, authority):
    pair, new = authority.issue("one", ends_in=60 * DAY), authority.issue("two", ends_in=90 * DAY)
    async with watched(tmp_path, pair) as watched_one:
        before = watched_one.measured["receiver"]
        pair.replace_by(new)
        use = watched_one.watch.prepare(ANY_SETTINGS)
        assert watched_one.measured["receiver"] == before
        assert use() == ["receiver.tls_cert"]
        assert watched_one.watch.prepare(ANY_SETTINGS)() == []
        assert watched_one.measured["receiver"] > before
        pair.chain.write_bytes(b"")
        with pytest.raises(ConfigError, match=r"receiver\.tls_cert: .* holds no whole certificate in PEM"):
            watched_one.watch.prepare(ANY_SETTINGS)
