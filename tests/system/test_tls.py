"""A real daemon is given a new certificate while Kling keeps a connection open: by itself, by a verb and by SIGHUP."""

import asyncio
import signal

import pytest
from fakes.certificates import HOST, Authority
from fakes.daemon_process import Machine
from fakes.dispatching import PATIENCE
from fakes.running_daemon import JSON, PATH, signature
from recorded.kling_bodies import raw

from kling_daemon.clock import SystemClock

BODY = raw("new_callback_succeeded_video")
RECEIVED = b'{"received": true}'


class Kling:
    """A sender that keeps its connection."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connected(cls, daemon, authority):
        port = int(daemon.receiver.rpartition(":")[2])
        return cls(*await asyncio.open_connection(HOST, port, ssl=authority.trusting()))

    @property
    def shown(self):
        """The certificate that it was shown."""
        return self._writer.get_extra_info("ssl_object").getpeercert(binary_form=True)

    async def call_back(self, number):
        signed = signature(BODY, SystemClock(), webhook_id=f"msg_{number}")
        head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(BODY)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in {**JSON, **signed}.items())
        self._writer.write(head.encode() + b"\r\n" + BODY)
        assert (await self._reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert await self._reader.readexactly(len(RECEIVED)) == RECEIVED

    def hang_up(self):
        self._writer.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.mark.parametrize("by", ["itself", "verb", "signal"])
async def test_a_new_certificate_is_shown_to_new_connections_while_old_ones_go_on(tmp_path, authority, by):
    machine, pair = Machine(tmp_path / "home"), authority.issue("one")
    machine.configure()
    was = pair.der
    given = {"KLING_DAEMON_RECEIVER__TLS_CERT": str(pair.chain), "KLING_DAEMON_RECEIVER__TLS_KEY": str(pair.key)}
    async with asyncio.timeout(2 * PATIENCE), machine.daemon(**given) as daemon:
        old = await Kling.connected(daemon, authority)
        await old.call_back(1)
        pair.replace_by(authority.issue("two"))
        if by == "verb":
            told = await asyncio.to_thread(daemon.typed, "reload")
            assert (told.status, told.out) == (0, "Now in force: receiver.tls_cert.\n")
        elif by == "signal":
            daemon.process.send_signal(signal.SIGHUP)
        await daemon.until_said("certificate taken", listener="receiver")
        new = await Kling.connected(daemon, authority)
        assert (old.shown, new.shown) == (was, pair.der)
        await new.call_back(2)
        await old.call_back(3)
        for one in (old, new):
            one.hang_up()
        assert await daemon.stop() == 0
        assert "Traceback" not in daemon.text
