"""Through a proxy: a real one that tunnels, on sockets."""

import asyncio
import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.byte_server import byte_server
from fakes.certificates import Authority

from kling_daemon.egress import EgressClient
from kling_daemon.http_client import HttpError, HttpRefusedError


async def pass_on(reader, writer):
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxy(target, *, tls=None, refuse=None):
    """Tunnel every CONNECT to one port of this machine, and hand plain requests on; give the URL and what was asked."""
    asked = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.splitlines()[0])
        if refuse is not None:
            writer.write(f"HTTP/1.1 {refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        if head.startswith("CONNECT"):
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            inner_writer.write(head.encode())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(pass_on(reader, inner_writer), name="there")
            tasks.create_task(pass_on(inner_reader, writer), name="back")

    async with byte_server(serve, tls=tls) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}", asked


@asynccontextmanager
async def serving(tls=None):
    async def hello(request):
        return web.Response(text=f"hello {request.path}")

    app = web.Application()
    app.router.add_get("/{path:.*}", hello)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(ssl=tls)
    try:
        yield server.port
    finally:
        await server.close()


@pytest.fixture
def tls(tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    pair = authority.issue(hosts=["cdn.example", "127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.chain, pair.key)
    return context


async def read(client, url):
    async with client.request("GET", url) as response:
        return b"".join([chunk async for chunk in response.chunks()]).decode()


@pytest.mark.parametrize("encrypted", [False, True])
async def test_https_is_tunnelled_and_the_proxy_looks_the_name_up(tls, encrypted):
    way = tls if encrypted else None
    async with serving(tls) as target, proxy(target, tls=way) as (url, asked), EgressClient(proxy=url) as client:
        assert await read(client, "https://cdn.example/x?sign=secret") == "hello /x"
    assert asked == ["CONNECT cdn.example:443 HTTP/1.1"]


async def test_plain_http_goes_through_the_proxy_too():
    async with serving() as target, proxy(target) as (url, asked), EgressClient(proxy=url, allow_http=True) as client:
        assert await read(client, "http://cdn.example/x") == "hello /x"
    assert asked == ["GET http://cdn.example/x HTTP/1.1"]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://10.0.0.1/", "a private address"),
        ("https://[::ffff:127.0.0.1]/", "a loopback address"),
        ("https://0x7f.1/", "another spelling of 127.0.0.1"),
        ("http://cdn.example/", "plain http is refused"),
        ("https://other.example/", "not among the [egress] hosts"),
    ],
)
async def test_what_a_url_tells_is_checked_before_the_proxy_is_asked(url, reason):
    hosts = () if "other" not in url else ("cdn.example",)
    async with proxy(1) as (proxy_url, asked), EgressClient(proxy=proxy_url, hosts=hosts) as client:
        with pytest.raises(HttpRefusedError) as caught:
            await read(client, url)
    assert reason in str(caught.value)
    assert asked == []


async def test_a_proxy_that_refuses_or_cannot_be_reached_is_told_as_such():
    async with proxy(1, refuse=403) as (url, _), EgressClient(proxy=url) as client:
        with pytest.raises(HttpError, match=r"^cdn\.example: the proxy answers with HTTP 403$"):
            await read(client, "https://cdn.example/")
    async with EgressClient(proxy=url) as client:
        with pytest.raises(HttpError, match=r"^cdn\.example: the proxy 127\.0\.0\.1 cannot be reached: "):
            await read(client, "https://cdn.example/")


async def test_a_proxy_that_answers_no_http_is_an_error():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"nonsense\r\n\r\n")

    async with byte_server(serve) as port, EgressClient(proxy=f"http://127.0.0.1:{port}") as client:
        with pytest.raises(HttpError, match=r"^cdn\.example: "):
            await read(client, "https://cdn.example/?sign=secret")
