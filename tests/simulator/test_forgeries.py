from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller

from kling_daemon.simulator import Simulator
from kling_daemon.simulator.forgeries import ATTACKER_URL, Forgery, forged_headers, forged_url
from kling_daemon.standard_webhooks import Flaw, Secret, SignatureError, verify

SECRET = Secret.parse("ours", "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
FLAWS = {
    Forgery.UNSIGNED: Flaw.MISSING_HEADER,
    Forgery.GUESSED_URL: Flaw.MISSING_HEADER,
    Forgery.OTHER_HEADER: Flaw.MISSING_HEADER,
    Forgery.GARBAGE: Flaw.NO_SIGNATURE,
    Forgery.WRONG_SECRET: Flaw.NO_MATCH,
    Forgery.STALE: Flaw.STALE,
}


@pytest.mark.parametrize("forgery", Forgery)
def test_no_forgery_verifies(forgery):
    headers = forged_headers(forgery, b"{}", NOW, (SECRET,))
    with pytest.raises(SignatureError) as error:
        verify((SECRET,), headers, b"{}", now=NOW)
    assert error.value.flaw is FLAWS[forgery]


def test_a_stale_forgery_is_wrong_in_nothing_but_its_age():
    headers = forged_headers(Forgery.STALE, b"{}", NOW, (SECRET,))
    signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert verify((SECRET,), headers, b"{}", now=signed_at) is SECRET


@pytest.mark.parametrize("url", ["https://x.example/hooks/a", "https://x.example/hooks/b?c=1", "https://x.example"])
def test_a_guessed_url_misses_on_the_same_host(url):
    guessed = forged_url(Forgery.GUESSED_URL, url)
    assert guessed != url
    assert guessed.startswith("https://x.example/")
    assert forged_url(Forgery.UNSIGNED, url) == url


@pytest.mark.parametrize("path", [NEW_VIDEO, LEGACY_VIDEO])
async def test_an_attacker_claims_success_at_his_own_address_before_every_callback(swift, path):
    simulator = Simulator(replace(swift, forge=1.0, secrets=(SECRET,)))
    async with CallbackSink.serve() as sink, simulator.serve() as url, KlingCaller.at(url) as kling:
        for _ in range(20):
            await kling.create(path, callback_url=sink.url, options={"callback_url": sink.url})
        await simulator.idle()
    forged = [received for received in sink.received if ATTACKER_URL.encode() in received.body]
    stats = simulator.stats()
    assert len(forged) == stats["callbacks"]["forged"] == stats["callbacks"]["sent"] == 60
    assert {received.status for received in forged} <= {"succeed", "succeeded"}
    assert {received.json.get("id") or received.json["task_id"] for received in forged} == {
        task["id"] for task in simulator.tasks()
    }
    assert set(stats["forgeries"]) == set(Forgery)
    assert stats["forgery_answers"] == {"200": 60}
