"""Kept callbacks on the command line, and their signatures checked again by a real daemon, also after a rotation."""

from fakes.daemon_process import Machine
from fakes.local_api import trust_in
from fakes.running_daemon import SECRET, signature
from recorded.kling_bodies import raw

from kling_daemon.clock import SystemClock
from kling_daemon.standard_webhooks import Secret
from kling_daemon.store import HintWeight, News, RawCallback

BODY = raw("new_callback_succeeded_video")
TASK = "930000000000000012"
OTHER = Secret.parse("other", "whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0")


async def keep(api, webhook_id, *, secret=SECRET, body=BODY):
    job = await api.make_job()
    headers = signature(BODY, SystemClock(), secrets=(secret,), webhook_id=webhook_id)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    callback = RawCallback(
        webhook_id=webhook_id,
        body=body,
        headers=lines,
        verdict="believed",
        secret=secret.name,
        received_at=SystemClock().now(),
    )
    await api.store.record(News(callback=callback, hint=HintWeight.JOB, job_id=job.id))
    return job


async def test_a_list_shows_the_secret_that_matched_and_can_be_cut_down(api, ask, ask_json):
    job, _ = await keep(api, "msg_1"), await keep(api, "msg_2", secret=OTHER)
    first, *lines = (await ask("callbacks", "list")).stdout.splitlines()
    assert first.split("  ")[0] == "CALLBACK"
    assert [("other" in line, "vendor" in line) for line in lines] == [(True, False), (False, True)]
    page = await ask_json("callbacks", "list", "--job", job.id, "--verdict", "believed", "--since", "1h")
    assert [found["webhook_id"] for found in page["items"]] == ["msg_1"]
    part = await ask("callbacks", "list", "--limit", 1)
    assert part.stderr.startswith("There are more: --cursor ")


async def test_one_that_does_not_verify_is_named_with_the_reason_and_is_1(api, ask, ask_json):
    sound, altered, gone = (
        await keep(api, "sound"),
        await keep(api, "altered", body=BODY + b" "),
        await keep(api, "gone", secret=OTHER),
    )
    result = await ask("callbacks", "verify", sound.id)
    assert (result.exit_code, result.stdout) == (0, "1 verified.\n")
    result = await ask("callbacks", "verify", "--all")
    assert result.exit_code == 1
    assert f"{altered.id}  does not verify (no_match)" in result.stdout
    assert f"{gone.id}  cannot be verified: the secret of that name is no longer configured" in result.stdout
    assert sound.id not in result.stdout
    assert result.stdout.endswith("1 verified, 1 whose secret is no longer configured, 1 that do not verify.\n")
    found = await ask_json("callbacks", "verify", "--all", exit_code=1)
    assert (found["checked"], found["verified"], found["secret_gone"], found["failed"]) == (3, 1, 1, 1)
    assert [item["finding"] for item in found["items"]] == ["secret_gone", "failed"]
    api.trust = trust_in(SECRET, OTHER)
    assert (await ask("callbacks", "verify", gone.id)).exit_code == 0


async def test_where_nothing_is_kept_nothing_is_wrong(ask):
    result = await ask("callbacks", "verify", "--all")
    assert (result.exit_code, result.stdout) == (0, "No such callback is kept.\n")


def test_it_must_be_said_what_is_to_be_checked(typed):
    for words in ([], ["--all", "--id", "1"], ["job", "--all"], ["job", "--since", "1h"]):
        assert typed("callbacks", "verify", *words).exit_code == 2


async def test_a_real_daemon_verifies_what_it_has_kept_and_says_when_its_secret_has_gone(tmp_path):
    machine = Machine(tmp_path)
    machine.configure()
    async with machine.daemon() as daemon:
        assert (await daemon.post_signed(BODY)).status == 200
        assert daemon.typed("callbacks", "verify", TASK).out == "1 verified.\n"
        assert "signed with vendor  1, last " in daemon.typed("stats").out
        await daemon.stop()
    machine.config.write_text(machine.config.read_text().replace("secrets.vendor", "secrets.next"))
    async with machine.daemon(VENDOR_SECRET="whsec_b3RoZXJzZWNyZXRvdGhlcnNlY3JldG90aGVyc2VjcmV0") as daemon:
        typed = daemon.typed("callbacks", "verify", "--all")
        assert typed.status == 1
        assert "the secret of that name is no longer configured" in typed.out
        assert "signed with vendor  1, last " in daemon.typed("stats").out
        assert "; no longer configured" in daemon.typed("stats").out
        assert "b3RoZXJzZWNyZXRv" not in typed.out + daemon.text
        await daemon.stop()
