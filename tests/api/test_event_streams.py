import asyncio
import socket
from contextlib import asynccontextmanager
from datetime import timedelta

import aiohttp
import pytest
from fakes.dispatching import until
from fakes.local_api import TOKEN, daemon_and_api, local_api

from kling_daemon.api.cursors import to_cursor
from kling_daemon.client.server_sent import Blocks
from kling_daemon.jobs import JobState
from kling_daemon.scopes import Scope
from kling_daemon.testing.clock import START, ManualClock

HEADERS = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream"}


class Stream:
    """A stream as it comes, block by block."""

    def __init__(self, answer):
        self.answer = answer
        self._blocks = Blocks()
        self._read = []

    async def block(self):
        async with asyncio.timeout(20):
            while not self._read:
                chunk = await self.answer.content.readany()
                if not chunk:
                    return None
                self._read = self._blocks.feed(chunk)
        return self._read.pop(0)

    async def ids(self, count):
        return [(await self.block()).id for _ in range(count)]


@asynccontextmanager
async def stream(api, query="", **headers):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{api.target.url}/api/v1/events{query}", headers=HEADERS | headers) as answer,
    ):
        yield Stream(answer)


def places(*seqs):
    return [to_cursor(seq) for seq in seqs]


async def ended(api, state=JobState.SUCCEEDED):
    job = await api.make_job()
    await api.report(job, state)
    return job


async def test_a_stream_tells_its_place_and_then_what_happens_from_now_on(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await ended(api)
        async with stream(api) as listener:
            assert listener.answer.headers["Content-Type"] == "text/event-stream"
            assert listener.answer.headers["Cache-Control"] == "no-store"
            first = await listener.block()
            assert (first.id, first.data, first.retry) == (to_cursor(3), None, 1000)
            await ended(api)
            assert await listener.ids(3) == places(4, 5, 6)
            (latest,) = (await daemon.list_events(limit=1)).items
            assert latest.cursor == to_cursor(6)


async def test_a_stream_goes_on_behind_the_last_event_id_over_restarts(tmp_path):
    async with local_api(tmp_path) as api:
        await ended(api)
        async with stream(api, "?since=1970-01-01T00:00:00Z") as listener:
            assert await listener.ids(4) == places(0, 1, 2, 3)
        await ended(api)
    async with local_api(tmp_path) as api:
        for query, headers in (("", {"Last-Event-ID": to_cursor(2)}), (f"?cursor={to_cursor(2)}", {})):
            async with stream(api, query, **headers) as listener:
                assert await listener.ids(5) == places(2, 3, 4, 5, 6)
        async with stream(api, f"?cursor={to_cursor(1)}", **{"Last-Event-ID": to_cursor(5)}) as listener:
            assert await listener.ids(2) == places(5, 6)


async def test_a_stream_can_be_cut_down_and_begin_at_a_moment(tmp_path):
    clock = ManualClock()
    async with local_api(tmp_path, clock=clock) as api:
        first = await ended(api)
        clock.advance(timedelta(hours=1))
        second = await ended(api, JobState.FAILED)
        since = "since=1970-01-01T00:00:00Z"
        async with (
            stream(api, f"?{since}&job={second.id}") as of_job,
            stream(api, f"?{since}&type=job.failed,job.completed") as ends,
            stream(api, f"?since={(START + timedelta(minutes=1)).isoformat().replace('+', '%2B')}") as late,
        ):
            assert await of_job.ids(4) == places(0, 4, 5, 6)
            assert await ends.ids(3) == places(0, 3, 6)
            assert await late.ids(4) == places(3, 4, 5, 6)
            await api.report(await api.make_job(), JobState.SUCCEEDED)
            assert await ends.ids(1) == places(9)
            assert first.id != second.id


async def test_a_listener_whose_filter_keeps_much_back_is_told_its_place(tmp_path):
    async with local_api(tmp_path) as api:
        job = await api.make_job()
        async with stream(api, f"?job={job.id}") as listener:
            assert await listener.ids(1) == places(1)
            for _ in range(400):
                await ended(api)
            place = await listener.block()
            assert place.data is None
            async with stream(api, f"?job={job.id}", **{"Last-Event-ID": place.id}) as again:
                await api.report(job, JobState.SUCCEEDED)
                assert await again.ids(3) == [place.id, *places(1202, 1203)]


async def test_a_stream_ends_in_order_when_the_daemon_stops(tmp_path):
    async with aiohttp.ClientSession() as session:
        async with local_api(tmp_path) as api:
            answer = await session.get(f"{api.target.url}/api/v1/events", headers=HEADERS)
            listener = Stream(answer)
            assert await listener.ids(1) == places(0)
        assert await listener.block() is None  # complete: an answer that was cut off raises


@pytest.mark.parametrize(
    ("query", "headers", "status", "says"),
    [
        ("", {"Last-Event-ID": "x"}, 400, "Last-Event-ID must be a cursor"),
        ("?cursor=x", {}, 400, "cursor must be"),
        ("?order=oldest", {}, 400, "a stream takes no order"),
        ("?job=none", {}, 404, "no job has this id"),
        (f"?cursor={to_cursor(4)}", {}, 409, "begin again without it"),
        ("", {"Authorization": "Bearer wrong"}, 401, "send a token"),
    ],
)
async def test_what_cannot_be_streamed_is_refused_as_every_request(tmp_path, query, headers, status, says):
    async with local_api(tmp_path) as api:
        await ended(api)
        async with stream(api, query, **headers) as listener:
            assert listener.answer.status == status
            assert says in (await listener.answer.json(content_type=None))["detail"]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html, application/xhtml+xml"])
async def test_who_does_not_ask_for_a_stream_gets_the_list(tmp_path, accept):
    async with local_api(tmp_path) as api, stream(api, Accept=accept) as listener:
        assert await listener.answer.json() == {"items": [], "next": None}


async def test_more_listeners_than_there_may_be_are_asked_to_come_later(tmp_path):
    async with local_api(tmp_path, most_listeners=1) as api, stream(api) as first:
        await first.block()
        async with stream(api) as second:
            assert (second.answer.status, second.answer.headers["Retry-After"]) == (503, "10")


async def test_a_stream_is_broken_off_when_its_token_is_revoked(tmp_path):
    async with local_api(tmp_path) as api:
        _, token = await api.tokens.make("listener", Scope.READ)
        async with stream(api, Authorization=f"Bearer {token}") as listener:
            await listener.block()
            await api.tokens.revoke("listener")
            with pytest.raises(aiohttp.ClientPayloadError):
                await listener.block()
        await until(lambda: api.tail.listeners == 0)


async def test_a_listener_that_hangs_up_is_forgotten(tmp_path):
    async with local_api(tmp_path) as api:
        async with stream(api) as listener:
            await listener.block()
            assert api.tail.listeners == 1
        await ended(api)  # or else five seconds later
        await until(lambda: api.tail.listeners == 0)


async def test_a_listener_that_stalls_is_cut_off_holds_up_nobody_and_misses_nothing(tmp_path):
    async with local_api(tmp_path, write_within=timedelta(milliseconds=300)) as api:
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.setblocking(False)
            loop = asyncio.get_running_loop()
            host, _, port = api.target.url.removeprefix("http://").partition(":")
            await loop.sock_connect(stalled, (host, int(port)))
            request = f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            await loop.sock_sendall(stalled, f"{request}Accept: text/event-stream\r\n\r\n".encode())
            await until(lambda: api.tail.listeners == 1)
            async with stream(api) as reading:
                await reading.block()
                await until(lambda: api.tail.listeners == 2)
                count = 0
                while api.tail.listeners == 2:
                    assert count < 5000, "it was never cut off"
                    job = await api.make_job(tags={"filling": "x" * 20_000})
                    await api.report(job, JobState.SUCCEEDED)
                    count += 3
                    assert await reading.ids(3) == places(count - 2, count - 1, count)
        async with stream(api, Accept="text/event-stream", **{"Last-Event-ID": to_cursor(1)}) as again:
            assert await again.ids(count) == places(*range(1, count + 1))


async def test_two_places_are_refused_since_one_of_them_would_lose_events(tmp_path):
    async with local_api(tmp_path) as api, aiohttp.ClientSession() as session:
        headers = [*HEADERS.items(), *(("Last-Event-ID", place) for place in places(0, 0))]
        async with session.get(f"{api.target.url}/api/v1/events", headers=headers) as answer:
            assert (answer.status, (await answer.json())["detail"]) == (400, "Last-Event-ID is given more than once")
