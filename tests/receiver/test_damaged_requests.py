"""Callbacks with accidents to their bytes, over real sockets to the real process: no harm, and no hang."""

import random
import re
import socket
from contextlib import suppress

from fakes.daemon_process import Machine
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded.kling_bodies import raw

from kling_daemon.prove.raw_requests import callback, mutated, pieces

PATH = "/webhooks/kling"
NO_LIMIT = "1000000"
LISTENED = 0.05
"""How many seconds an answer is waited for to what may be no whole request."""
WITHIN = 5.0
RECORDED = [
    b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (PATH.encode(), len(body), body)
    for body in map(raw, ("new_callback_succeeded_video", "legacy_callback_succeed_video", "legacy_callback_failed"))
]
SEEDS = st.integers(0, 2**63)
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=20)), max_size=5)
"""Where, how many bytes are cut out there, and what is put in their place."""


def edited(request, edits):
    for place, cut, put in edits:
        begin = int(place * len(request))
        request = request[:begin] + put + request[begin + cut :]
    return request


def exchange(port, packets, within):
    """Send packets one by one and return what is answered until nothing more comes."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):
            for packet in packets:
                connection.sendall(packet)
        connection.settimeout(within)
        with suppress(TimeoutError, ConnectionError):
            while more := connection.recv(65_536):
                got += more
                if within == WITHIN:
                    break
    return got


async def test_no_accident_to_a_callback_makes_an_error_a_traceback_or_a_hang(tmp_path):
    machine = Machine(home=tmp_path)
    machine.configure()
    allowed = {
        "KLING_DAEMON_TRUST__UNPROVED_PER_MINUTE": NO_LIMIT,
        "KLING_DAEMON_TRUST__UNPROVED_IN_ALL_PER_MINUTE": NO_LIMIT,
    }
    async with machine.daemon(**allowed) as daemon:
        port = int(daemon.receiver.rpartition(":")[2])

        @settings(max_examples=100, deadline=None)
        @given(SEEDS, EDITS, st.booleans())
        def send(seed, edits, by_dice):
            dice = random.Random(seed)  # noqa: S311 - repeatable is the purpose
            whole = dice.choice([callback(dice, PATH, signed=False, legacy=True), *RECORDED])
            damaged = mutated(dice, whole) if by_dice else edited(whole, edits)
            got = exchange(port, pieces(dice, damaged), LISTENED)
            statuses = [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", got, re.MULTILINE)]
            assert all(status < 500 for status in statuses)
            assert statuses or not got
            for word in (b"aiohttp", b"Python", b"Traceback"):
                assert word not in got
            # A whole one is answered right after it, be it on a connection of its own.
            assert exchange(port, [whole], WITHIN).startswith(b"HTTP/1.1 202 ")

        send()
        assert not [line for line in daemon.lines if line["level"] in {"error", "critical"} or "exception" in line]
        assert "Traceback" not in daemon.text
        assert await daemon.stop() == 0
