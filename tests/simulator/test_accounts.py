from dataclasses import replace

import pytest
from fakes.callback_sink import CallbackSink
from fakes.kling_caller import LEGACY_VIDEO, NEW_VIDEO, KlingCaller

from kling_daemon.clock import SystemClock
from kling_daemon.kling.tokens import KeyPair
from kling_daemon.simulator import AccountKeys, Simulator
from kling_daemon.standard_webhooks import Secret, verify

OTHER = AccountKeys(
    name="other", api_key="sk-other", access_key="ak", secret_key="sk", secrets=(Secret(name="s", key=b"other"),)
)


async def test_a_swapped_key_is_answered_200_and_knows_nothing(swift):
    simulator = Simulator(replace(swift, accounts=(OTHER,)))
    token = KeyPair(access_key="ak", secret_key="sk").token(SystemClock().now().timestamp())
    async with simulator.serve() as url, KlingCaller.at(url) as ours, KlingCaller.at(url, "sk-other") as theirs:
        job = await ours.create(LEGACY_VIDEO, external_task_id="mine")
        assert await theirs.tasks(task_ids=job["task_id"], external_task_ids="mine") == []
        status, listed = await theirs.call("POST", "/tasks", json={})
        assert (status, job["task_id"] in str(listed)) == (200, False)
        async with KlingCaller.at(url, token) as with_token:
            assert (await with_token.call("GET", LEGACY_VIDEO))[1]["data"] == []
            assert (await with_token.call("GET", f"{LEGACY_VIDEO}/{job['task_id']}"))[1]["code"] == 1201
            made = await with_token.create(LEGACY_VIDEO, external_task_id="mine")
        assert [task["id"] for task in await theirs.tasks(task_ids=made["task_id"])] == [made["task_id"]]
        assert await ours.tasks(task_ids=made["task_id"]) == []
    assert [(task["account"], task["external_id"]) for task in simulator.tasks()] == [
        ("main", "mine"),
        ("other", "mine"),
    ]
    assert len({task["id"] for task in simulator.tasks()}) == 2


async def test_each_account_has_slots_bills_and_signatures_of_its_own(swift):
    simulator = Simulator(replace(swift, accounts=(OTHER,), video_slots=1))
    async with (
        CallbackSink.serve() as sink,
        simulator.serve() as url,
        KlingCaller.at(url) as ours,
        KlingCaller.at(url, "sk-other") as theirs,
    ):
        for kling in (ours, theirs):
            await kling.create(NEW_VIDEO, options={"callback_url": sink.url})
        await simulator.idle()
    stats = simulator.stats()
    assert (stats["created"], stats["unfinished"], stats["billed"]["tasks"]) == (2, 0, 2)
    signed = [received for received in sink.received if "webhook-signature" in received.headers]
    assert len(signed) == 3
    for received in signed:
        verify(OTHER.secrets, received.headers, received.body, now=SystemClock().now())


@pytest.mark.parametrize("wrong", [{}, {"access_key": "ak"}, {"api_key": "a", "secret_key": "sk"}])
def test_an_account_without_whole_keys_is_refused(wrong):
    with pytest.raises(ValueError, match="key"):
        AccountKeys(name="a", **wrong)


def test_no_key_is_shown():
    assert "sk-other" not in repr(OTHER)
    assert "'sk'" not in repr(OTHER)
