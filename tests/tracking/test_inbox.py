"""What becomes of callbacks once they are judged: at their edges, and when the store or the version is the trouble."""

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import structlog
from fakes.reports import make_report
from fakes.running_daemon import PATH, SECRET, running_daemon, signature, trusting

from kling_daemon.bus import Bus
from kling_daemon.jobs import JobState
from kling_daemon.reports import Source
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.store import CallbackFilter, Effect, Intent, News, RawCallback, Store, evidence
from kling_daemon.telemetry import Metrics
from kling_daemon.testing import make_job
from kling_daemon.testing.clock import ManualClock
from kling_daemon.tracking import Callback, Capabilities, Confirm, Inbox, Tracker, Trust

KEY = b"k" * 32


@dataclass
class World:
    """An inbox over a real store."""

    store: Store
    inbox: Inbox
    clock: ManualClock
    counted: list[tuple[str, str]] = field(default_factory=list)

    def matched_secrets(self, name: str, count: int) -> None:
        pass

    def callbacks(self, verdict: str, reason: str, count: int = 1) -> None:
        self.counted += [(verdict, reason)] * count

    def callback_of(self, body: Any, path: str = PATH):
        """Return a signed callback."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = [(name.encode(), value.encode()) for name, value in signature(raw, self.clock).items()]
        return Callback(headers=[*headers, (b"Authorization", b"Bearer secret")], body=raw, path=path)

    async def signed(self, body: Any, path: str = PATH):
        callback = self.callback_of(body, path)
        return await self.inbox.take(callback.headers, callback.body, callback.path)

    async def jobs(self):
        return {job.task_id: job.state.value for _, job in await self.store.read.jobs(limit=99)}


@asynccontextmanager
async def world(directory: Path, *, confirm=Confirm.UNSIGNED, adopt=True, backlog=None, **options):
    clock = ManualClock()
    async with Store.open(directory, clock=clock, **options) as store:
        trust = Trust(path=PATH, secrets=[SECRET], capabilities=Capabilities(KEY), confirm=confirm)
        here = World(store=store, inbox=None, clock=clock)
        tracker = Tracker(store, Bus(), Metrics(version="test"))
        here.inbox = Inbox(
            trust=trust, tracker=tracker, store=store, clock=clock, counters=here, adopt=adopt, backlog=backlog
        )
        yield here


def said(task_id, status, **more):
    return {"id": task_id, "status": status, "update_time": 1790605872000, **more}


def capability(job_id):
    return f"{PATH}/{Capabilities(KEY).issue(job_id)}"


async def test_a_signed_callback_at_another_jobs_address_is_true_of_the_task_that_it_names(tmp_path):
    async with world(tmp_path) as here:
        await here.signed(said("a", "processing"))
        await here.signed(said("b", "processing"))
        mine = (await here.store.read.job("a")).id
        assert (await here.signed(said("b", "succeeded"), capability(mine))).status == 200
        assert await here.jobs() == {"a": "processing", "b": "succeeded"}
        assert (await here.signed(said("c", "processing"), capability(mine))).status == 200
        assert await here.jobs() == {"a": "processing", "b": "succeeded", "c": "processing"}


async def test_a_path_that_a_proxy_hands_on_is_kept_without_its_capability(tmp_path):
    async with world(tmp_path) as here:
        await here.signed(said("a", "processing"))
        job_id = (await here.store.read.job("a")).id
        path = capability(job_id)
        mac = path.rpartition(".")[2].encode()
        body = json.dumps(said("a", "succeeded")).encode()
        assert (await here.inbox.take([(b"X-Original-URI", path.encode())], body, path)).status == 200
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert mac not in kept
    assert b"X-Original-URI: %b/%b.***\r\n" % (PATH.encode(), job_id.encode()) in kept


async def test_of_very_many_encoded_headers_the_rest_is_masked_unread(tmp_path):
    async with world(tmp_path) as here:
        await here.signed(said("a", "processing"))
        path = capability((await here.store.read.job("a")).id)
        hidden = "".join(f"%{ord(letter):02x}" for letter in path).encode()
        headers = [(b"X-%d" % number, b"%25" * 1000) for number in range(3)]
        headers += [(b"X-Last", hidden), (b"X-Plain", b"p" * 5000), (b"X-Path", path.encode())]
        assert (await here.inbox.take(headers, json.dumps(said("a", "succeeded")).encode(), path)).status == 200
        pages = here.store.read.callback_pages
        (hint,), _ = await pages.falling(CallbackFilter(verdict="hint"), limit=1)
        kept = (await pages.evidence(hint.id)).headers
    assert kept.startswith(b"X-0: " + b"%25" * 1000 + b"\r\nX-1: ***\r\nX-2: ***\r\nX-Last: ***\r\nX-Plain: ppp")
    assert path.rpartition(".")[2].encode() not in kept


async def test_an_unsigned_one_that_is_believed_for_its_capability_is_about_that_job_alone(tmp_path):
    async with world(tmp_path, confirm=Confirm.NEVER) as here:
        await here.signed(said("a", "processing"))
        await here.signed(said("b", "processing"))
        mine = capability((await here.store.read.job("a")).id)
        for body in (said("b", "failed"), said("new", "succeeded")):
            assert (await here.inbox.take([], json.dumps(body).encode(), mine)).status == 200
        assert await here.jobs() == {"a": "processing", "b": "processing"}
        assert (await here.inbox.take([], json.dumps(said("a", "succeeded")).encode(), mine)).status == 200
        assert await here.jobs() == {"a": "succeeded", "b": "processing"}


async def made(here, job_id, external_id):
    """Store the intent to create a job, as submitting one does; return the path of its callbacks."""
    job = make_job(id=job_id, task_id=None, external_id=external_id, state=JobState.QUEUED)
    path = "/text-to-video/kling-3.0"
    await here.store.make_job(Intent(job=job, path=path, digest=job_id, callback_expected=True))
    return capability(job_id)


async def answered(here, job_id, task_id):
    """Let Kling's answer to the create of a job be stored."""
    report = make_report(task_id, JobState.SUBMITTED, source=Source.SUBMISSION)
    assert (await here.store.record(News(report=report, job_id=job_id))).effect is Effect.ADVANCED


A, B = "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a0f", "01991f2e-6a00-7c3d-8e11-5a0f5a0f5a10"


@pytest.mark.parametrize("body", [said("b", "failed"), said("b", "failed", external_id="eb")])
async def test_one_that_is_believed_for_its_capability_does_not_take_another_jobs_task_before_the_creates_are_answered(
    tmp_path, body
):
    async with world(tmp_path, confirm=Confirm.NEVER) as here:
        mine, _ = await made(here, A, "ea"), await made(here, B, "eb")
        assert (await here.inbox.take([], json.dumps(body).encode(), mine)).status == 200
        await answered(here, B, "b")
        await answered(here, A, "a")
        assert await here.jobs() == {"a": "submitted", "b": "submitted"}
        # What it was worth: Kling is asked about the job that it names, as soon as there is a task to ask about.
        (due,) = await here.store.due.due_polls(here.clock.now(), 9)
        (stored,) = await here.store.due.jobs_to_poll([due], here.clock.now())
        assert (stored.job.id, stored.following.prompted) == (A, True)


async def test_a_signed_one_about_a_known_task_is_true_of_it_at_the_address_of_a_job_without_one_too(tmp_path):
    async with world(tmp_path) as here:
        mine = await made(here, A, "ea")
        await here.signed(said("b", "processing"))
        assert (await here.signed(said("b", "succeeded"), mine)).status == 200
        assert await here.jobs() == {None: "queued", "b": "succeeded"}
        await answered(here, A, "a")
        assert await here.jobs() == {"a": "submitted", "b": "succeeded"}


async def test_a_signed_one_about_an_unknown_task_waits_for_what_kling_says_of_it(tmp_path):
    async with world(tmp_path) as here:
        mine = await made(here, A, "ea")
        assert (await here.signed(said("b", "succeeded"), mine)).status == 200
        assert await here.jobs() == {None: "queued"}
        assert [hint.task_id for hint in await here.store.due.hints(9, signed=True)] == ["b"]
        await answered(here, A, "b")
        assert await here.jobs() == {"b": "submitted"}, "it was its task after all"
        assert len(await here.store.due.due_polls(here.clock.now(), 9)) == 1


async def test_contradictions_for_a_capability_leave_no_more_rows_than_bodies_are_kept(tmp_path):
    async with world(tmp_path, confirm=Confirm.NEVER) as here:
        await here.signed(said("a", "succeeded"))
        job_id = (await here.store.read.job("a")).id
        for number in range(60):
            body = json.dumps(said("a", "failed", number=number)).encode()
            assert (await here.inbox.take([], body, capability(job_id))).status == 200
        history = await here.store.read.history(job_id, limit=999)
        assert [entry.effect for entry in history.entries].count("contradicted") == 19
        assert (await here.store.read.job("a")).contradicted


async def test_one_that_is_believed_for_its_capability_may_overtake_the_creates_answer(tmp_path):
    async with world(tmp_path, confirm=Confirm.NEVER) as here:
        mine = await made(here, A, "ea")
        body = json.dumps(said("a", "succeeded", external_id="ea")).encode()
        assert (await here.inbox.take([], body, mine)).status == 200
        assert await here.jobs() == {"a": "succeeded"}


async def test_a_hint_that_overtakes_the_creates_answer_has_kling_asked_once_there_is_one(tmp_path):
    async with world(tmp_path) as here:
        mine = await made(here, A, "ea")
        assert (await here.inbox.take([], json.dumps(said("b", "failed")).encode(), mine)).status == 200
        assert await here.store.due.due_polls(here.clock.now(), 9) == []
        assert await here.store.due.hints(9) == [], "it names its job, not the task in its body"
        await answered(here, A, "a")
        assert len(await here.store.due.due_polls(here.clock.now(), 9)) == 1


@pytest.mark.parametrize("confirm", list(Confirm))
async def test_a_capability_of_a_job_that_is_not_kept_is_a_hint_about_what_its_body_names(tmp_path, confirm):
    async with world(tmp_path, confirm=confirm) as here:
        await here.store.record(News(report=make_report("known", JobState.SUCCEEDED), adopt=True))
        for task_id in ("unknown", "known"):
            body = json.dumps(said(task_id, "failed")).encode()
            assert (await here.inbox.take([], body, capability(A))).status == 200
        assert [hint.task_id for hint in await here.store.due.hints(9)] == ["unknown"]
        assert await here.store.read.callback_counts() == {}, "anybody's bytes are not kept"
        assert await here.jobs() == {"known": "succeeded"}


@pytest.mark.parametrize("confirm", [Confirm.UNSIGNED, Confirm.NEVER])
@pytest.mark.parametrize("names", ["its own task", "another task", "a new task each time"])
async def test_of_whoever_has_a_capability_only_so_many_bodies_are_kept(tmp_path, confirm, names):
    async with world(tmp_path, confirm=confirm) as here:
        await here.signed(said("a", "processing"))
        mine = capability((await here.store.read.job("a")).id)
        for number in range(40):
            task_id = {"its own task": "a", "another task": "b"}.get(names, f"n{number}")
            body = json.dumps(said(task_id, "processing", number=number)).encode()
            assert (await here.inbox.take([], body, mine)).status == 200
        assert sum((await here.store.read.callback_counts()).values()) == 20
        for number in range(3):
            await here.signed(said("a", "processing", number=number))
        assert sum((await here.store.read.callback_counts()).values()) == 23, "what is signed is always kept"
        assert await here.jobs() == {"a": "processing"}


async def test_credentials_in_headers_are_not_kept(tmp_path):
    async with world(tmp_path) as here:
        await here.signed(b"unreadable")
        ((raw, _),) = await here.store.due.unreadable_callbacks("another version", 9)
        assert b"webhook-id: msg_1\r\n" in raw.headers
        assert b"secret" not in raw.headers


@pytest.mark.parametrize(
    ("confirm", "status", "jobs", "hints"),
    [
        (Confirm.UNSIGNED, "processing", {"t1": "processing"}, []),
        (Confirm.UNSIGNED, "submitted", {}, ["t1"]),
        (Confirm.ALWAYS, "processing", {}, ["t1"]),
    ],
)
async def test_what_an_earlier_version_could_not_read_is_read_again_under_todays_rules(
    tmp_path, confirm, status, jobs, hints
):
    async with world(tmp_path, confirm=confirm) as here:
        await here.signed(b"still unreadable")
        body = json.dumps(said("t1", status)).encode()
        await keep_as_unreadable(here, body)
        assert await here.inbox.read_again() == 1
        assert await here.jobs() == jobs
        waiting = await here.store.due.hints(9, signed=confirm is Confirm.ALWAYS)
        assert [hint.task_id for hint in waiting] == hints
        assert await here.inbox.read_again() == 0
        counts = await here.store.read.callback_counts()
        assert sum(counts.values()) == 2
        assert counts["unreadable"] == 1


async def keep_as_unreadable(here, body):
    """Leave what a version would that could not read this body."""

    raw = RawCallback(
        webhook_id="m1", body=body, headers=b"", verdict="unreadable", secret="vendor", received_at=here.clock.now()
    )
    ours, evidence.__version__ = evidence.__version__, "0.0.1"
    try:
        await here.store.record(News(callback=raw))
    finally:
        evidence.__version__ = ours


async def test_an_unknown_status_word_makes_a_job_that_kling_has_and_a_line_in_the_log(tmp_path):
    async with world(tmp_path) as here:
        with structlog.testing.capture_logs() as lines:
            assert (await here.signed(said("t1", "queueing"))).status == 200
            assert (await here.inbox.take([], json.dumps(said("t1", "hacked")).encode(), PATH)).status == 202
        assert await here.jobs() == {"t1": "submitted"}
        assert [line["word"] for line in lines if line["event"] == "unknown status word"] == ["queueing"]


async def test_a_store_that_cannot_commit_is_answered_503_and_counted(tmp_path):
    async with world(tmp_path) as here:
        pass
    answer = await here.signed(said("t1", "succeeded"))
    assert (answer.status, answer.retry_after) == (503, 5)
    assert here.counted == [("unstored", "signature")]


@pytest.mark.parametrize("secrets", [(SECRET,), ()], ids=["signed", "with a capability"])
async def test_a_callback_that_overtakes_the_creates_answer_finds_its_job(tmp_path, secrets):
    simulator = Simulator(
        SimulatorSettings(
            secrets=secrets, submitted=Span.parse("1ms"), processing=Span.parse("1ms"), ambiguous_creates=1.0
        )
    )
    trust = trusting() if secrets else {"secrets": {}}
    async with running_daemon(tmp_path, simulator=simulator, called_back=True, trust=trust) as daemon:
        job = await daemon.submit("/text-to-video/kling-3.0")
        ended = await daemon.until_job(job["id"], JobState.SUCCEEDED)
        assert ended.callback_missed is False
        assert len(await daemon.jobs()) == 1
        assert simulator.stats()["created"] == 1


class Worn(Random):
    """Fails once it is worn out, and with it whatever sets a time for the next poll: jobs that are still open."""

    worn_out = False

    def random(self):
        if self.worn_out:
            raise ZeroDivisionError
        return super().random()


async def test_callbacks_that_come_together_are_answered_each_as_by_itself(tmp_path):
    async with world(tmp_path) as here:
        good = here.callback_of(said("t1", "succeeded"))
        answers = await here.inbox.take_all(
            [
                good,
                replace(good, body=b"{}"),
                replace(good, headers=None),  # whatever a mistake of our own makes of it
                replace(here.callback_of(said("t2", "succeeded")), headers=[]),
                good,
            ]
        )
        assert [answer.status for answer in answers] == [200, 401, 503, 202, 200]
        assert await here.jobs() == {"t1": "succeeded"}
        assert [hint.task_id for hint in await here.store.due.hints(9)] == ["t2"]


async def test_what_follows_from_callbacks_at_another_jobs_address_fails_each_alone(tmp_path):
    random = Worn()
    async with world(tmp_path, random=random) as here:
        await here.signed(said("a", "processing"))
        elsewhere = capability((await here.store.read.job("a")).id)
        random.worn_out = True
        with structlog.testing.capture_logs() as lines:
            answers = await here.inbox.take_all(
                [
                    here.callback_of(said("open", "processing"), elsewhere),
                    here.callback_of(said("ended", "succeeded"), elsewhere),
                    here.callback_of(said("unmade", "submitted"), elsewhere),
                    here.callback_of(said("b", "succeeded")),
                ]
            )
        assert [answer.status for answer in answers] == [503, 200, 200, 200]
        assert [line["event"] for line in lines if line["log_level"] == "error"] == ["callback could not be handled"]
        assert await here.jobs() == {"a": "processing", "ended": "succeeded", "b": "succeeded"}
        assert [hint.task_id for hint in await here.store.due.hints(9)] == ["unmade"]


async def test_what_follows_from_callbacks_that_came_together_is_committed_together(tmp_path):
    units = []
    async with world(tmp_path, on_commit=lambda many, _seconds: units.append(many)) as here:
        await here.signed(said("a", "processing"))
        elsewhere = capability((await here.store.read.job("a")).id)
        units.clear()
        callbacks = [here.callback_of(said(f"t{number}", "succeeded"), elsewhere) for number in range(20)]
        assert {answer.status for answer in await here.inbox.take_all(callbacks)} == {200}
        assert units == [20, 20]
