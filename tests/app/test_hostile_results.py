"""Results whose addresses lead inside, over a whole daemon with the real download plugin: nothing is fetched.

One address of this machine is opened and stands for the public internet; on the closed ones, on the same port, listens
a witness that counts who connects at all.
"""

import asyncio
import json
import ssl
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web
from click.testing import CliRunner
from fakes.certificates import Authority
from fakes.dispatching import until
from fakes.names import Names
from fakes.one_port import one_port
from fakes.running_daemon import running_daemon, settings_of, trusting
from recorded.kling_bodies import parsed

from kling_daemon.cli import main
from kling_daemon.loader import configure, discover

OPEN, CLOSED = "127.0.0.2", "127.0.0.1"
CREDENTIALS = "is where clouds hand out credentials"
LOOPBACK = "a loopback address"

NAMES = {
    "cdn_example": [[OPEN]],
    "inside_example": [[CLOSED]],
    "inside6_example": [["::1"]],
    "mapped_example": [[f"::ffff:{CLOSED}"]],
    "rebinding_example": [[OPEN], [CLOSED]],
    "lan_example": [["192.168.1.10", "10.0.0.5"]],
    "metadata_google_internal": [["169.254.169.254"]],
}
HOSTILE = {
    "https://inside.example:{port}/": f"inside.example leads to {CLOSED}, {LOOPBACK}; [egress] networks = [",
    "https://inside6.example:{port}/": f"inside6.example leads to ::1, {LOOPBACK}",
    "https://mapped.example:{port}/": f"an address that carries {CLOSED}, {LOOPBACK}",
    "https://lan.example/": "lan.example leads to 192.168.1.10, a private address",
    "https://rebinding.example:{port}/again": f"rebinding.example leads to {CLOSED}, {LOOPBACK}",
    "https://metadata.google.internal/computeMetadata/v1/": "where clouds hand out credentials",
    "https://169.254.169.254/latest/meta-data/": CREDENTIALS,
    "https://{closed}:{port}/": f"{CLOSED} is {LOOPBACK}",
    "https://[::1]:{port}/": f"::1 is {LOOPBACK}",
    "https://[::ffff:10.0.0.1]/": "an address that carries 10.0.0.1, a private address",
    "https://[::ffff:{closed}]:{port}/": f"an address that carries {CLOSED}, {LOOPBACK}",
    "https://[64:ff9b::{closed}]:{port}/": f"an address that carries {CLOSED}, {LOOPBACK}",
    "https://[2002:7f00:1::]:{port}/": f"an address that carries {CLOSED}, {LOOPBACK}",
    "https://[::1%25lo]:{port}/": "an address with a zone",
    "https://0.0.0.0:{port}/": "an unspecified address",
    "https://[::]:{port}/": "an unspecified address",
    "https://0x7f.1:{port}/": f"0x7f.1 is another spelling of {CLOSED}",
    "https://127.1:{port}/": f"127.1 is another spelling of {CLOSED}",
    "https://2130706433:{port}/": f"2130706433 is another spelling of {CLOSED}",
    "https://017700000001:{port}/": f"another spelling of {CLOSED}",
    "https://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{port}/": f"{CLOSED} is {LOOPBACK}",
    "https://{closed}.:{port}/": f"another spelling of {CLOSED}",
    "http://cdn.example:{port}/": "cdn.example: plain http is refused",
    "https://cdn.example:{port}/to/http://169.254.169.254/latest/meta-data/": CREDENTIALS,
    "https://cdn.example:{port}/to/https://169.254.169.254/": "redirects to what is refused: 169.254.169.254 is",
    "https://cdn.example:{port}/to/http://cdn.example:{port}/good": "cdn.example: plain http is refused",
    "https://cdn.example:{port}/to/https://{closed}:{port}/": f"{CLOSED} is {LOOPBACK}",
    "https://cdn.example:{port}/to///{closed}:{port}/": f"{CLOSED} is {LOOPBACK}",
    "https://cdn.example:{port}/to/https://inside.example:{port}/": f"inside.example leads to {CLOSED}",
    "https://cdn.example:{port}/to/https://[::ffff:{closed}]:{port}/": f"an address that carries {CLOSED}",
    "https://cdn.example:{port}/to/https://0x7f.1:{port}/": f"0x7f.1 is another spelling of {CLOSED}",
    "https://cdn.example:{port}/to/file:///etc/passwd": "not file ones",
    "https://cdn.example:{port}/to/https://cdn.example:{port}/to/https://10.0.0.1/": "10.0.0.1 is a private address",
}  # fmt: skip


@asynccontextmanager
async def internet(pair):
    """Serve what is public with TLS, and listen on the closed addresses; give the port and who came where."""
    fetched, connected = [], []

    async def answer(request):
        fetched.append(request.path)
        closing = {"Connection": "close"}
        if request.path.startswith("/to/"):
            return web.Response(status=302, headers={"Location": request.raw_path.removeprefix("/to/"), **closing})
        if request.path == "/again":
            return web.Response(status=302, headers={"Location": f"https://{request.host}/x", **closing})
        return web.Response(body=b"a film", content_type="video/mp4")

    async def witness(_, writer):
        connected.append(writer.get_extra_info("sockname"))
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain, pair.key)
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        opened, closed = one_port(OPEN, CLOSED)
        await web.SockSite(runner, opened, ssl_context=context).start()
        await stack.enter_async_context(await asyncio.start_server(witness, sock=closed))
        yield opened.getsockname()[1], fetched, connected


def body_of(number, url):
    body = parsed("new_callback_succeeded_video")
    output = {**body["outputs"][0], "url": url}
    return json.dumps({**body, "id": f"task-{number}", "external_id": f"e-{number}", "outputs": [output]}).encode()


@pytest.fixture
def pair(tmp_path, monkeypatch):
    authority = Authority(tmp_path / "authority")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    return authority.issue(hosts=["cdn.example", "rebinding.example"])


async def typed(daemon, *words):
    """Type a command to the daemon and return what it prints, as one line."""
    env = {
        "KLING_DAEMON_URL": f"http://{daemon.addresses.api}",
        "KLING_DAEMON_TOKEN": (daemon.directory / "api-token").read_text().strip(),
    }
    result = await asyncio.to_thread(CliRunner().invoke, main, words, env=env)
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


async def test_nothing_inside_is_fetched_and_each_dead_letter_says_why_in_words(tmp_path, pair):
    sections = {"trust": trusting(), "egress": {"networks": [f"{OPEN}/32"]}}
    archive = {"archive": {"type": "download", "directory": str(tmp_path / "films")}}
    handlers, problems = configure(discover(), settings_of(tmp_path / "state", handlers=archive))
    assert problems == []
    async with (
        internet(pair) as (port, fetched, connected),
        running_daemon(tmp_path / "state", handlers=handlers, lookup=Names(**NAMES), **sections) as daemon,
    ):
        expected = {}
        for number, (url, reason) in enumerate(HOSTILE.items()):
            body = body_of(number, url.format(port=port, closed=CLOSED))
            assert (await daemon.post_signed(body, webhook_id=f"m{number}")).status == 200
            expected[f"task-{number}"] = reason
        good = body_of("good", f"https://cdn.example:{port}/good")
        assert (await daemon.post_signed(good, webhook_id="good")).status == 200

        async def settled():
            return (await daemon.read.delivery_counts()).get("archive") == {"done": 1, "dead": len(HOSTILE)}

        await until(settled)
        tasks = {job.id: job.task_id for job in await daemon.jobs()}
        async with daemon.api.get("/api/v1/deliveries?handler=archive&state=dead&limit=100") as answer:
            dead = (await answer.json())["items"]
        assert {tasks[letter["job_id"]] for letter in dead} == set(expected)
        for letter in dead:
            reason = expected[tasks[letter["job_id"]]]
            assert letter["attempt"] == 1
            assert reason in letter["error"]
            assert reason in await typed(daemon, "deliveries", "show", str(letter["id"]))
            assert reason in await typed(daemon, "explain", letter["job_id"])
    assert connected == []
    assert sorted(path for path in fetched if not path.startswith("/to/")) == ["/again", "/good"]
    assert [path.read_bytes() for path in (tmp_path / "films").rglob("*.mp4")] == [b"a film"]
