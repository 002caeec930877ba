"""A listener that ends finishes what has begun to come, and leaves to the next what waits in a socket that stays."""

import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.certificates import HOST, Authority
from fakes.dispatching import PATIENCE, until
from fakes.local_api import LOCAL

from kling_daemon.config import TcpAddress, UnixAddress
from kling_daemon.listening import Certificate, ConnectionLimiter, Timeouts, listening, served_at

POST = b"POST /%b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


class Echo:
    """Takes what is posted to `/short`, and says it back at once."""

    def takes(self, message):
        return message.path == "/short"

    def take(self, _message, body, tell, *_peer):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        asyncio.get_running_loop().call_soon(tell, answer)


async def say_back(request):
    return web.Response(body=await request.read())


def application():
    made = web.Application()
    made.router.add_post("/{any}", say_back)
    return made


class Listener:
    """One that ends when it is told."""

    def __init__(self):
        self.end = asyncio.Event()
        self.limiter = ConnectionLimiter(Timeouts())
        self.address = None

    async def run(self, **given):
        given = {"stop_timeout": timedelta(seconds=PATIENCE), **given}
        async with listening(application(), LOCAL, shortcut=Echo(), limiter=self.limiter, **given) as self.address:
            await self.end.wait()


@asynccontextmanager
async def running(**given):
    listener = Listener()
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listener.run(**given), name="listener")
        await until(lambda: listener.address is not None)
        yield listener, task
        listener.end.set()


@pytest.mark.parametrize("path", [b"short", b"long"])
async def test_a_body_that_has_begun_to_come_is_waited_for_and_answered_for_the_last_time(path):
    async with running() as (listener, task):
        reader, writer = await asyncio.open_connection(listener.address.host, listener.address.port)
        writer.write(POST % path + b"bo")
        await until(lambda: listener.limiter.is_waited_for)
        listener.end.set()
        await until(lambda: listener.limiter.is_leaving)
        for _ in range(20):  # more turns than a listener takes to end that waits for nobody
            await asyncio.sleep(0)
        assert not task.done()
        writer.write(b"dy")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.count(b"Connection: close\r\n") == 1
        assert answer.endswith(b"\r\n\r\nbody")
        await task


async def test_a_body_that_never_comes_is_waited_for_no_longer_than_the_stop_may_take():
    async with running(stop_timeout=timedelta(milliseconds=50)) as (listener, task):
        reader, writer = await asyncio.open_connection(listener.address.host, listener.address.port)
        writer.write(POST % b"short" + b"bo")
        await until(lambda: listener.limiter.is_waited_for)
        listener.end.set()
        await task
        assert await reader.read() == b""
        writer.close()


async def test_requests_that_came_together_are_all_answered_and_the_last_answer_says_so():
    async with running() as (listener, task):
        reader, writer = await asyncio.open_connection(listener.address.host, listener.address.port)
        writer.write(POST % b"short" + b"bo")
        await until(lambda: listener.limiter.is_waited_for)
        listener.end.set()
        await until(lambda: listener.limiter.is_leaving)
        writer.write(b"dy" + (POST % b"short" + b"more") * 3)
        answers = await reader.read()
        writer.close()
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == 4
        assert answers.rpartition(b"HTTP/1.1 200 OK\r\n")[2].startswith(b"Connection: close\r\n")
        assert answers.count(b"Connection: close") == 1
        await task


async def test_who_connects_when_nobody_accepts_any_more_is_answered_by_the_next():
    with socket.create_server(("127.0.0.1", 0)) as held:
        where = held.getsockname()
        async with running(passed=[held.dup()]) as (listener, task):
            assert listener.address == TcpAddress(host=where[0], port=where[1])
            listener.end.set()
            await task
        reader, writer = await asyncio.open_connection(*where)
        writer.write(POST % b"short" + b"body")
        async with running(passed=[held.dup()]):
            assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200 OK\r\n")
            writer.close()


async def test_a_passed_socket_can_speak_tls(tmp_path):
    authority = Authority(tmp_path)
    pair = authority.issue()
    with socket.create_server((HOST, 0)) as held:
        async with running(passed=[held.dup()], tls=Certificate(pair.chain, pair.key).context):
            reader, writer = await asyncio.open_connection(*held.getsockname(), ssl=authority.trusting())
            writer.write(POST % b"long" + b"body")
            assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200 OK\r\n")
            writer.close()


async def test_several_sockets_of_one_name_are_all_served(tmp_path):
    path = tmp_path / "socket"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(path))
        unix.listen()
        assert served_at(LOCAL, [unix, tcp]) == UnixAddress(path=path)
        async with running(passed=[unix.dup(), tcp.dup()]) as (listener, _):
            assert listener.address == UnixAddress(path=path)
            for connection in (asyncio.open_unix_connection(path), asyncio.open_connection(*tcp.getsockname())):
                reader, writer = await connection
                writer.write(POST % b"long" + b"body")
                assert (await reader.readuntil(b"body")).startswith(b"HTTP/1.1 200 OK\r\n")
                writer.close()
    assert path.is_socket()  # it belongs to whoever passed it
