"""A thousand listeners at the real process, one of which stalls: nobody misses anything, and memory stays bounded."""

import asyncio
import json
import re
import resource
import socket
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fakes.daemon_process import Machine
from fakes.dispatching import until
from recorded.kling_bodies import parsed

LISTENERS = 1000
JOBS = 360
"""Of which one in three succeeds; the others fill what there is of buffers."""
FILLING = [
    {"type": "video", "id": f"{number}", "url": f"https://a.example/{number}/{'x' * 1000}"} for number in range(10)
]
BODY = parsed("new_callback_succeeded_video")

OF_EACH_LISTENER = 64 * 1024
"""How many bytes of the daemon's memory one listener may take while nothing happens."""
OF_ALL_THAT_HAPPENS = 48 * 1024**2
"""How many more the daemon may take while it tells a thousand listeners of 10 MB of events, one of whom stalls."""

_ID = re.compile(rb"^id: (\S+)(\nevent)?", re.MULTILINE)


def memory(pid):
    """Return how many bytes of memory a process has used at most."""
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) * 1024


class Listener(asyncio.Protocol):
    """A connection that keeps the cursors of what it is told, whichever connection of its own told them."""

    def __init__(self, daemon, query, cursors):
        host, _, port = daemon.api.rpartition(":")
        self.cursors = cursors
        self.address = (host, int(port))
        self.head = (
            f"GET /api/v1/events{query} HTTP/1.0\r\nHost: {daemon.api}\r\n"
            f"Authorization: Bearer {daemon.token}\r\nAccept: text/event-stream\r\n"
        )
        self.place = None
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self._rest = b""

    async def connect(self, over=None):
        """Connect, over a socket of the test's own if it likes, and wait until it is told its place."""
        self.ready.clear()
        self.ended.clear()
        self._rest = b""
        where = {"sock": over} if over else {"host": self.address[0], "port": self.address[1]}
        await asyncio.get_running_loop().create_connection(lambda: self, **where)
        await self.ready.wait()

    def connection_made(self, transport):
        self.transport = transport
        last = "" if self.place is None else f"Last-Event-ID: {self.place}\r\n"
        transport.write(f"{self.head}{last}\r\n".encode())

    def data_received(self, data):
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            for cursor, is_event in _ID.findall(block):
                self.place = cursor.decode()
                if is_event:
                    self.cursors.append(self.place)
                self.ready.set()

    def connection_lost(self, _error):
        self.ended.set()


@contextmanager
def many_open_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def happen(daemon, first, jobs):
    """Let one in three jobs succeed, and the others fail with results that are long to tell."""
    for number in range(first, first + jobs):
        body = BODY | {"id": f"9{number:017}", "external_id": ""}
        if number % 3:
            body |= {"status": "failed", "outputs": FILLING}
        assert (await daemon.post_signed(json.dumps(body).encode(), webhook_id=f"m{number}")).status == 200


async def listed(daemon, **filters):
    cursors, query = [], {"order": "oldest", "limit": "500", **filters}
    while True:
        page = await daemon.ask("events", **query)
        cursors += [event["cursor"] for event in page["items"]]
        if page["next"] is None:
            return cursors
        query["cursor"] = page["next"]


@asynccontextmanager
async def connected(daemon, count, query):
    """Have so many listeners, a hundred of whom connect at a time."""
    listeners = [Listener(daemon, query, []) for _ in range(count)]
    try:
        for start in range(0, count, 100):
            async with asyncio.TaskGroup() as tasks:
                for number, listener in enumerate(listeners[start : start + 100], start):
                    tasks.create_task(listener.connect(), name=f"listener {number}")
        yield listeners
    finally:
        for listener in listeners:
            listener.transport.abort()


async def test_a_thousand_listeners_one_of_whom_stalls_miss_nothing_in_bounded_memory(tmp_path):
    machine = Machine(tmp_path)
    machine.configure()
    with many_open_files(), socket.socket() as narrow:
        async with machine.daemon() as daemon:
            await happen(daemon, 0, 12)
            pid, empty = daemon.process.pid, memory(daemon.process.pid)
            async with connected(daemon, LISTENERS - 1, "?type=job.completed") as listeners:
                stalled = Listener(daemon, "", [])
                narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                narrow.setblocking(False)
                await asyncio.get_running_loop().sock_connect(narrow, stalled.address)
                await stalled.connect(narrow)
                begun = stalled.place
                stalled.transport.pause_reading()
                idle = memory(pid)

                await happen(daemon, 1002, JOBS // 2)
                for listener in listeners[::2]:
                    listener.transport.abort()
                await happen(daemon, 2001, JOBS // 2)
                for listener in listeners[::2]:
                    await listener.connect()
                completed = (await listed(daemon, type="job.completed"))[4:]
                assert len(completed) == JOBS // 3
                await until(lambda: all(len(listener.cursors) >= len(completed) for listener in listeners))
                assert all(listener.cursors == completed for listener in listeners)

                await daemon.until_said("a listener that stalled was cut off")
                most = memory(pid)
                stalled.transport.abort()
                stalled.cursors.clear()
                stalled.place = begun
                await stalled.connect()
                everything = (await listed(daemon))[24:]
                assert len(everything) == 2 * JOBS
                await until(lambda: len(stalled.cursors) >= len(everything))
                assert stalled.cursors == everything

                each, all_that = (idle - empty) / LISTENERS, most - idle
                assert each < OF_EACH_LISTENER, f"{each / 1024:.0f} KiB for each listener"
                assert all_that < OF_ALL_THAT_HAPPENS, f"{all_that / 1024**2:.0f} MiB for all that happens"
                assert await daemon.stop() == 0
                async with asyncio.timeout(20):
                    for listener in (stalled, *listeners):
                        await listener.ended.wait()
            assert "Traceback" not in daemon.text
