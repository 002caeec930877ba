from collections import Counter
from dataclasses import replace

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller
from standardwebhooks import Webhook

from kling_daemon.simulator import Simulator
from kling_daemon.standard_webhooks import Secret

SECRET = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
ROTATED = "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0"
JOBS = 60


async def run(settings, sink, *, jobs=1, path=NEW_VIDEO):
    """Let so many jobs call back to the sink, until nothing more comes."""
    simulator = Simulator(settings)
    async with simulator.serve() as url, KlingCaller.at(url) as kling:
        for _ in range(jobs):
            place = {"options": {"callback_url": sink.url}} if path == NEW_VIDEO else {"callback_url": sink.url}
            await kling.create(path, **place)
        await simulator.idle()
    return simulator


async def test_each_change_of_state_is_called_back_once_and_in_order(swift):
    async with CallbackSink.serve() as sink:
        simulator = await run(swift, sink, jobs=JOBS)
    by_job: dict[str, list[str]] = {}
    for received in sink.received:
        by_job.setdefault(received.json["id"], []).append(received.status)
    assert list(by_job.values()) == [["submitted", "processing", "succeeded"]] * JOBS
    assert simulator.stats()["callbacks"] == {"due": 3 * JOBS, "sent": 3 * JOBS}
    assert simulator.stats()["answers"] == {"200": 3 * JOBS}
    assert simulator.tasks()[0]["called_back"] == ["processing", "submitted", "succeeded"]


async def test_submitted_may_be_left_out(swift):
    async with CallbackSink.serve() as sink:
        await run(replace(swift, submitted_callbacks=False), sink)
    assert [received.status for received in sink.received] == ["processing", "succeeded"]


@pytest.mark.parametrize(
    ("path", "misplaced"), [(NEW_VIDEO, "callback_url"), (LEGACY_VIDEO, "options")], ids=["new", "legacy"]
)
async def test_a_callback_url_in_the_other_generation_s_place_is_silently_ignored(swift, path, misplaced):
    simulator = Simulator(swift)
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        value = sink.url if misplaced == "callback_url" else {"callback_url": sink.url}
        await kling.create(path, **{misplaced: value})
        await simulator.idle()
    assert sink.received == []
    assert simulator.stats()["callbacks"] == {}
    assert simulator.stats()["billed"]["tasks"] == 1


@pytest.mark.parametrize("path", [NEW_VIDEO, LEGACY_VIDEO])
async def test_signed_callbacks_verify_with_each_secret_of_a_rotation(swift, path):
    secrets = tuple(Secret.parse(text[-4:], text) for text in (SECRET, ROTATED))
    async with CallbackSink.serve() as sink:
        await run(replace(swift, secrets=secrets), sink, path=path)
    for received in sink.received:
        for text in (SECRET, ROTATED):
            Webhook(text).verify(received.body, received.headers)


async def test_without_a_secret_no_signature_header_is_sent(swift):
    async with CallbackSink.serve() as sink:
        await run(swift, sink)
    assert not [name for received in sink.received for name in received.headers if name.startswith("webhook-")]


async def test_legacy_callbacks_may_be_unsigned_beside_signed_new_ones(swift):
    settings = replace(swift, secrets=(Secret.parse("a", SECRET),), sign_legacy=False)
    async with CallbackSink.serve() as sink:
        await run(settings, sink, path=LEGACY_VIDEO)
        assert not any("webhook-id" in received.headers for received in sink.received)
        sink.received.clear()
        await run(settings, sink, path=NEW_VIDEO)
        assert all("webhook-id" in received.headers for received in sink.received)


async def test_lost_and_doubled_callbacks_are_counted_as_what_arrives(swift):
    async with CallbackSink.serve() as sink:
        simulator = await run(replace(swift, lose=0.25, duplicate=0.25), sink, jobs=JOBS)
    counts = simulator.stats()["callbacks"]
    copies = Counter((received.json["id"], received.status) for received in sink.received)
    assert counts["lost"] == 3 * JOBS - len(copies)
    assert counts["duplicated"] == sum(count == 2 for count in copies.values())
    assert counts["sent"] == len(sink.received)
    assert 0.1 < counts["lost"] / counts["due"] < 0.4
    assert 0.1 < counts["duplicated"] / counts["due"] < 0.4


async def test_half_of_the_second_copies_bear_the_first_one_s_webhook_id(swift):
    settings = replace(swift, secrets=(Secret.parse("a", SECRET),), duplicate=1.0)
    async with CallbackSink.serve() as sink:
        await run(settings, sink, jobs=JOBS)
    ids: dict[tuple[str, str], set[str]] = {}
    for received in sink.received:
        ids.setdefault((received.json["id"], received.status), set()).add(received.headers["webhook-id"])
    assert {len(found) for found in ids.values()} == {1, 2}


async def test_a_reordered_callback_comes_after_the_job_s_next_one(swift):
    async with CallbackSink.serve() as sink:
        simulator = await run(replace(swift, reorder=1.0), sink, jobs=5)
    by_job: dict[str, list[str]] = {}
    for received in sink.received:
        by_job.setdefault(received.json["id"], []).append(received.status)
    assert list(by_job.values()) == [["succeeded", "submitted", "processing"]] * 5
    assert simulator.stats()["callbacks"]["reordered"] == 10


async def test_a_delayed_callback_keeps_its_place_among_the_job_s(swift):
    settings = replace(swift, delay=type(swift.delay).parse("0ms-30ms"))
    async with CallbackSink.serve() as sink:
        await run(settings, sink, jobs=20)
    by_job: dict[str, list[str]] = {}
    for received in sink.received:
        by_job.setdefault(received.json["id"], []).append(received.status)
    assert list(by_job.values()) == [["submitted", "processing", "succeeded"]] * 20


async def test_a_callback_without_a_2xx_is_sent_again_with_the_same_id(swift):
    settings = replace(swift, secrets=(Secret.parse("a", SECRET),), retries=2, retry_after=swift.hang)
    async with CallbackSink.serve() as sink:
        sink.answers = [503, 500, 204]
        simulator = await run(replace(settings, submitted_callbacks=False), sink)
    ids = Counter(received.headers["webhook-id"] for received in sink.received if received.status == "processing")
    assert sorted(ids.values()) in ([2], [3])
    assert simulator.stats()["callbacks"]["retried"] == 2
    assert simulator.tasks()[0]["called_back"] == ["processing", "succeeded"]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/nobody", "not a url", "ftp://example.com/x", "http://[::1", "http://\udc80/", "http://"]
)
async def test_a_callback_url_that_leads_nowhere_stops_nothing(swift, url):
    simulator = Simulator(replace(swift, forge=1.0))
    async with simulator.serve() as base, KlingCaller.at(base) as kling:
        await kling.create(NEW_VIDEO, options={"callback_url": url})
        await simulator.idle()
    assert simulator.stats()["answers"] == {"unreachable": 3}
    assert simulator.stats()["states"]["succeeded"] == 1
