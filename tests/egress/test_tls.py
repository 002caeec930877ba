import ssl
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from fakes.certificates import Authority
from fakes.names import Names

from kling_daemon.egress import LOOPBACK, EgressClient
from kling_daemon.http_client import HttpError, HttpRefusedError

NAMES = {"a_example": [["127.0.0.1"]], "b_example": [["127.0.0.1"]]}


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that the system is told to trust, as an operator tells it."""
    made = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(made.path))
    return made


@asynccontextmanager
async def serving(pair, answer=None, **options):
    """Serve https for the host of a certificate, and give its URL by the name a.example."""

    async def hello(_):
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", answer or hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # which writes no session keys either
    context.load_cert_chain(pair.chain, pair.key)
    for name, value in options.items():
        setattr(context, name, value)
    server = TestServer(app, host="127.0.0.1", scheme="https")
    await server.start_server(ssl=context)
    try:
        yield f"https://a.example:{server.port}/"
    finally:
        await server.close()


def client(**settings):
    return EgressClient(networks=LOOPBACK, lookup=Names(**NAMES), **settings)


async def read(egress, url):
    async with egress.request("GET", url) as response:
        return b"".join([chunk async for chunk in response.chunks()]).decode()


async def test_a_certificate_of_a_trusted_authority_for_the_name_is_taken(authority):
    async with serving(authority.issue(hosts=["a.example"])) as url, client() as egress:
        assert await read(egress, url) == "hello"


async def test_a_certificate_for_another_name_is_refused(authority):
    async with serving(authority.issue(hosts=["b.example"])) as url, client() as egress:
        with pytest.raises(HttpError, match=r"^a\.example: the certificate is not valid: Hostname mismatch"):
            await read(egress, url)


async def test_a_certificate_of_an_unknown_authority_is_refused(tmp_path):
    async with serving(Authority(tmp_path).issue(hosts=["a.example"])) as url, client() as egress:
        with pytest.raises(HttpError, match=r"^a\.example: the certificate is not valid: "):
            await read(egress, url)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_an_old_version_of_tls_is_refused(authority):
    versions = {"minimum_version": ssl.TLSVersion.TLSv1_1, "maximum_version": ssl.TLSVersion.TLSv1_1}
    async with serving(authority.issue(hosts=["a.example"]), **versions) as url, client() as egress:
        with pytest.raises(HttpError, match=r"^a\.example: "):
            await read(egress, url)


async def test_a_redirect_from_https_to_http_is_refused(authority):
    async def there(_):
        raise web.HTTPFound("http://b.example/?sign=secret")

    async with serving(authority.issue(hosts=["a.example"]), there) as url, client() as egress:
        with pytest.raises(HttpRefusedError) as caught:
            await read(egress, url)
    assert str(caught.value) == (
        "a.example redirects to what is refused: "
        "b.example: plain http is refused; [egress] allow_http = true would allow it"
    )


async def test_no_session_keys_are_written_where_the_environment_says(authority, tmp_path, monkeypatch):
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    async with serving(authority.issue(hosts=["a.example"])) as url, client() as egress:
        await read(egress, url)
    assert not (tmp_path / "keys").exists()
