"""What two servers may read differently ends the connection, and no answer tells what answers."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
import structlog
from fakes.ambiguous_requests import ASKING, SMUGGLING, STRANGE
from fakes.dispatching import PATIENCE
from fakes.running_daemon import running_daemon, trusting

HEADERS = {"server", "content-type", "content-length", "date", "allow", "connection", "retry-after"}


@pytest.fixture
async def daemon(tmp_path):
    with structlog.testing.capture_logs() as lines:
        async with running_daemon(tmp_path, trust=trusting()) as daemon:
            yield daemon
    assert [line for line in lines if line["log_level"] in {"error", "critical"} or line.get("exc_info")] == []
    assert "evil" not in str(lines)


@asynccontextmanager
async def connected(daemon):
    address = daemon.addresses.receiver
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        try:
            yield reader, writer
        finally:
            writer.close()


def examined(answer: bytes) -> int:
    """Return the status of an answer, which tells nothing: no name or version but ours, no word of what came."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode("ascii").split("\r\n")
    assert line.startswith(("HTTP/1.0 ", "HTTP/1.1 "))
    headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
    assert set(headers) <= HEADERS
    assert headers["server"] == "kling-daemon"
    assert len(body) < 120
    for word in (b"aiohttp", b"Python", b"evil", b"Traceback"):
        assert word not in answer
    return int(line.split()[1])


@pytest.mark.parametrize("request_", SMUGGLING.values(), ids=SMUGGLING)
async def test_what_can_be_read_in_two_ways_ends_the_connection(daemon, request_):
    async with connected(daemon) as (reader, writer):
        writer.write(request_ + ASKING + b"\r\n")
        got = b""
        with suppress(ConnectionError):  # what was not read makes the system end it with a reset
            while more := await reader.read(65_536):
                got += more
    assert examined(got) == 400
    assert got.count(b"HTTP/1.") == 1
    assert daemon.rows("SELECT * FROM callbacks") == []
    assert daemon.rows("SELECT * FROM hints") == []


@pytest.mark.parametrize(("request_", "status"), STRANGE.values(), ids=STRANGE)
async def test_what_this_is_no_server_for_is_answered_in_one_generic_line(daemon, request_, status):
    async with connected(daemon) as (reader, writer):
        writer.write(request_)
        assert examined(await one_answer(reader, request_)) == status


async def one_answer(reader, request_):
    head = await reader.readuntil(b"\r\n\r\n")
    if request_.startswith(b"HEAD"):
        return head
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await reader.readexactly(length)


@pytest.mark.parametrize("name", ["chunks with extensions", "trailers"])
async def test_what_a_body_may_bear_besides_ends_where_it_ends(daemon, name):
    request_, _ = STRANGE[name]
    async with connected(daemon) as (reader, writer):
        writer.write(request_ + ASKING + b"\r\n")
        assert examined(await one_answer(reader, b"")) == 202
        assert examined(await one_answer(reader, b"")) == 200
