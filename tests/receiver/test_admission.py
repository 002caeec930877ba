"""Who is let in, and how many strangers: with a real daemon on real sockets."""

import asyncio

import pytest
from fakes.running_daemon import running_daemon, signature, trusting

from kling_daemon.testing.clock import ManualClock

SIGNED = b'{"task_id": "true", "task_status": "processing"}'
FORGED = b'{"task_id": "forged", "task_status": "succeed"}'
UNAUTHORIZED = (401, b'{"error": "unauthorized"}')
ENOUGH = (429, b'{"error": "try again later"}')
PROXIED = {"trusted_proxies": ["127.0.0.0/8"]}


async def post(daemon, forwarded=None, *, signed=True, name="X-Forwarded-For", chunked=False):
    headers = {} if forwarded is None else {name: forwarded}
    if chunked:
        headers["Expect"] = "100-continue"  # which goes the long way
    if signed:
        headers |= signature(SIGNED, daemon.clock)
    answer = await daemon.post(SIGNED if signed else FORGED, headers=headers)
    return answer.status, answer.body


@pytest.mark.parametrize("long_way", [False, True], ids=["the short way", "the long way"])
async def test_callbacks_are_taken_from_allowed_addresses_alone(tmp_path, long_way):
    receiver = {"allow_ips": ["192.0.2.0/24", "2001:db8::/32"], **PROXIED}
    async with running_daemon(tmp_path, trust=trusting(), receiver=receiver) as daemon:
        for sender, is_allowed in {
            "192.0.2.7": True,
            "203.0.113.9, 192.0.2.7": True,
            "[2001:db8::7]:443": True,
            "::ffff:192.0.2.7": True,
            "203.0.113.9": False,
            "192.0.2.7, 203.0.113.9": False,
            "192.0.2.7, unknown": False,
            "": False,
        }.items():
            answer = await post(daemon, sender, chunked=long_way)
            assert (sender, answer[0]) == (sender, 200 if is_allowed else 401)
            assert is_allowed or answer == UNAUTHORIZED
        assert (await post(daemon, chunked=long_way)) == UNAUTHORIZED
        assert (await daemon.send("GET", "/healthz")).status == 200
        assert len(daemon.rows("SELECT * FROM callbacks")) == 1
        assert await counted(daemon, "refused", "address") == 5


async def test_a_stranger_who_claims_to_be_allowed_is_not(tmp_path):
    async with running_daemon(tmp_path, trust=trusting(), receiver={"allow_ips": ["192.0.2.0/24"]}) as daemon:
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert (
                await post(daemon, "for=192.0.2.7" if name == "Forwarded" else "192.0.2.7", name=name) == UNAUTHORIZED
            )
    async with running_daemon(tmp_path / "2", trust=trusting(), receiver={"allow_ips": ["127.0.0.1"]}) as daemon:
        assert (await post(daemon))[0] == 200


@pytest.mark.parametrize("kind", ["unsigned", "refused"])
async def test_a_flood_that_proves_nothing_is_stopped_while_signed_callbacks_go_on(tmp_path, kind):
    trust = {**trusting(), "unproved_per_minute": 20, "unproved_in_all_per_minute": 30}
    passed, way = (202, {}) if kind == "unsigned" else (401, {"headers": {"webhook-id": "x"}})
    async with running_daemon(tmp_path, trust=trust, clock=ManualClock()) as daemon:
        answers = [await daemon.post(FORGED, **way) for _ in range(50)]
        assert [answer.status for answer in answers] == 20 * [passed] + 30 * [429]
        assert (answers[-1].status, answers[-1].body) == ENOUGH
        assert int(answers[-1].headers["Retry-After"]) >= 5
        assert (await post(daemon))[0] == 200
        capability = daemon.capability("01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f")
        assert (await daemon.post(FORGED, path=f"/webhooks/kling/{capability}")).status == 200
        assert await counted(daemon, "limited", "plain_path" if kind == "unsigned" else None) == 30
        daemon.clock.advance(60)
        assert (await daemon.post(FORGED, **way)).status == passed


async def test_behind_a_proxy_each_sender_has_his_own_limit_and_all_have_one(tmp_path):
    trust = {**trusting(), "unproved_per_minute": 5, "unproved_in_all_per_minute": 12}
    async with running_daemon(tmp_path, trust=trust, receiver=PROXIED, clock=ManualClock()) as daemon:
        assert await statuses(daemon, "203.0.113.1", 7) == [202] * 5 + [429] * 2
        # A whole network of IPv6 is one sender's.
        assert [(await post(daemon, f"2001:db8::{n}", signed=False))[0] for n in range(1, 7)] == [202] * 5 + [429]
        assert await statuses(daemon, "203.0.113.2", 3) == [202] * 2 + [429]
        assert await statuses(daemon, "203.0.113.3", 1) == [429]
        assert (await post(daemon, "203.0.113.1"))[0] == 200


async def statuses(daemon, sender, count):
    return [(await post(daemon, sender, signed=False))[0] for _ in range(count)]


async def test_signed_callbacks_pass_in_the_midst_of_a_flood_from_the_same_address(tmp_path):
    trust = {**trusting(), "unproved_per_minute": 10, "unproved_in_all_per_minute": 10}
    async with running_daemon(tmp_path, trust=trust) as daemon, asyncio.TaskGroup() as tasks:
        flood = [tasks.create_task(statuses(daemon, None, 100)) for _ in range(5)]
        true = [await daemon.post_signed(SIGNED, webhook_id=f"msg_{n}") for n in range(50)]
        assert {answer.status for answer in true} == {200}
    got = [status for task in flood for status in task.result()]
    assert got.count(202) < 20
    assert set(got) == {202, 429}


async def counted(daemon, verdict, reason):
    mark = f'verdict="{verdict}"'
    async with daemon.api.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(
        float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("kling_daemon_callbacks_total{")
        and mark in line
        and (reason is None or f'reason="{reason}"' in line)
    )
