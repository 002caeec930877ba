import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.byte_server import byte_server

from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.http_client import HttpError, HttpRefusedError

BODY = bytes(range(256)) * 4000


@asynccontextmanager
async def serving(**routes):
    """Serve one handler per path word and give the base URL."""
    app = web.Application()
    for name, handler in routes.items():
        app.router.add_route("*", f"/{name}", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def raw_server(answer, *, then_wait=False):
    """Answer every connection with these bytes; then close it, or leave it open until the end."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        if then_wait:
            await asyncio.Event().wait()

    async with byte_server(serve) as port:
        yield f"http://127.0.0.1:{port}/"


async def read(client, url, *, into=None, **options):
    """Return status and body; `into` keeps what came before an error."""
    received = [] if into is None else into
    async with client.request("GET", url, **options) as response:
        async for chunk in response.chunks():
            received.append(chunk)
        return response.status, b"".join(received)


async def whole(_):
    return web.Response(body=BODY)


async def test_streams_a_body():
    async with serving(file=whole) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        assert await read(client, f"{base}/file") == (200, BODY)


async def test_gives_every_status_to_the_caller():
    async def gone(_):
        raise web.HTTPGone

    async with serving(file=gone) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        assert (await read(client, f"{base}/file"))[0] == 410


async def test_sends_method_headers_and_body():
    async def echo(request):
        return web.json_response([request.method, request.headers["X-Key"], await request.text()])

    async with serving(echo=echo) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:  # noqa: SIM117 - reads in order
        async with client.request("POST", f"{base}/echo", headers={"X-Key": "7"}, body=b"hello") as response:
            assert b"".join([chunk async for chunk in response.chunks()]) == b'["POST", "7", "hello"]'


async def test_asks_for_bodies_that_are_not_compressed_and_inflates_none():
    async def file(request):
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(body=b"\x1f\x8b not really", headers={"Content-Encoding": "gzip"})

    async with serving(file=file) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        assert (await read(client, f"{base}/file"))[1] == b"\x1f\x8b not really"


async def test_sends_an_encoded_url_byte_for_byte():
    async def file(request):
        return web.Response(text=request.raw_path)

    async with serving(file=file) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        path = "/file?sign=a%2Fb%3D%7e&x=1+2%20:"
        assert (await read(client, base + path))[1].decode() == path


async def test_plain_http_is_refused_unless_allowed():
    async with serving(file=whole) as base, EgressClient(networks=LOOPBACK) as client:
        with pytest.raises(HttpRefusedError, match=r"127\.0\.0\.1: plain http is refused"):
            await read(client, f"{base}/file")


@pytest.mark.parametrize(
    "url", ["", "/file", "file:///etc/passwd", "ftp://host/x", "http://", "http://[::1", "http:/x"]
)
async def test_what_is_no_web_address_is_refused(url):
    async with EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(HttpRefusedError):
            await read(client, url)


async def test_follows_redirects_for_get():
    async def there(_):
        return web.Response(status=302, headers={"Location": "/file?x=%2F"})

    async def file(request):
        return web.Response(text=request.raw_path)

    async with serving(there=there, file=file) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        assert (await read(client, f"{base}/there"))[1] == b"/file?x=%2F"


async def test_gives_a_redirect_of_a_post_to_the_caller():
    async def there(_):
        raise web.HTTPTemporaryRedirect("/file")

    async with serving(there=there) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:  # noqa: SIM117 - reads in order
        async with client.request("POST", f"{base}/there", body=b"x") as response:
            assert response.status == 307


async def test_a_redirect_to_a_refused_scheme_is_refused():
    async def there(_):
        return web.Response(status=302, headers={"Location": "file:///etc/passwd"})

    async with serving(there=there) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(HttpRefusedError, match="not file ones"):
            await read(client, f"{base}/there")


async def test_a_kept_connection_that_the_server_has_closed_is_an_error_without_the_url():
    async with (
        raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url,
        EgressClient(allow_http=True, networks=LOOPBACK) as client,
    ):
        told = []
        for _ in range(5):
            try:
                async with client.request("POST", f"{url}secret?sign=secret", body=b"x"):
                    pass
            except HttpError as error:
                told.append(str(error))
    assert told
    assert all(error.startswith("127.0.0.1: ") and "secret" not in error and "://" not in error for error in told)


@pytest.mark.parametrize(
    ("method", "user", "headers"),
    [
        ("GET", "", {"X": "secret\r\nY: z"}),
        ("GET", "", {"X\n": "secret"}),
        ("GET X: secret", "", {}),
        ("GET", "me:secret@", {"Authorization": "Bearer secret"}),
    ],
)
async def test_a_request_that_cannot_be_sent_is_an_error_that_repeats_nothing_of_it(method, user, headers):
    async def file(_):
        return web.Response()

    async with serving(secret=file) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        assert (await read(client, f"{base}/secret"))[0] == 200
        url = f"{base.replace('127', f'{user}127', 1)}/secret"
        with pytest.raises(HttpError, match=r"^127\.0\.0\.1: the request cannot be sent: ") as caught:
            async with client.request(method, url, headers=headers):
                pass
    assert "secret" not in str(caught.value)


async def test_credentials_do_not_follow_a_redirect_to_another_origin():
    seen = {}

    async def file(request):
        seen.update(request.headers, body=await request.text())
        return web.Response()

    async with serving(file=file) as other:

        async def there(_):
            raise web.HTTPFound(f"{other}/file")

        async with serving(there=there) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
            headers = {"Authorization": "Bearer x", "cookie": "a=b", "X-Api-Key": "k", "Range": "bytes=0-1"}
            await read(client, f"{base}/there", headers=headers, body=b"secret")
    assert seen["Range"] == "bytes=0-1"
    assert "Authorization" not in seen
    assert "Cookie" not in seen
    assert "X-Api-Key" not in seen
    assert seen["body"] == ""


async def test_a_loop_of_redirects_ends():
    asked = []

    async def there(request):
        asked.append(request.path)
        raise web.HTTPFound("/there")

    async with serving(there=there) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(HttpError, match="more than 5 redirects"):
            await read(client, f"{base}/there")
    assert len(asked) == 6


async def test_a_body_that_announces_more_than_the_cap_is_refused_before_it_is_read():
    async with (
        serving(file=whole) as base,
        EgressClient(allow_http=True, networks=LOOPBACK, max_size=len(BODY) - 1) as client,
    ):
        received = []
        with pytest.raises(HttpRefusedError, match="max_size"):
            await read(client, f"{base}/file", into=received)
        assert received == []
        async with client.request("HEAD", f"{base}/file") as response:
            assert [chunk async for chunk in response.chunks()] == []


async def test_a_body_of_no_announced_length_is_counted():
    async def chunked(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(4):
            await response.write(BODY)
        return response

    async with (
        serving(file=chunked) as base,
        EgressClient(allow_http=True, networks=LOOPBACK, max_size=3 * len(BODY)) as client,
    ):
        received = []
        with pytest.raises(HttpRefusedError, match="max_size"):
            await read(client, f"{base}/file", into=received)
    assert 0 < len(b"".join(received)) <= 3 * len(BODY)


async def test_a_body_at_the_cap_is_read():
    async with (
        serving(file=whole) as base,
        EgressClient(allow_http=True, networks=LOOPBACK, max_size=len(BODY)) as client,
    ):
        assert (await read(client, f"{base}/file"))[1] == BODY


async def test_a_truncated_body_is_an_error_after_what_came():
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    received = []
    async with raw_server(answer) as url, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(HttpError, match=r"127\.0\.0\.1: the answer broke off"):
            await read(client, url, into=received)
    assert received == [b"half"]


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"])
async def test_a_stall_is_an_error(answer):
    idle = timedelta(seconds=0.2)
    async with (
        raw_server(answer, then_wait=True) as url,
        EgressClient(allow_http=True, networks=LOOPBACK, idle_timeout=idle) as client,
    ):
        with pytest.raises(HttpError, match=r"stalled: nothing came for 0\.2 s"):
            await read(client, url)


async def test_no_error_repeats_the_query():
    broken = [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 302 Found\r\nLocation: http://[secret\r\n\r\n"]
    for answer in broken:
        async with raw_server(answer) as url, EgressClient(allow_http=True, networks=LOOPBACK) as client:
            with pytest.raises(HttpError) as caught:
                await read(client, f"{url}?sign=secret")
            assert "secret" not in str(caught.value)
            assert "127.0.0.1" in str(caught.value) or "URL" in str(caught.value)
            assert caught.value.__cause__ is None


async def test_nobody_listening_is_an_error():
    async with raw_server(b"") as url:
        pass
    async with EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(HttpError, match=r"127\.0\.0\.1: .*[Cc]onnect"):
            await read(client, url)


async def test_what_the_caller_raises_while_reading_is_not_touched():
    async with serving(file=whole) as base, EgressClient(allow_http=True, networks=LOOPBACK) as client:
        with pytest.raises(TimeoutError, match="mine"):
            async with client.request("GET", f"{base}/file"):
                raise TimeoutError("mine")


async def test_a_client_that_is_not_open_says_so():
    with pytest.raises(RuntimeError, match="not open"):
        await read(EgressClient(), "https://example.com/")
