import asyncio
import socket
import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.dispatching import until

from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.egress.lookup import MOST, SystemLookup
from kling_daemon.http_client import HttpError


class Silent:
    """Looks names up as the system does, but those that end in `.silent` not until it is told to."""

    def __init__(self):
        self.over = threading.Event()
        self.asked = []

    def __call__(self, host, *rest):
        self.asked.append(host)
        if host.endswith(".silent"):
            self.over.wait()
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return socket.getaddrinfo(host, *rest)


@pytest.fixture
def silent():
    made = Silent()
    yield made
    made.over.set()


async def test_a_name_is_found_as_the_system_finds_it():
    found = await SystemLookup().resolve("localhost", 443)
    assert {result["host"] for result in found} <= {"127.0.0.1", "::1"}
    assert {result["port"] for result in found} == {443}


async def test_what_does_not_exist_is_an_error_of_the_systems():
    with pytest.raises(OSError, match=r".+"):
        await SystemLookup().resolve("nobody.invalid")
    with pytest.raises(UnicodeError):
        await SystemLookup().resolve("a" * 64)


async def test_silent_names_hold_up_neither_the_loops_threads_nor_other_names(silent):
    lookup = SystemLookup(ask=silent)
    async with asyncio.TaskGroup() as tasks:
        hung = [tasks.create_task(lookup.resolve(f"{n}.silent"), name=f"{n}") for n in range(MOST - 1)]
        assert await lookup.resolve("localhost")
        executor = asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert await asyncio.wait_for(executor, 20)
        assert not any(task.done() for task in hung)
        for task in hung:
            task.cancel()


async def test_no_more_threads_hang_than_are_allowed_and_they_make_room_when_they_end(silent):
    lookup = SystemLookup(ask=silent)

    async def ask(name):
        with pytest.raises((TimeoutError, OSError)):
            await asyncio.wait_for(lookup.resolve(name), 0.05)

    async with asyncio.TaskGroup() as tasks:
        for number in range(3 * MOST):
            tasks.create_task(ask(f"{number}.silent"), name=f"{number}")

    async def all_hang():
        return len(silent.asked) >= MOST

    await until(all_hang)
    assert len(silent.asked) == MOST
    silent.over.set()
    assert await asyncio.wait_for(lookup.resolve("localhost"), 20)


async def test_a_silent_name_is_an_error_in_the_time_for_a_connection(silent):
    async with (
        TestServer(web.Application()) as server,
        EgressClient(
            allow_http=True, networks=LOOPBACK, lookup=SystemLookup(ask=silent), connect_timeout=timedelta(seconds=0.2)
        ) as client,
    ):
        with pytest.raises(HttpError, match=r"^a\.silent: no connection within 0\.2 s$"):
            async with client.request("GET", "http://a.silent/"):
                pass
        async with client.request("GET", f"http://localhost:{server.port}/") as answer:
            assert answer.status == 404


def test_a_silent_name_keeps_no_process_from_ending():
    """For a thread of the loop's executor it would wait, however long that takes."""
    script = """
import asyncio, threading
from kling_daemon.egress.lookup import SystemLookup
async def main():
    lookup = SystemLookup(ask=lambda *_: threading.Event().wait())
    try:
        await asyncio.wait_for(lookup.resolve("a.silent"), 0.1)
    except TimeoutError:
        print("given up")
asyncio.run(main())
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "given up\n"


async def test_an_address_that_needs_a_zone_is_found_with_it():
    def ask(*_):
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 443, 0, 2))]

    (found,) = await SystemLookup(ask=ask).resolve("a.example")
    assert found["host"] == "fe80::1%2"
