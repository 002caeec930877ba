"""The whole way with ed25519: a Kling that signs with a private key, and a daemon that has only the public one."""

from fakes.running_daemon import running_daemon, trusting

from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.standard_webhooks import SigningKey

KEY = SigningKey.parse("simulator", "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=")
QUICK = SimulatorSettings(submitted=Span.parse("1ms"), processing=Span.parse("1ms"), secrets=(KEY,))


async def test_a_job_ends_by_callbacks_that_are_signed_with_a_private_key(tmp_path):
    trust = trusting(KEY.public_text, require_signature=True)
    async with running_daemon(tmp_path, simulator=Simulator(QUICK), called_back=True, trust=trust) as daemon:
        job = await daemon.submit("/text-to-video/kling-3.0")
        ended = await daemon.until_job(job["id"], "succeeded")
        assert not ended.callback_missed
        assert set(daemon.rows("SELECT verdict, secret FROM callbacks")) == {("believed", "s0")}
        assert b"v1a," in daemon.rows("SELECT headers FROM callbacks")[0][0]
        async with daemon.api.get("/api/v1/callbacks/checks") as answer:
            items = (await answer.json())["items"]
        assert {item["finding"] for item in items} == {"verified"}
        async with daemon.api.get("/metrics") as answer:
            assert f'kling_daemon_matched_secrets_total{{secret="s0"}} {len(items)}.0' in await answer.text()
