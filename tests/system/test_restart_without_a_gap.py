"""A restart with a socket that is handed over refuses, resets and loses nothing, whatever comes meanwhile."""

import asyncio
import json
import signal
import socket
import sqlite3
from contextlib import closing
from itertools import count

import aiohttp
import pytest
from fakes.daemon_process import Machine
from fakes.dispatching import PATIENCE, until
from fakes.plugin_folder import PluginFolder
from fakes.running_daemon import JSON, PATH, signature
from fakes.service_manager import ServiceManager, listening_socket

from kling_daemon.clock import SystemClock

SLOW = """
import asyncio, pathlib
from kling_daemon.plugin import hookimpl

@hookimpl
async def kling_job_completed(event):
    print("handling", event.job.task_id)
    while not pathlib.Path(%r).exists():
        await asyncio.sleep(0.01)
"""
"""A handler that goes on until it is let."""

CLIENTS = 8
"""Of each kind, those with a connection per request and those that keep theirs."""


@pytest.fixture
def machine(tmp_path):
    machine = Machine(tmp_path)
    machine.configure()
    return machine


@pytest.fixture
def manager(machine):
    with closing(ServiceManager(machine, receiver=listening_socket())) as manager:
        yield manager


def url(manager):
    host, port = manager.sockets["receiver"].getsockname()
    return f"http://{host}:{port}{PATH}"


def succeeded(name):
    return callback(name, status="succeeded", outputs=[{"type": "video", "id": "v", "url": "https://example.com/v"}])


def callback(name, *, status="processing", **more):
    body = json.dumps({"id": name, "status": status, "create_time": 1, "update_time": 1, **more}).encode()
    return body, {**JSON, **signature(body, SystemClock(), webhook_id=name)}


class Senders:
    """Clients that send true callbacks without a pause, each once, until they are told to stop."""

    def __init__(self, url):
        self._url = url
        self._stopped = False
        self.answered = []
        self.failures = []
        self.running = 0

    async def send(self, client, *, keeps):
        self.running += 1
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=not keeps)) as session:
            for number in count():
                if self._stopped:
                    break
                name = f"c{client}-{number}"
                outcome = await self._send_one(session, name)
                if outcome == 200:
                    self.answered.append(name)
                else:
                    self.failures.append((name, keeps, outcome))
        self.running -= 1

    async def _send_one(self, session, name):
        body, headers = callback(name)
        try:
            async with session.post(self._url, data=body, headers=headers) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, OSError) as error:
            return repr(error)

    async def until_answered(self, more):
        enough = len(self.answered) + more
        await until(lambda: len(self.answered) >= enough or self.failures != [])

    def stop(self):
        self._stopped = True


def received(machine):
    with closing(sqlite3.connect(f"file:{machine.state}/kling.db?mode=ro", uri=True)) as database:
        return [row[0] for row in database.execute("SELECT webhook_id FROM callbacks")]


async def test_three_restarts_under_load_lose_no_callback(machine, manager):
    senders = Senders(url(manager))
    async with asyncio.TaskGroup() as tasks:
        async with manager.daemon() as daemon:
            for client in range(2 * CLIENTS):
                tasks.create_task(senders.send(client, keeps=client % 2 == 0), name=f"client {client}")
            await senders.until_answered(200)
            status = await daemon.stop()
        for _ in range(2):
            assert status == 0
            async with manager.daemon() as daemon:
                await senders.until_answered(200)
                status = await daemon.stop()
        async with manager.daemon() as daemon:
            await senders.until_answered(200)
            senders.stop()
            await until(lambda: senders.running == 0)
            status = await daemon.stop()
    assert senders.failures == []
    assert status == 0
    assert sorted(received(machine)) == sorted(senders.answered)


async def test_a_callback_that_comes_while_no_daemon_runs_is_answered_by_the_next(manager):
    body, headers = callback("early")
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        early = tasks.create_task(session.post(url(manager), data=body, headers=headers), name="early")
        async with manager.daemon() as daemon:
            assert (await early).status == 200
            assert [job["task_id"] for job in await daemon.jobs()] == ["early"]


async def test_callbacks_are_taken_for_as_long_as_handlers_end_what_they_do(machine, manager):
    gate = machine.home / "gate"
    PluginFolder(machine.installed).add("slow", "slow", SLOW % str(gate))
    async with manager.daemon() as daemon:
        first, second = (succeeded(name) for name in ("first", "second"))
        assert (await daemon.post(first[0], headers=first[1])).status == 200
        await until(lambda: "handling first" in daemon.text)
        daemon.process.send_signal(signal.SIGTERM)
        await daemon.until_said("stopping")
        assert (await daemon.post(second[0], headers=second[1])).status == 200
        assert daemon.process.poll() is None
        gate.touch()
        await until(lambda: daemon.process.poll() is not None)
        assert daemon.process.returncode == 0
    async with manager.daemon() as daemon:

        async def both_are_done():
            deliveries = (await daemon.ask("deliveries"))["items"]
            return [(each["state"], each["attempt"]) for each in deliveries] == [("done", 1), ("done", 1)]

        await until(both_are_done)
        assert await daemon.stop() == 0


@pytest.mark.parametrize("length_first", [True, False], ids=["the shortcut's", "the application's"])
async def test_a_body_that_has_begun_to_come_is_waited_for_and_its_answer_is_the_last(manager, length_first):
    body, headers = callback("slow")
    head = [f"POST {PATH} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers.items())]
    head.append(f"Content-Length: {len(body)}" if length_first else "Transfer-Encoding: chunked")
    sent = "\r\n".join([*head, "\r\n"]).encode()
    sent += body if length_first else b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    async with manager.daemon() as daemon, asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(*manager.sockets["receiver"].getsockname())
        writer.write(sent[:-20])
        await writer.drain()
        # Answered after it on another connection, so that what was sent above has been read.
        assert (await daemon.post_signed(b'{"id": "other", "status": "processing"}', webhook_id="other")).status == 200
        daemon.process.send_signal(signal.SIGTERM)
        await until(lambda: len(daemon.said("draining")) == 2)  # the API's, and the receiver's
        writer.write(sent[-20:])
        answer = await reader.read()
        writer.close()
        await until(lambda: daemon.process.poll() is not None)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.lower().count(b"connection: close\r\n") == 1
        assert daemon.process.returncode == 0


async def test_the_manager_is_told_what_the_daemon_is_at(machine, manager):
    async with manager.daemon() as daemon, asyncio.timeout(PATIENCE):
        ready = await manager.told()
        assert ready["READY"] == "1"
        assert daemon.receiver in ready["STATUS"]
        daemon.process.send_signal(signal.SIGHUP)
        reloading = await manager.told()
        assert reloading["RELOADING"] == "1"
        assert int(reloading["MONOTONIC_USEC"]) > 0
        assert (await manager.told())["READY"] == "1"
        machine.configure("[nonsense]")
        daemon.process.send_signal(signal.SIGHUP)
        await manager.told()
        refused = (await manager.told())["STATUS"]
        assert refused.startswith(f"{ready['STATUS']}; the old configuration is in force")
        daemon.process.send_signal(signal.SIGTERM)
        assert (await manager.told())["STOPPING"] == "1"
        await until(lambda: daemon.process.poll() is not None)
        assert daemon.process.returncode == 0


async def test_both_listeners_can_be_handed_over_and_the_sockets_win_over_the_configuration(machine):
    sockets = {"api": listening_socket(), "receiver": listening_socket()}
    with closing(ServiceManager(machine, **sockets)) as manager:
        for _ in range(2):
            async with manager.daemon() as daemon:
                assert daemon.api == "{}:{}".format(*sockets["api"].getsockname())
                assert daemon.receiver == "{}:{}".format(*sockets["receiver"].getsockname())
                assert await daemon.jobs() == []
                assert await daemon.stop() == 0


@pytest.mark.parametrize(
    ("names", "make", "told"),
    [
        (["web"], listening_socket, "FileDescriptorName=receiver"),
        (["receiver"], lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM), "is no socket that listens"),
        (["receiver"], socket.socket, "is no socket that listens"),
    ],
    ids=["another name", "datagrams", "nobody listens"],
)
async def test_what_cannot_be_served_is_one_clear_line(machine, names, make, told):
    with closing(ServiceManager(machine, receiver=make())) as manager:
        with pytest.raises(AssertionError, match="the daemon ended") as raised:
            async with manager.daemon(names=names):
                pass
        assert told in str(raised.value)
        assert "Traceback" not in str(raised.value)
