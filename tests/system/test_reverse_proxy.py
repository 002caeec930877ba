"""Behind nginx and Caddy, configured word for word as documented, callbacks are what they are without them."""

import asyncio
import io
import json
import tomllib
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest
from fakes.certificates import Authority
from fakes.dispatching import until
from fakes.reverse_proxy import NAME, PROXIES, Proxy, documented, is_installed, proxied
from fakes.running_daemon import JSON, PATH, Answered, RunningDaemon, free_port, running_daemon, signature, trusting
from recorded.kling_bodies import raw

from kling_daemon.clock import SystemClock

pytestmark = pytest.mark.integration
BODY = raw("new_callback_succeeded_video")
MAX_BODY = 1024**2


@pytest.fixture(params=sorted(PROXIES))
def name(request):
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is not installed (Debian: apt-get install {request.param})")
    return request.param


@dataclass
class Site:
    """A proxy, and the port of the daemon behind it, which may run or not."""

    proxy: Proxy
    authority: Authority
    session: aiohttp.ClientSession
    port: int
    state: Path

    @asynccontextmanager
    async def daemon(self, **receiver):
        """Run one with the settings of the documentation, its port apart, and with more if need be."""
        section = tomllib.loads(documented("toml"))["receiver"]
        section |= {"listen": f"127.0.0.1:{self.port}", **receiver}
        async with running_daemon(self.state, receiver=section, trust=trusting()) as daemon:
            yield daemon

    async def post(self, body=BODY, *, path=PATH, headers=None, webhook_id="msg_1") -> Answered:
        """Post a callback from outside, signed unless the headers are given."""
        signed = signature(body, SystemClock(), webhook_id=webhook_id) if headers is None else headers
        return await self.send("POST", path, data=io.BytesIO(body), headers={**JSON, **signed})

    @asynccontextmanager
    async def seen_from(self, address):
        """Return the same site as somebody at another address of this machine's reaches it."""
        connector = aiohttp.TCPConnector(ssl=self.authority.trusting(), local_addr=(address, 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            yield replace(self, session=session)

    async def send(self, method, path, *, headers=None, **given) -> Answered:
        headers = {"Host": NAME, **(headers or {})}
        url = f"{self.proxy.url}{path}"
        async with self.session.request(method, url, headers=headers, server_hostname=NAME, **given) as answer:
            return Answered(answer.status, await answer.read(), answer.headers)


@pytest.fixture
async def site(name, tmp_path):
    authority, port, folder = Authority(tmp_path / "authority"), free_port(), tmp_path / "proxy"
    folder.mkdir()
    connector = aiohttp.TCPConnector(ssl=authority.trusting())
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        proxied(
            name, port=free_port(), daemon=f"127.0.0.1:{port}", pair=authority.issue(hosts=[NAME]), folder=folder
        ) as proxy,
    ):
        yield Site(proxy, authority, session, port, tmp_path / "state")


async def only_job(daemon: RunningDaemon):
    (job,) = await daemon.jobs()
    return job


async def test_a_signed_callback_is_committed_and_answered(site):
    async with site.daemon() as daemon:
        answer = await site.post()
        assert (answer.status, answer.body) == (200, b'{"received": true}')
        assert (await only_job(daemon)).state == "succeeded"


@pytest.mark.parametrize("spelling", ["spaces", "unicode", "long"])
async def test_the_signature_holds_over_every_byte_that_the_proxy_hands_on(site, spelling):
    parsed = json.loads(BODY)
    body = {
        "spaces": b"\r\n \t" + json.dumps(parsed, indent=7).encode() + b"\n\n",
        "unicode": json.dumps(parsed | {"note": "é 影片 \u2028 \\u00e9"}, ensure_ascii=False).encode(),
        "long": json.dumps(parsed | {"note": "x" * 700_000}).encode(),
    }[spelling]
    async with site.daemon() as daemon:
        assert (await site.post(body)).status == 200
        assert daemon.rows("SELECT body FROM callbacks") == [(body,)]
        forged = await site.post(body.replace(b"succe", b"SUCCE"), headers=signature(body, SystemClock()))
        assert forged.status == 401


async def test_a_body_without_a_length_of_its_own_is_handed_on_whole(site):
    async def pieces():
        for start in range(0, len(BODY), 100):
            yield BODY[start : start + 100]

    async with site.daemon() as daemon:
        signed = signature(BODY, SystemClock())
        answer = await site.send("POST", PATH, data=pieces(), headers={**JSON, **signed})
        assert answer.status == 200
        assert (await only_job(daemon)).state == "succeeded"


async def test_no_capability_stands_in_any_log_of_the_proxys(site):
    async with site.daemon() as daemon:
        await site.post()
        capability = daemon.capability((await only_job(daemon)).id)
        hint = await site.post(path=f"{PATH}/{capability}", headers={})
        assert hint.status == 200
        wrong = await site.post(path=f"{PATH}/{capability}x", headers={})
        assert wrong.status in {401, 404}
        too_long = await site.post(b"x" * (MAX_BODY + 1), path=f"{PATH}/{capability}", headers={})
        assert too_long.status == 413
    gone = await site.post(path=f"{PATH}/{capability}", headers={})
    assert gone.status == 502
    assert capability not in site.proxy.written()
    assert capability.partition(".")[2] not in site.proxy.written()


async def test_an_over_long_body_is_answered_413_and_one_of_just_the_length_reaches_the_daemon(site):
    async with site.daemon() as daemon:
        answer = await site.post(b"x" * (MAX_BODY + 1))
        assert answer.status == 413
        assert (await site.post(b" " * (MAX_BODY - len(BODY)) + BODY)).status == 200
        assert len(await daemon.jobs()) == 1


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/jobs", "/metrics", "/webhooks", "/webhooks/klingon", "//"])
async def test_nothing_but_the_callback_path_is_handed_on(site, path):
    async with site.daemon() as daemon:
        for method in ("GET", "POST"):
            answer = await site.send(method, path)
            assert answer.status == 404
        assert daemon.rows("SELECT * FROM callbacks") == []


async def test_callbacks_share_connections_to_the_daemon(site):
    async with site.daemon():
        for number in range(30):
            assert (await site.post(webhook_id=f"msg_{number}")).status == 200
        # Not one alone: a proxy may take another when the next callback comes before the last one's is free again.
        assert len(connections_to(site.port)) < 10


def connections_to(port):
    """Return the ports from which somebody has connected to this one, those that were closed just now included."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        ends = [int(end.partition(":")[2], 16) for end in (local, remote)]
        if port in ends and state != "0A":  # not the listening socket itself
            found.add(sum(ends) - port)
    return found


async def test_a_restart_of_the_daemon_is_a_502_that_tells_nothing_and_then_goes_on(site):
    async with site.daemon():
        assert (await site.post(webhook_id="before")).status == 200
    answer = await site.post(webhook_id="meanwhile")
    assert answer.status == 502
    for told in (str(site.port), "127.0.0.1", "refused", "1.22"):
        assert told.encode() not in answer.body
    async with site.daemon() as daemon:

        async def answered():
            return (await site.post(webhook_id="after")).status == 200

        await until(answered)
        assert len(await daemon.jobs()) == 1


NEAR, FAR = "127.0.0.2", "127.0.0.3"


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "x-forwarded-for", "X-Real-IP"])
async def test_the_daemon_is_told_whom_a_callback_came_from_whatever_they_say_themselves(site, header):
    async with (
        site.daemon(allow_ips=[f"{NEAR}/32"]) as daemon,
        site.seen_from(NEAR) as near,
        site.seen_from(FAR) as far,
    ):
        for claim in (NEAR, f"for={NEAR}", f"{NEAR}, {NEAR}", f"{NEAR}, 127.0.0.1", "unknown", ""):
            claimed = {header: claim, **signature(BODY, SystemClock(), webhook_id="msg_far")}
            assert (await far.post(headers=claimed)).status == 401
        assert await daemon.jobs() == []
        for claim in (FAR, f"for={FAR}", f"{FAR}, 203.0.113.9"):
            claimed = {header: claim, **signature(BODY, SystemClock(), webhook_id="msg_near")}
            assert (await near.post(headers=claimed)).status == 200


async def test_many_callbacks_at_a_time_all_come(site):
    async with site.daemon() as daemon, asyncio.TaskGroup() as tasks:
        posts = [tasks.create_task(site.post(webhook_id=f"msg_{number}")) for number in range(100)]
        assert {(await post).status for post in posts} == {200}
        assert len(await daemon.jobs()) == 1
