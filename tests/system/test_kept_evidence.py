"""What a real daemon leaves of callbacks on its disk and in its log: no capability, and of refused ones nothing."""

import json
from urllib.parse import quote, unquote

import aiohttp
from fakes.daemon_process import Machine
from fakes.dispatching import until
from fakes.running_daemon import PATH, signature
from recorded.kling_bodies import raw

from kling_daemon.clock import SystemClock
from kling_daemon.ids import adopted_job_id
from kling_daemon.tracking import Capabilities, load_capability_keys

MINE, OTHERS = adopted_job_id("default", "930000000000000012"), "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f"
"""The job that the body is about, and one that there is not."""

BODY = raw("new_callback_succeeded_video")
LOUD = '[log]\nlevel = "debug"'


def everywhere(text):
    return "".join(f"%{ord(letter):02X}" for letter in text)


def handed_on(capability):
    """Return the headers in which proxies hand a path on, each with a capability in another form."""
    path = f"{PATH}/{capability}"
    encoded = path.replace(".", "%2E").replace("-", "%2D")
    return {
        "Referer": f"https://kling.example.com{path}?a=b",
        "X-Original-URI": path,
        "X-Original-URL": f"https%3A%2F%2Fkling.example.com{quote(encoded, safe='')}",
        "X-Forwarded-Uri": encoded.upper(),
        "X-Forwarded-Path": encoded.lower(),
        "X-Envoy-Original-Path": everywhere(path),
        "X-Rewrite-URL": quote(quote(everywhere(path), safe=""), safe=""),
        "Forwarded": f'for=192.0.2.1;proto=https;path="{path}"',
        "User-Agent": f"proxy ({capability})",
        "Cookie": f"last={path}",
        "Authorization": f"Bearer {capability}",
    }


def holds(data, mac):
    """True when bytes hold a MAC in any of the forms above, in any case."""
    text = data.decode("latin-1")
    for _ in range(4):
        if mac[:12].lower() in text.lower() or mac[-12:].lower() in text.lower():
            return True
        text = unquote(text, encoding="latin-1")
    return False


async def test_no_capability_is_on_the_disk_or_in_the_log_in_whatever_form_it_came(tmp_path):
    machine = Machine(tmp_path)
    machine.configure(LOUD)
    async with machine.daemon() as daemon:
        capabilities = Capabilities(load_capability_keys(machine.state).current)
        mine, others = capabilities.issue(MINE), capabilities.issue(OTHERS)
        for number, capability in enumerate((mine, others)):
            headers = handed_on(capability)
            # Believed for a signature, beside the capability of this job, of another one, of none and a wrong one.
            for place, path in enumerate((f"{PATH}/{mine}", f"{PATH}/{others}", PATH, f"{PATH}/{mine}x")):
                signed = headers_of(BODY, f"msg_{number}_{place}")
                assert (await daemon.post(BODY, path=path, headers={**headers, **signed})).status == 200
            assert (await daemon.post(BODY, path=f"{PATH}/{capability}", headers=headers)).status == 200
            assert (await daemon.post(BODY, headers=headers)).status == 202
            # Refused, misdirected, malformed.
            assert (await daemon.post(BODY, path=f"{PATH}/{capability}x", headers=headers)).status == 401
            assert (await daemon.post(BODY, path=f"/elsewhere/{capability}", headers=headers)).status == 404
            await daemon.exchange(f"POST {PATH}/{capability} HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n".encode())
            await daemon.exchange(f"POST {PATH}/{capability} HTTP/9.9\r\n\r\n".encode())
        running = b"".join(file.read_bytes() for file in machine.state.iterdir() if file.is_file())
        await daemon.stop()
    kept = b"".join(file.read_bytes() for file in machine.state.rglob("*") if file.is_file())
    assert b"X-Envoy-Original-Path: " in kept
    assert OTHERS.encode() in kept
    for capability in (mine, others):
        mac = capability.rpartition(".")[2]
        assert holds(everywhere(capability).encode(), mac)
        for place, data in {"running": running, "stopped": kept, "log": daemon.log.read_bytes()}.items():
            assert not holds(data, mac), place


async def test_of_a_refused_callback_nothing_is_kept_but_a_count(tmp_path):
    machine, mark = Machine(tmp_path), "never-to-be-kept"
    machine.configure(LOUD)
    body = json.dumps({**json.loads(BODY), "x": mark}).encode()
    async with machine.daemon() as daemon:
        good = headers_of(body, mark)
        forgeries = {
            "no_match": {**good, "webhook-id": f"{mark}-2"},
            "no_signature": {**good, "webhook-signature": "v1,never"},
            "stale": {**good, "webhook-timestamp": "1"},
            "bad_timestamp": {**good, "webhook-timestamp": mark},
            "bad_id": {**good, "webhook-id": f"{mark}\t2"},
            "missing_header": {"webhook-id": mark},
        }
        for headers in forgeries.values():
            assert (await daemon.post(body, headers={**headers, "X-Mark": mark})).status == 401
        forgeries["wrong_capability"] = {}
        assert (await daemon.post(body, path=f"{PATH}/{MINE}.never", headers={"X-Mark": mark})).status == 401
        assert (await daemon.post(body, path=f"{PATH}-{mark}", headers={"X-Mark": mark})).status == 404
        metrics = await metrics_of(daemon)
        for reason in forgeries:
            assert f'kling_daemon_callbacks_total{{reason="{reason}",verdict="refused"}} 1.0' in metrics
        assert (
            'kling_daemon_callbacks_total{reason="wrong_path",verdict="misdirected"}' not in metrics
        )  # no callback at all
        await until(lambda: daemon.said("callback refused", reason="wrong_capability") != [])
        await daemon.stop()
    kept = b"".join(file.read_bytes() for file in machine.state.rglob("*") if file.is_file())
    assert mark.encode() not in kept + daemon.log.read_bytes()


def headers_of(body, webhook_id):
    return signature(body, SystemClock(), webhook_id=webhook_id)


async def metrics_of(daemon):
    async with aiohttp.ClientSession() as session, session.get(f"http://{daemon.api}/metrics") as answer:
        return await answer.text()
