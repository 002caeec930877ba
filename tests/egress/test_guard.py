"""What is connected to, over real sockets: names lead where a test says, and a witness listens where none may go."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.names import Names
from fakes.one_port import one_port

from kling_daemon.egress import EgressClient
from kling_daemon.egress.guard import GuardedResolver, guarded_connector
from kling_daemon.egress.rules import Rules
from kling_daemon.http_client import HttpError, HttpRefusedError

OPEN = "127.0.0.2"
"""What stands for a public address here: the one of this machine's that is allowed."""
CLOSED = "127.0.0.1"


def only_open(**settings):
    return EgressClient(allow_http=True, networks=[ip_network(OPEN)], **settings)


@asynccontextmanager
async def witnesses(answer=None):
    """Serve on one port of both addresses; give the port and, per address, the paths that were asked for."""
    seen = {OPEN: [], CLOSED: []}

    async def serve(request):
        address = request.transport.get_extra_info("sockname")[0]
        seen[address].append(request.path)
        if answer is not None:
            return await answer(request)
        return web.Response(text=address)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    async with AsyncExitStack() as stack:
        for host, sock in zip((OPEN, CLOSED), one_port(OPEN, CLOSED), strict=True):
            server = TestServer(app, host=host, socket_factory=lambda *_, sock=sock: sock)
            await stack.enter_async_context(server)
        yield server.port, seen


async def read(client, url):
    async with client.request("GET", url) as response:
        return b"".join([chunk async for chunk in response.chunks()]).decode()


async def test_a_name_that_leads_inside_is_refused_with_what_it_leads_to():
    names = Names(api_example_com=[["10.0.0.5"]])
    async with EgressClient(lookup=names) as client:
        with pytest.raises(HttpRefusedError) as caught:
            await read(client, "https://api.example.com/?sign=secret")
    assert str(caught.value) == (
        'api.example.com leads to 10.0.0.5, a private address; [egress] networks = ["10.0.0.5/32"] would allow it'
    )


async def test_the_systems_own_look_up_is_checked_as_well():
    async with witnesses() as (port, seen), EgressClient(allow_http=True) as client:
        with pytest.raises(HttpRefusedError, match=r"localhost leads to (127\.0\.0\.1|::1), a loopback address"):
            await read(client, f"http://localhost:{port}/")
    assert not any(seen.values())


async def test_of_several_addresses_the_closed_ones_are_never_tried():
    names = Names(a_example=[[CLOSED, "::1", OPEN, "10.0.0.1", "::ffff:127.0.0.1"]])
    async with witnesses() as (port, seen), only_open(lookup=names) as client:
        assert await read(client, f"http://a.example:{port}/x") == OPEN
    assert seen == {OPEN: ["/x"], CLOSED: []}


async def test_where_the_open_one_cannot_be_reached_the_closed_one_is_not_tried_either():
    names = Names(a_example=[[CLOSED, OPEN]])
    refusing, witness = one_port(OPEN, CLOSED)
    with refusing, witness:
        witness.listen()
        async with only_open(lookup=names) as client:
            with pytest.raises(HttpError, match=r"a\.example: Connect call failed") as caught:
                await read(client, f"http://a.example:{witness.getsockname()[1]}/")
        witness.setblocking(False)
        with pytest.raises(BlockingIOError):
            witness.accept()
    assert not isinstance(caught.value, HttpRefusedError)


async def test_a_name_that_leads_inside_the_second_time_is_refused_then():
    names = Names(a_example=[[OPEN], [CLOSED]])

    async def once(_):
        return web.Response(text="first", headers={"Connection": "close"})

    async with witnesses(once) as (port, seen), only_open(lookup=names) as client:
        assert await read(client, f"http://a.example:{port}/1") == "first"
        with pytest.raises(HttpRefusedError, match=r"a\.example leads to 127\.0\.0\.1, a loopback address"):
            await read(client, f"http://a.example:{port}/2")
    assert seen == {OPEN: ["/1"], CLOSED: []}


async def test_a_redirect_to_the_same_name_is_checked_again():
    names = Names(a_example=[[OPEN], [CLOSED]])

    async def there(request):
        return web.Response(
            status=302, headers={"Location": f"http://a.example:{request.url.port}/2", "Connection": "close"}
        )

    async with witnesses(there) as (port, seen), only_open(lookup=names) as client:
        with pytest.raises(HttpRefusedError, match=r"a\.example redirects to what is refused: a\.example leads to 127"):
            await read(client, f"http://a.example:{port}/1")
    assert seen == {OPEN: ["/1"], CLOSED: []}


async def test_a_kept_connection_stays_one_to_the_address_that_was_checked():
    names = Names(a_example=[[OPEN], [CLOSED]])
    async with witnesses() as (port, seen), only_open(lookup=names) as client:
        assert await read(client, f"http://a.example:{port}/1") == OPEN
        assert await read(client, f"http://a.example:{port}/2") == OPEN
    assert seen == {OPEN: ["/1", "/2"], CLOSED: []}
    assert names.asked == ["a.example"]


@pytest.mark.parametrize("location", ["http://{closed}:{port}/", "//{closed}:{port}/", "http://b.example:{port}/"])
async def test_a_redirect_inside_is_refused(location):
    names = Names(a_example=[[OPEN]], b_example=[[CLOSED]])

    async def there(request):
        where = location.format(closed=CLOSED, port=request.url.port)
        return web.Response(status=302, headers={"Location": where})

    async with witnesses(there) as (port, seen), only_open(lookup=names) as client:
        with pytest.raises(HttpRefusedError, match=r"^a\.example redirects to what is refused: .* a loopback address"):
            await read(client, f"http://a.example:{port}/1")
    assert seen == {OPEN: ["/1"], CLOSED: []}


@pytest.mark.parametrize("found", [["127.0.0.1"], ["127.0.0.1", "127.0.0.1", "127.0.0.3"]])
async def test_the_socket_itself_refuses_whatever_looked_the_name_up(found):
    """Were it ever handed an address that nobody checked, it would not be connected."""
    async with witnesses() as (port, seen):
        connector = guarded_connector(Rules(allow_http=True), lookup=None)
        connector._resolver = Names(a_example=[found])
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientConnectorError, match=r"127\.0\.0\.[13] is a loopback address"):
                await session.get(f"http://a.example:{port}/")
    assert not any(seen.values())


async def test_a_name_with_very_many_addresses_costs_no_more_than_one_with_a_few():
    judged = []

    def own(address):
        judged.append(address)
        return False

    resolver = GuardedResolver(Rules(own=own), Names(a_example=[[f"8.8.{n // 256}.{n % 256}" for n in range(4000)]]))
    assert len(await resolver.resolve("a.example")) == len(judged) < 50


async def test_a_name_that_does_not_exist_may_exist_later():
    for names in (Names(), Names(a_example=[[]])):
        async with EgressClient(lookup=names) as client:
            with pytest.raises(HttpError, match=r"^a\.example: the name cannot be resolved$") as caught:
                await read(client, "https://a.example/")
        assert not isinstance(caught.value, HttpRefusedError)


async def test_many_who_ask_for_one_name_at_a_time_are_all_refused():
    names = Names(a_example=[["192.168.1.1"]])
    async with EgressClient(lookup=names) as client:

        async def ask():
            with pytest.raises(HttpRefusedError, match="a private address"):
                await read(client, "https://a.example/")

        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(ask(), name=f"ask {number}")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
async def test_no_proxy_of_the_environment_is_used(monkeypatch, name):
    async with witnesses() as (port, seen):
        monkeypatch.setenv(name, f"http://{CLOSED}:{port}")
        async with only_open(lookup=Names(a_example=[[OPEN]])) as client:
            assert await read(client, f"http://a.example:{port}/1") == OPEN
    assert seen == {OPEN: ["/1"], CLOSED: []}


async def test_no_password_of_the_users_files_is_sent(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("default login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent = []

    async def answer(request):
        sent.append(request.headers.get("Authorization"))
        return web.Response()

    async with witnesses(answer) as (port, _), only_open() as client:
        await read(client, f"http://{OPEN}:{port}/")
    assert sent == [None]


async def test_a_request_that_trickles_ends_in_time():
    over = asyncio.Event()

    async def trickle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while not over.is_set():
            await response.write(b".")
            await asyncio.sleep(0.01)
        return response

    async with witnesses(trickle) as (port, _), only_open(total_timeout=timedelta(seconds=0.3)) as client:
        with pytest.raises(HttpError, match=r"127\.0\.0\.2: not done within 0\.3 s"):
            await read(client, f"http://{OPEN}:{port}/")
        over.set()
