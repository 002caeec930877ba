"""A port that speaks TLS: what comes over it is as without, and who does not speak it leaves no trace."""

import asyncio
import gc
import logging
import os
import random
import socket
import ssl
import struct
import tracemalloc
from asyncio import sslproto
from collections import Counter
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.certificates import HOST, Authority
from fakes.dispatching import PATIENCE, until
from fakes.local_api import LOCAL

from kling_daemon.listening import LONGEST_BODY, Certificate, ConnectionLimiter, Timeouts, listening

CONNECTIONS = 10
POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
OPENING = bytes.fromhex("16030100")
"""How the first record of TLS begins."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def certificate(authority):
    pair = authority.issue()
    return Certificate(pair.chain, pair.key)


class Echo:
    """Takes what is posted to `/short`, and says it back at once."""

    def __init__(self):
        self.taken = 0

    def takes(self, message):
        return message.path == "/short"

    def take(self, _message, body, tell, _peer):
        self.taken += 1
        asyncio.get_running_loop().call_soon(tell, answer(b"short:" + body))


def answer(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def say_back(request):
    return web.Response(body=request.path[1:].encode() + b":" + await request.read())


@asynccontextmanager
async def served(certificate, echo=None, **settings):
    application = web.Application()
    application.router.add_post("/{any}", say_back)
    async with asyncio.timeout(PATIENCE):
        serving = listening(application, LOCAL, shortcut=echo or Echo(), tls=certificate.context, **settings)
        async with serving as address:
            yield address


async def bodies(reader, count):
    found = []
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(await reader.readexactly(length))
    return found


async def test_the_shortcut_and_the_long_way_answer_in_their_order_over_tls(authority, certificate):
    large, echo = os.urandom(LONGEST_BODY), Echo()
    async with served(certificate, echo) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
        for number in range(50):
            kind = b"short" if number % 3 else b"long"
            writer.write(POST % (kind, 3, b"%03d" % number))
        expected = [(b"short" if number % 3 else b"long") + b":%03d" % number for number in range(50)]
        assert await bodies(reader, 50) == expected
        # The first requests may come with the end of the handshake, before aiohttp's own task waits for any.
        taken = echo.taken
        for byte in POST % (b"short", 5, b"piece"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert await bodies(reader, 1) == [b"short:piece"]
        for _ in range(10):
            writer.write(POST % (b"short", len(large), large))
        assert await bodies(reader, 10) == 10 * [b"short:" + large]
        assert echo.taken == taken + 11
        writer.close()


def strange_openings():
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when it fails
    draw = random.Random(seed)  # noqa: S311 - no secret
    yield b"GET /webhooks/kling HTTP/1.1\r\nHost: x\r\n\r\n"
    yield POST % (b"short", 2, b"{}")
    yield b"\x00" * 4096
    yield b"SSH-2.0-OpenSSH_9.2\r\n"
    yield OPENING + b"\x05hello"
    yield OPENING
    yield b""
    for _ in range(40):
        yield OPENING[: draw.randrange(5)] + draw.randbytes(draw.randrange(1, 600))


async def heard_after(opening, address):
    """Say something, and return what is said until the connection ends."""
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(opening)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_who_speaks_no_tls_is_hung_up_on_and_writes_no_line_of_the_log(authority, certificate, caplog, capsys):
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
    with caplog.at_level(logging.DEBUG):
        async with served(certificate, limiter=ConnectionLimiter(Timeouts(head=timedelta(seconds=3)))) as address:
            async with asyncio.TaskGroup() as tasks:
                heard = [tasks.create_task(heard_after(opening, address)) for opening in strange_openings()]
            for each in heard:
                alert = await each
                assert alert == b"" or (alert[0] == 0x15 and len(alert) <= 14), "an alert of TLS, and nothing else"
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(address.host, address.port, ssl=ssl.create_default_context())
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
            writer.write(POST % (b"short", 1, b"x"))
            assert await bodies(reader, 1) == [b"short:x"]
            writer.transport.abort()
    assert unhandled == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "Traceback" not in capsys.readouterr().err


async def test_many_who_never_agree_on_tls_keep_nobody_waiting_and_are_hung_up_on(authority, certificate):
    async with served(certificate, limiter=ConnectionLimiter(Timeouts(head=timedelta(seconds=3)))) as address:
        silent = [await asyncio.open_connection(address.host, address.port) for _ in range(200)]
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
        writer.write(POST % (b"short", 1, b"x"))
        assert await bodies(reader, 1) == [b"short:x"]
        writer.close()
        for waiting, _ in silent:
            assert await waiting.read() == b""
        for _, idle in silent:
            idle.close()


async def test_when_there_is_no_room_who_has_not_agreed_for_longest_makes_it(authority, certificate):
    sent_away = Counter()
    limiter = ConnectionLimiter(Timeouts(), most=10, on_sent_away=lambda why: sent_away.update([why]))
    async with served(certificate, limiter=limiter) as address:
        silent = [await asyncio.open_connection(address.host, address.port) for _ in range(30)]
        for number in range(3):
            reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
            writer.write(POST % (b"short", 1, b"%d" % number))
            assert await bodies(reader, 1) == [b"short:%d" % number]
            assert len(limiter) <= 10
            writer.close()
        assert set(sent_away) == {"full"}
        for waiting, _ in silent[:20]:
            assert await waiting.read() == b""
        for _, idle in silent:
            idle.close()


@pytest.fixture
def held():
    """Return what tells how many bytes the TLS of all connections holds, of which no garbage is collected meanwhile."""

    def count():
        found = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, sslproto.__file__)])
        return sum(each.size for each in found.statistics("filename"))

    gc.collect()
    gc.disable()
    tracemalloc.start()
    yield count
    tracemalloc.stop()
    gc.enable()


async def test_a_connection_takes_little_memory_while_nothing_comes(certificate, authority, held):
    trusting = authority.trusting()
    async with served(certificate) as address:
        with ExitStack() as closing:
            for _ in range(CONNECTIONS):
                plain = await asyncio.to_thread(socket.create_connection, (address.host, address.port))
                closing.enter_context(await asyncio.to_thread(trusting.wrap_socket, plain, server_hostname=HOST))
            assert 0 < held() < CONNECTIONS * 32 * 1024


async def test_one_that_does_not_speak_tls_leaves_nothing_in_memory(certificate, held):
    async with served(certificate) as address:
        for _ in range(CONNECTIONS):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with suppress(ConnectionError):
                await reader.read()
            writer.close()
        await until(lambda: held() < 16 * 1024)


def first_words(trusting):
    """Return what a client says first in TLS."""
    said, heard = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        trusting.wrap_bio(heard, said, server_hostname=HOST).do_handshake()
    return said.read()


async def test_whoever_breaks_off_wherever_leaves_nothing_behind(authority, certificate):
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: unhandled.append(context))
    limiter, hello = ConnectionLimiter(Timeouts()), first_words(authority.trusting())
    async with served(certificate, limiter=limiter) as address:
        for length in range(0, len(hello) + 1, 9):
            for reset in (True, False):
                with socket.create_connection((address.host, address.port)) as sending:
                    if reset:
                        sending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sending.sendall(hello[:length])
                    await asyncio.sleep(0)
        for _ in range(20):
            _, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
            writer.transport.abort()
        await until(lambda: len(limiter) == 0)
    assert unhandled == []


async def test_who_agreed_on_tls_and_brings_no_request_is_hung_up_on_as_without_it(authority, certificate):
    async with served(certificate, limiter=ConnectionLimiter(Timeouts(head=timedelta(milliseconds=50)))) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
        writer.write(b"POST /short HTTP/1.1\r\nX-Slow: ")
        assert await reader.read() == b""
        writer.close()


async def test_a_port_with_tls_stops_while_connections_are_open(authority, certificate):
    async with served(certificate) as address:
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=authority.trusting())
        half, half_writer = await asyncio.open_connection(address.host, address.port)
        writer.write(POST % (b"long", 1, b"x"))
        assert await bodies(reader, 1) == [b"long:x"]
    await until(reader.at_eof)
    for one in (writer, half_writer):
        one.transport.abort()
    assert half is not None


async def test_a_socket_that_was_passed_speaks_tls_and_a_unix_socket_does_not(authority, certificate, tmp_path):
    with socket.create_server((HOST, 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "s"))
        unix.listen()
        async with served(certificate, passed=[tcp, unix]) as address:
            assert address.port == tcp.getsockname()[1]
            for connecting in (
                asyncio.open_connection(address.host, address.port, ssl=authority.trusting()),
                asyncio.open_unix_connection(tmp_path / "s"),
            ):
                reader, writer = await connecting
                writer.write(POST % (b"long", 1, b"x"))
                assert await bodies(reader, 1) == [b"long:x"]
                writer.close()
