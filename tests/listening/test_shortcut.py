"""A connection with a shortcut must look to its client like any other."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

from aiohttp import web
from fakes.dispatching import PATIENCE, until
from fakes.local_api import LOCAL

from kling_daemon.listening import LONGEST_BODY, listening

SHORT = b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
LONG = b"POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"


def answer(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Echo:
    """Takes what is posted to `/short`, and says it back once the gate is open."""

    def __init__(self, tasks):
        self.gate = asyncio.Event()
        self.gate.set()
        self.bodies = []
        self._tasks = tasks

    def takes(self, message):
        return message.path == "/short"

    def take(self, _message, body, tell, _peer):
        self.bodies.append(body)
        self._tasks.create_task(self._say_back(body, tell))

    async def _say_back(self, body, tell):
        await self.gate.wait()
        tell(answer(b"short:" + body))


async def say_back(request):
    return web.Response(body=b"long:" + await request.read())


@asynccontextmanager
async def served(**settings):
    application = web.Application()
    application.router.add_post("/{any}", say_back)
    async with asyncio.TaskGroup() as tasks:
        echo = Echo(tasks)
        async with listening(application, LOCAL, shortcut=echo, **settings) as address, asyncio.timeout(PATIENCE):
            yield echo, address
        echo.gate.set()


@asynccontextmanager
async def connected(address):
    reader, writer = await asyncio.open_connection(address.host, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def bodies(reader, count):
    """Read so many answers and return their bodies."""
    found = []
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(await reader.readexactly(length))
    return found


async def test_requests_of_both_kinds_that_come_at_once_are_answered_in_their_order():
    requests = b"".join((SHORT % (1, b"a"), SHORT % (1, b"b"), LONG % (1, b"c"), SHORT % (1, b"d"), LONG % (1, b"e")))
    async with served() as (_, address), connected(address) as (reader, writer):
        for _ in range(10):
            writer.write(requests)
        answers = await bodies(reader, 50)
        assert b"".join(answer[-1:] for answer in answers) == 10 * b"abcde"
        assert answers[:3] == [b"short:a", b"short:b", b"long:c"]


async def test_many_requests_without_waiting_for_answers_are_all_answered():
    async with served() as (_, address), connected(address) as (reader, writer):
        writer.writelines(SHORT % (3, b"%03d" % number) for number in range(500))
        assert await bodies(reader, 500) == [b"short:%03d" % number for number in range(500)]


async def test_a_request_that_comes_in_pieces_is_one_request():
    async with served() as (echo, address), connected(address) as (reader, writer):
        for byte in SHORT % (5, b"piece"):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert await bodies(reader, 1) == [b"short:piece"]
    assert echo.bodies == [b"piece"]


async def test_a_large_body_comes_whole():
    large = b"x" * LONGEST_BODY
    async with served() as (_, address), connected(address) as (reader, writer):
        for _ in range(3):
            writer.write(SHORT % (len(large), large))
        assert await bodies(reader, 3) == 3 * [b"short:" + large]


async def test_a_client_that_does_not_read_yet_gets_every_answer_in_the_end():
    large = b"x" * LONGEST_BODY
    async with served() as (echo, address), connected(address) as (reader, writer):
        writer.writelines(SHORT % (len(large), large) for _ in range(500))
        await until(lambda: len(echo.bodies) > 1)
        for _ in range(500):
            assert await bodies(reader, 1) == [b"short:" + large]


async def test_who_hangs_up_within_a_body_is_given_up():
    async with served() as (echo, address):
        async with connected(address) as (_, writer):
            writer.write(SHORT % (10, b"half"))
            await writer.drain()
        await until(lambda: connections() == [])
    assert echo.bodies == []


async def test_an_answer_that_nobody_waits_for_any_more_harms_nobody():
    async with served() as (echo, address):
        echo.gate.clear()
        async with connected(address) as (_, writer):
            writer.write(SHORT % (1, b"a"))
            await until(lambda: echo.bodies == [b"a"])
        echo.gate.set()
        async with connected(address) as (reader, writer):
            writer.write(SHORT % (1, b"b"))
            assert await bodies(reader, 1) == [b"short:b"]


async def test_a_stop_waits_for_the_answer_under_way():
    async with asyncio.TaskGroup() as tasks:
        async with served(stop_timeout=timedelta(seconds=PATIENCE)) as (echo, address):
            echo.gate.clear()
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(SHORT % (1, b"a"))
            await until(lambda: echo.bodies == [b"a"])
            tasks.create_task(open_soon(echo.gate))
        assert await reader.read() == answer(b"short:a").replace(b" OK\r\n", b" OK\r\nConnection: close\r\n")
        writer.close()


async def test_a_stop_waits_no_longer_than_it_may():
    async with served(stop_timeout=timedelta(milliseconds=20)) as (echo, address):
        echo.gate.clear()
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(SHORT % (1, b"a"))
        await until(lambda: echo.bodies == [b"a"])
    assert await reader.read() == b""
    writer.close()


async def test_what_is_no_http_is_refused_after_short_requests_too():
    async with served() as (_, address), connected(address) as (reader, writer):
        writer.write(SHORT % (1, b"a"))
        assert await bodies(reader, 1) == [b"short:a"]
        writer.write(b"what is this\r\n\r\n")
        refusal = await reader.read()
        assert b" 400 Bad Request\r\n" in refusal
        assert b"what is this" not in refusal


async def open_soon(gate):
    await asyncio.sleep(0.05)
    gate.set()


def connections():
    """Return the tasks of the connections that are open."""
    return [task for task in asyncio.all_tasks() if "Connection.start" in repr(task.get_coro())]
