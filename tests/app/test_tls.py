"""A daemon whose listeners speak TLS does everything that one does without it, and goes on while they are renewed."""

import asyncio

import pytest
from fakes.certificates import Authority
from fakes.dispatching import PATIENCE, Witness, configured
from fakes.running_daemon import running_daemon, trusting
from recorded.kling_bodies import raw

from kling_daemon.listening import CertificateError

BODY = raw("new_callback_succeeded_video")


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


async def test_callbacks_and_the_api_over_tls(tmp_path, authority):
    receiver, api = authority.issue("receiver"), authority.issue("api", rsa_key=True)
    witness = Witness()
    async with running_daemon(
        tmp_path,
        handlers=[configured("w", witness.open)],
        trusting=authority.trusting(),
        receiver=receiver.settings,
        api=api.settings,
        trust=trusting(),
    ) as daemon:
        assert daemon.receiver.startswith("https://")
        for number in range(3):
            answer = await daemon.post_signed(BODY, webhook_id=f"msg_{number}")
            assert (answer.status, answer.body) == (200, b'{"received": true}')
        await daemon.until_delivered("w", 2)
        async with daemon.api.get("/metrics") as metrics:
            text = await metrics.text()
        for listener in ("receiver", "api"):
            assert f'kling_daemon_certificate_expiry_timestamp_seconds{{listener="{listener}"}}' in text
    assert [item.type for item in witness.seen] == ["job.status_changed", "job.completed"]


async def test_a_pair_that_breaks_between_check_and_start_is_a_clear_error(tmp_path, authority):
    pair = authority.issue()
    pair.key.unlink()
    with pytest.raises(ExceptionGroup) as told:
        async with asyncio.timeout(PATIENCE), running_daemon(tmp_path, receiver=pair.settings):
            pass
    assert told.group_contains(CertificateError, match="No such file or directory")
