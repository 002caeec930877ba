"""However many connect at once, no more come in at a time than there is room for."""

import asyncio
import errno
import os
import resource
import socket
import time
from contextlib import ExitStack

import pytest
import structlog
from aiohttp import web
from fakes.daemon_process import Machine
from recorded.kling_bodies import raw

from kling_daemon.config import TcpAddress
from kling_daemon.listening import ConnectionLimiter, Timeouts, listening
from kling_daemon.listening.doors import Door
from kling_daemon.listening.limiter import SPARED
from kling_daemon.listening.timeouts import Stage

BODY = raw("new_callback_succeeded_video")
FILES = 64
CROWD = 400


@pytest.fixture
def closing():
    with ExitStack() as stack:
        yield stack


def open_door(closing, *, most):
    limiter = ConnectionLimiter(Timeouts(), most=most)
    door = closing.enter_context(Door(socket.create_server(("127.0.0.1", 0)), limiter))
    door.setblocking(False)
    return door, limiter


def come_in(closing, door):
    """Accept for as long as asyncio would in one turn of its loop, and return how many came."""
    came = 0
    while True:
        try:
            closing.enter_context(door.accept()[0])
        except BlockingIOError:
            return came
        came += 1


def test_those_who_wait_come_in_a_few_at_a_time(closing):
    door, limiter = open_door(closing, most=48)
    for _ in range(7):
        closing.enter_context(socket.create_connection(door.getsockname()))
    assert limiter.at_a_time == 3
    assert [come_in(closing, door) for _ in range(4)] == [3, 3, 1, 0]


class Waiting:
    """A connection that has brought nothing."""

    def __init__(self):
        self.is_gone = False

    def standing(self):
        return Stage.HEAD, 0, 0

    def send_away(self):
        self.is_gone = True


def test_a_crowd_waits_until_those_before_it_have_had_time_to_bring_something(closing):
    door, limiter = open_door(closing, most=16)
    for _ in range(20):
        closing.enter_context(socket.create_connection(door.getsockname()))
    came = []

    def turn():
        for _ in range(come_in(closing, door)):
            came.append(Waiting())
            assert limiter.admit(came[-1], time.monotonic())

    began = time.monotonic()
    while len(came) < 16:
        turn()
    while time.monotonic() < began + SPARED:
        assert not any(one.is_gone for one in came)
        turn()
    while len(came) < 20:
        turn()
    assert [one.is_gone for one in came] == [True] * 4 + [False] * 16


@pytest.fixture
def no_file_left(closing):
    """Return what takes away all files that are free; the old limit is back when the test ends."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    closing.callback(resource.setrlimit, resource.RLIMIT_NOFILE, old)

    def take():
        with socket.socket() as lowest:
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno(), old[1]))

    return take


def test_without_a_file_left_who_waits_has_to_go_and_it_is_said_once(closing, no_file_left):
    door, limiter = open_door(closing, most=48)
    for _ in range(3):
        closing.enter_context(socket.create_connection(door.getsockname()))
    waiting = Waiting()
    limiter.admit(waiting, 0.0)
    with structlog.testing.capture_logs() as lines:
        no_file_left()
        assert come_in(closing, door) == 0
        assert (waiting.is_gone, len(limiter)) == (True, 0)
        with pytest.raises(OSError, match=os.strerror(errno.EMFILE)):  # nobody else can go
            come_in(closing, door)
        assert come_in(closing, door) == 0  # and asyncio may ask on in the same turn
    assert [line["event"] for line in lines] == ["no file is left for a connection"]


async def answer(_request):
    return web.Response()


async def test_every_address_of_a_name_is_listened_at():
    application = web.Application()
    application.router.add_get("/", answer)
    async with listening(application, TcpAddress(host="localhost", port=0)) as address:
        assert address.host == "localhost"
        reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_crowd_larger_than_all_files_leaves_callbacks_and_metrics_answered_and_the_log_short(tmp_path, closing):
    machine = Machine(home=tmp_path, within=("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh"))
    machine.configure()
    async with machine.daemon() as daemon:
        host, _, port = daemon.receiver.rpartition(":")
        for _ in range(CROWD):
            one = closing.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex((host, int(port)))
        for number in range(10):
            assert (await daemon.post_signed(BODY, webhook_id=f"m{number}")).status == 200
        assert (await daemon.ask("stats"))["jobs"]
        assert len(daemon.lines) < 100
        assert not [line for line in daemon.lines if line["level"] in {"error", "critical"} or "exception" in line]
        assert await daemon.stop() == 0
