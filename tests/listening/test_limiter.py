"""Who dawdles is sent away in time, and whoever is being answered never is."""

import asyncio
import socket
from collections import Counter
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from itertools import cycle

import pytest
from aiohttp import web
from fakes.dispatching import PATIENCE, until
from fakes.local_api import LOCAL
from fakes.slow_clients import Dripping

from kling_daemon.listening import ConnectionLimiter, Timeouts, listening

SOON = timedelta(milliseconds=400)
LONG = timedelta(minutes=5)
STOP = timedelta(milliseconds=100)
SLACK = 3.0
"""How many seconds a busy machine may take to look at its connections."""
HEAD = b"POST /long HTTP/1.1\r\nHost: x\r\n"
REQUEST = b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"


class Shortcut:
    """Takes what is posted to `/short` and answers it when the gate is open."""

    def __init__(self, house):
        self._house = house

    def takes(self, message):
        return message.path == "/short"

    def take(self, _message, _body, tell, _peer):
        self._house.tasks.create_task(self._answer(tell))

    async def _answer(self, tell):
        await self._house.answer()
        tell(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


class House:
    """A listener with both ways of answering, and a gate that holds answers back."""

    def __init__(self, tasks):
        self.tasks = tasks
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = 0
        self.sent_away = Counter()
        self.limiter = None
        self.address = None

    async def answer(self):
        self.asked += 1
        await self.gate.wait()

    async def long(self, request):
        await request.read()
        return await self.quick(request)

    async def quick(self, _request):
        await self.answer()
        return web.Response(text="ok")

    async def large(self, _request):
        return web.Response(body=bytes(1 << 20))

    async def unread(self, _request):
        return web.Response(status=404)

    def drip(self, first, drips=None, **given):
        one = Dripping(first, drips, **given)
        self.tasks.create_task(one.run(self.address.host, self.address.port))
        return one

    async def connect(self, *sent):
        reader, writer = await asyncio.open_connection(self.address.host, self.address.port)
        writer.writelines(sent)
        return reader, writer


@asynccontextmanager
async def house(*, most=1000, head=LONG, body=LONG, idle=LONG, whole=True):
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
        here = House(tasks)
        here.limiter = ConnectionLimiter(
            Timeouts(head=head, body=body, idle=idle, whole=whole),
            most=most,
            on_sent_away=lambda why: here.sent_away.update([why]),
        )
        application = web.Application(client_max_size=1 << 30)
        application.router.add_post("/long", here.long)
        application.router.add_get("/quick", here.quick)
        application.router.add_get("/large", here.large)
        application.router.add_post("/unread", here.unread)
        async with listening(
            application, LOCAL, shortcut=Shortcut(here), limiter=here.limiter, stop_timeout=STOP
        ) as here.address:
            yield here
            here.gate.set()


BODIES = {
    "a body for the application": HEAD + b"Content-Length: 100000\r\n\r\n",
    "a body for the shortcut": HEAD.replace(b"long", b"short") + b"Content-Length: 60000\r\n\r\n",
    "a body that nobody wants": HEAD.replace(b"long", b"unread") + b"Content-Length: 100000\r\n\r\n",
    "a body behind another request": REQUEST + HEAD + b"Content-Length: 100000\r\n\r\n",
}
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "drips"),
    [
        (b"", iter(())),
        (b"", iter([b"P", b"O"])),
        (HEAD + b"X: ", None),
        (HEAD, cycle([b"A", b":", b"b", b"\r", b"\n"])),
        (REQUEST + b"POST /lo", None),
        (REQUEST, cycle([b"\r", b"\n"])),
        (REQUEST * 3, iter([b"G", b"E"])),
    ],
    ids=["nothing", "a method", "a header", "headers", "a second head", "empty lines", "a head after three requests"],
)
async def test_a_head_that_drips_is_hung_up_on_in_time(first, drips):
    async with house(head=SOON) as here:
        one = here.drip(first, drips)
        await until(lambda: one.lasted is not None)
        assert SOON.total_seconds() * 0.85 < one.lasted < SOON.total_seconds() + SLACK
        assert here.sent_away == {"slow": 1}
        assert b" 408 " not in one.got


@pytest.mark.parametrize("first", BODIES.values(), ids=BODIES)
async def test_a_body_that_drips_is_hung_up_on_in_time(first):
    async with house(body=SOON) as here:
        one = here.drip(first)
        await until(lambda: one.lasted is not None)
        assert SOON.total_seconds() * 0.85 < one.lasted < SOON.total_seconds() + SLACK
        assert here.sent_away == {"slow": 1}


async def test_chunks_that_drip_are_hung_up_on_in_time():
    async with house(body=SOON) as here:
        one = here.drip(CHUNKS, cycle([b"1\r\n", b"x", b"\r\n"]))
        await until(lambda: one.lasted is not None)
        assert SOON.total_seconds() * 0.85 < one.lasted < SOON.total_seconds() + SLACK


async def test_a_long_body_may_take_its_time_where_each_of_its_bytes_counts():
    async with house(body=SOON, whole=False) as here:
        moving = here.drip(HEAD + b"Content-Length: 100000\r\n\r\n", pause=0.02)
        reader, writer = await here.connect(HEAD + b"Content-Length: 100000\r\n\r\nx")
        assert await reader.read() == b""
        assert moving.lasted is None
        writer.close()
        moving.drips = iter(())
        await asyncio.sleep(2 * SOON.total_seconds())
        assert moving.lasted is None
        (dripper,) = [task for task in here.tasks._tasks if "Dripping" in repr(task.get_coro())]
        dripper.cancel()


async def test_an_idle_connection_lives_longer_than_one_that_drips():
    async with house(head=SOON, body=SOON, idle=4 * SOON) as here:
        kept, dripping = await here.connect(REQUEST), here.drip(REQUEST, iter([b"GE"]))
        await until(lambda: here.asked == 2)
        await until(lambda: dripping.lasted is not None)
        kept[1].write(REQUEST)
        await until(lambda: here.asked == 3)
        assert (await kept[0].read()).count(b"200 OK") == 2
        assert here.sent_away == {"slow": 2}
        kept[1].close()


@pytest.mark.parametrize("path", [b"/short", b"/long"])
async def test_an_answer_may_take_longer_than_anything_else(path):
    async with house(head=SOON, body=SOON, idle=SOON) as here:
        here.gate.clear()
        reader, writer = await here.connect(b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" % path)
        await until(lambda: here.asked == 1)
        silent, silent_writer = await here.connect()
        assert await silent.read() == b""
        here.gate.set()
        assert (await reader.read()).endswith(b"ok")
        assert here.sent_away == {"slow": 2}
        for one in (writer, silent_writer):
            one.close()


async def test_whoever_does_not_take_his_answers_is_hung_up_on():
    async with house(body=SOON) as here:
        with socket.socket() as greedy:
            greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            greedy.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(greedy, (here.address.host, here.address.port))
            with suppress(ConnectionError):
                while True:
                    await loop.sock_sendall(greedy, 100 * REQUEST.replace(b"quick", b"large"))
        assert here.sent_away == {"slow": 1}
        await until(lambda: len(here.limiter) == 0)


@pytest.mark.parametrize(
    "first", [b"", HEAD, HEAD + b"Content-Length: 100000\r\n\r\n", *BODIES.values()], ids=range(3 + len(BODIES))
)
async def test_in_a_full_house_the_oldest_incomplete_one_makes_room(first):
    async with house(most=20) as here:
        drips = None if first else iter(())
        dripping = [here.drip(first, drips, pause=0.005) for _ in range(19)]
        await until(lambda: len(here.limiter) == 19)
        kept = await here.connect(REQUEST)
        await until(lambda: here.asked >= 1 and len(here.limiter) == 20)
        dripping += [here.drip(first, drips, pause=0.005) for _ in range(100)]
        await until(lambda: sum(one.lasted is not None for one in dripping) >= 99)
        for _ in range(10):
            reader, writer = await here.connect(REQUEST)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        kept[1].write(REQUEST)
        assert (await kept[0].readuntil(b"ok")).count(b"200 OK") == 1
        assert (await kept[0].readuntil(b"ok")).count(b"200 OK") == 1
        kept[1].close()
        assert len(here.limiter) <= 20
        assert set(here.sent_away) == {"full"}


async def test_five_hundred_that_drip_keep_nobody_waiting_and_are_closed_in_their_time():
    head, body = timedelta(seconds=1), timedelta(seconds=2)
    async with house(most=100, head=head, body=body) as here:
        begun = HEAD + b"X: ", BODIES["a body for the shortcut"]
        dripping = [here.drip(begun[number % 2], pause=0.25) for number in range(500)]
        await until(lambda: sum(one.lasted is None for one in dripping) <= 100)
        while any(one.lasted is None for one in dripping):
            async with asyncio.timeout(1):
                reader, writer = await here.connect(REQUEST)
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
            await asyncio.sleep(0.01)
        for one, limit in zip(dripping, cycle((head, body)), strict=False):
            assert one.lasted < limit.total_seconds() + SLACK
        assert here.sent_away["full"] >= 400
        assert here.sent_away["slow"] >= 50


async def test_in_a_full_house_of_idle_ones_the_one_that_is_idle_for_longest_makes_room():
    async with house(most=5, idle=timedelta(seconds=2)) as here:
        idle = [await here.connect(REQUEST) for _ in range(5)]
        for reader, _ in idle:
            await reader.readuntil(b"ok")
        await asyncio.sleep(0.25)  # until the next look has seen that they are idle
        reader, writer = await here.connect(REQUEST)
        assert await reader.readuntil(b"ok")
        assert here.sent_away == {"full": 1}
        for _, one in [*idle, (reader, writer)]:
            one.close()


async def test_where_all_are_being_answered_none_has_to_go_and_no_other_is_let_in():
    async with house(most=5, head=SOON, body=SOON, idle=SOON) as here:
        here.gate.clear()
        busy = [await here.connect(REQUEST) for _ in range(5)]
        await until(lambda: here.asked == 5)
        late, late_writer = await here.connect(REQUEST)
        with_reset = asyncio.TaskGroup()
        async with with_reset:
            got = with_reset.create_task(read_to_the_end(late))
        assert got.result() == b""
        assert here.sent_away == {"refused": 1}
        here.gate.set()
        for reader, writer in busy:
            assert await reader.readuntil(b"ok")
            writer.close()
        late_writer.close()


async def read_to_the_end(reader):
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_those_who_leave_by_themselves_leave_room():
    async with house(most=3) as here:
        for _ in range(10):
            reader, writer = await here.connect(REQUEST)
            await reader.readuntil(b"ok")
            writer.close()
            await until(lambda: len(here.limiter) == 0)
        assert not here.sent_away
