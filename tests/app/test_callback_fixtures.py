"""Every recorded callback, posted to a running daemon over a real socket, in each of the ways in which it may come."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from fakes.dispatching import Witness, configured, until
from fakes.running_daemon import PATH, SECRET_TEXT, running_daemon, trusting
from fakes.scripted_kling import ScriptedKling, envelope
from recorded.kling_bodies import NAMES, parsed, raw

from kling_daemon.clock import from_millis
from kling_daemon.outputs import Charge
from kling_daemon.testing.clock import ManualClock


@dataclass(frozen=True)
class Told:
    """What a recorded callback says."""

    task_id: str
    state: str
    external_id: str | None = None
    reason: str | None = None
    outputs: tuple[tuple[str, str, str], ...] = ()
    """Type, id and duration of each."""
    cost: tuple[Charge, ...] = ()
    updated_at: int = 0

    @property
    def events(self) -> list[str]:
        ends = {"succeeded": ["job.completed"], "failed": ["job.failed"]}
        return ["job.status_changed", *ends.get(self.state, [])]


def units(amount: str, unit: str | None) -> tuple[Charge, ...]:
    return (Charge(kind="unit", amount=amount, unit=unit),)


CALLBACKS = {
    "legacy_callback_submitted": Told("820000000000000001", "submitted", "kd-1", updated_at=1764235834382),
    "legacy_callback_processing": Told("820000000000000001", "processing", "kd-1", updated_at=1764235834382),
    "legacy_callback_succeed_video": Told(
        "820000000000000001", "succeeded", "kd-1", None, (("video", "820000000000000901", "5.1"),),
        units("2.5", "video"), 1764236054436,
    ),
    "legacy_callback_failed": Told("820000000000000002", "failed", None, "moderation", updated_at=1764235834382),
    "new_callback_processing": Told("930000000000000011", "processing", "kd-11", updated_at=1790605872000),
    "new_callback_succeeded_video": Told(
        "930000000000000012", "succeeded", "kd-12", None, (("video", "930000000000000912", "3.041"),),
        units("2.4", "video"), 1790605953412,
    ),
    "thirdparty_callback_enveloped": Told(
        "abc123", "succeeded", None, None, (("video", "vid_001", "5.0"),), (), 1722769557708
    ),
}  # fmt: skip


async def test_every_recorded_callback_has_its_expectation():
    assert {name for name in NAMES if "callback" in name and "signature" not in name} == set(CALLBACKS)


def flat(name: str) -> dict:
    """Return the task object of a recorded callback without its envelope, as Kling has it in its answers."""
    body = parsed(name)
    return body.get("data", body)


async def arrived(daemon, witness: Witness, told: Told) -> None:
    """Insist on the job, its events and the deliveries."""
    job = await daemon.until_job(told.task_id, told.state)
    assert (job.external_id, job.reason, job.cost) == (told.external_id, told.reason, told.cost)
    assert tuple((output.type, output.id, output.duration) for output in job.outputs) == told.outputs
    assert job.updated_at == from_millis(told.updated_at)
    assert job.contradicted is False
    await daemon.until_delivered("witness", len(witness_types(daemon, job.id)))
    assert [event.type.value for event in witness.seen if event.job.state == told.state] == told.events
    assert [event.job for event in witness.seen if event.job.state == told.state][-1].as_json() == job.as_json()


def witness_types(daemon, job_id: str) -> list[str]:
    rows = daemon.rows("SELECT e.type FROM events e JOIN jobs j ON j.seq = e.job WHERE j.id = ? ORDER BY e.seq", job_id)
    return [kind for (kind,) in rows]


@pytest.mark.parametrize("name", CALLBACKS)
async def test_signed_it_is_believed_at_once(tmp_path, name):
    witness = Witness()
    async with running_daemon(tmp_path, handlers=[configured("witness", witness.open)], trust=trusting()) as daemon:
        if CALLBACKS[name].state == "submitted":
            # Alone it could be the console's test button; of a job that is known it is news like any other.
            assert (await daemon.post_signed(raw(name))).status == 200
            assert await daemon.jobs() == []
            assert [hint.task_id for hint in await daemon.due.hints(10)] == [CALLBACKS[name].task_id]
            return
        assert (await daemon.post_signed(raw(name))).status == 200
        await arrived(daemon, witness, CALLBACKS[name])


@pytest.mark.parametrize("name", CALLBACKS)
async def test_unsigned_with_a_capability_kling_is_asked_about_that_job(tmp_path, name):
    told, witness = CALLBACKS[name], Witness()
    entry = flat(name)
    async with (
        ScriptedKling(answer=[(200, envelope([entry]))]).serve() as kling,
        running_daemon(
            tmp_path,
            handlers=[configured("witness", witness.open)],
            kling=kling.url,
            clock=ManualClock(),
            trust=trusting(),
        ) as daemon,
    ):
        known = {"id": told.task_id, "status": "queueing", "message": "", "update_time": 1}
        assert (await daemon.post_signed(json.dumps(known).encode())).status == 200
        (job,) = await daemon.jobs()
        assert job.state == "submitted"
        lie = json.dumps({"id": "another-job", "status": "failed"}).encode()
        assert (await daemon.post(lie, path=f"{PATH}/{daemon.capability(job.id)}")).status == 200
        await until(lambda: len(kling.asked) == 1)
        if told.state != "submitted":
            await arrived(daemon, witness, told)
        assert [asked.path for asked in kling.asked] == [f"/tasks?task_ids={told.task_id}"]
        assert (await daemon.jobs())[0].callback_missed is False


@pytest.mark.parametrize("name", CALLBACKS)
async def test_unsigned_on_the_plain_path_it_is_adopted_once_kling_knows_it(tmp_path, name):
    told, witness = CALLBACKS[name], Witness()
    async with (
        ScriptedKling(answer=[(200, envelope([flat(name)]))]).serve() as kling,
        running_daemon(tmp_path, handlers=[configured("witness", witness.open)], kling=kling.url) as daemon,
    ):
        assert (await daemon.post(raw(name))).status == 202
        await arrived(daemon, witness, told)
        await until(lambda: daemon.rows("SELECT * FROM hints") == [])


async def test_the_vendors_signature_vector_is_believed_while_it_is_fresh(tmp_path):
    vector = parsed("new_callback_signature_vector")
    headers = {name: vector[name] for name in ("webhook-id", "webhook-timestamp")}
    headers["webhook-signature"] = vector["expected_signature"]
    assert vector["secret"] == SECRET_TEXT
    clock = ManualClock(fresh(headers))
    async with running_daemon(tmp_path, clock=clock, trust=trusting(vector["secret"])) as daemon:
        assert (await daemon.post(vector["raw_body"].encode(), headers=headers)).status == 200
        assert (await daemon.jobs())[0].task_id == "1234567890"
        clock.advance(timedelta(minutes=6))
        assert (await daemon.post(vector["raw_body"].encode(), headers=headers)).status == 401


async def test_the_headers_of_a_rotation_are_believed_with_the_secret_that_stays(tmp_path):
    headers, vector = parsed("new_callback_signature_rotation_headers"), parsed("new_callback_signature_vector")
    async with running_daemon(tmp_path, clock=ManualClock(fresh(headers)), trust=trusting()) as daemon:
        assert (await daemon.post(vector["raw_body"].encode(), headers=headers)).status == 200
        assert (await daemon.jobs())[0].state == "succeeded"


async def test_the_same_callback_again_is_counted_and_changes_nothing(tmp_path):
    witness = Witness()
    async with running_daemon(tmp_path, handlers=[configured("witness", witness.open)], trust=trusting()) as daemon:
        for number in range(3):
            for name in ("new_callback_succeeded_video", "legacy_callback_succeed_video"):
                assert (await daemon.post_signed(raw(name), webhook_id=f"msg_{number % 2}")).status == 200
        await daemon.until_delivered("witness", 4)
        assert sorted(daemon.rows("SELECT webhook_id, count FROM callbacks")) == [
            ("msg_0", 2), ("msg_0", 2), ("msg_1", 1), ("msg_1", 1),
        ]  # fmt: skip
        assert len(await daemon.jobs()) == 2
    assert len(witness.seen) == 4


def fresh(headers: dict[str, str]) -> datetime:
    return from_millis(int(headers["webhook-timestamp"]) * 1000)
