"""How creates come to Kling: the intent first, each once, and nothing paid twice whatever Kling answers."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from aiohttp import web
from fakes.asking import CALLBACK_URL, asking
from fakes.dispatching import until
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_VIDEO
from fakes.scripted_kling import ScriptedKling, envelope, task
from structlog.testing import capture_logs

from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.simulator import Simulator, SimulatorSettings, Span
from kling_daemon.store import News, StoreUnavailableError
from kling_daemon.store.connection import DATABASE
from kling_daemon.submission import SubmitRefusedError
from kling_daemon.submission.conclusions import UNSTORED
from kling_daemon.testing.clock import ManualClock

NO_LOOK_UP = "/v1/images/kolors-virtual-try-on"
"""It takes no external id, so a task of it cannot be looked up."""
SILENCE = object()


class Kling(ScriptedKling):
    """Makes a task of each create unless told otherwise, and says so or something else."""

    def __init__(self):
        super().__init__(answer=self.serve_all)
        self.by_external_id: dict[str, dict] = {}
        self.creates: list[object] = []
        """Answers to the next creates: (status, body), SILENCE, or text; none left: as Kling should."""
        self.makes: list[bool] = []
        """Whether the next creates make a task although the answer is another."""
        self.look_ups: list[tuple[int, object]] = []

    def made(self, body):
        external_id = body.get("external_task_id") or body.get("options", {}).get("external_task_id") or ""
        made = task(f"k{len(self.by_external_id) + 1}", "submitted", external_id=external_id)
        return self.by_external_id.setdefault(external_id, made)

    async def serve_all(self, request):
        if request.method == "POST":
            return await self.create(request)
        if self.look_ups:
            status, answer = self.look_ups.pop(0)
            return web.json_response(answer, status=status)
        if request.path == "/tasks":
            external_id = request.query.get("external_task_ids")
            return web.json_response(
                envelope([self.by_external_id[external_id]] if external_id in self.by_external_id else [])
            )
        external_id = request.path.rpartition("/")[2]
        if external_id in self.by_external_id:
            return web.json_response(envelope(self.by_external_id[external_id]))
        return web.json_response(envelope(None, 1201, "Task not found by external id"), status=400)

    async def create(self, request):
        body = await request.json()
        if not self.creates:
            return web.json_response(envelope(self.made(body)))
        answer = self.creates.pop(0)
        if self.makes and self.makes.pop(0):
            self.made(body)
        if answer is SILENCE:
            request.transport.abort()
            return web.Response()
        if isinstance(answer, str):
            return web.Response(text=answer, status=502, content_type="text/html")
        return web.json_response(answer[1], status=answer[0])

    @property
    def sent(self):
        return [json.loads(asked.body) for asked in self.asked if asked.method == "POST"]

    @property
    def methods(self):
        return [asked.method for asked in self.asked]


@pytest.fixture
async def kling():
    async with Kling().serve() as kling:
        yield kling


def refusal(status, code, message="no"):
    return status, envelope(None, code, message)


async def test_the_intent_is_on_disk_before_kling_is_asked(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"}, tags={"film": "1"})
        assert kling.asked == []
        kept = await here.job(job.id)
        assert (kept.state, kept.external_id, kept.tags) == ("queued", job.id, {"film": "1"})
        assert len(await here.store.due.digests_in_use()) == 1
        await here.send()
        assert kling.sent[0]["options"]["external_task_id"] == job.id
        assert kling.sent[0]["options"]["callback_url"].startswith(f"{CALLBACK_URL}/{job.id}.")
        assert ((await here.job(job.id)).state, (await here.job(job.id)).task_id) == ("submitted", "k1")
        assert kling.methods == ["POST"]


async def test_a_body_is_swept_from_the_spool_once_its_create_is_settled(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(3):
            await here.intake().accept(LEGACY_VIDEO, {"prompt": str(number)})
        assert len(list((tmp_path / "spool").iterdir())) == 3
        submitter = here.submitter()
        await here.send(submitter)
        await here.send(submitter)
        assert list((tmp_path / "spool").iterdir()) == []


async def test_a_duplicate_external_id_is_refused_before_anything_is_stored(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(LEGACY_VIDEO, {"prompt": "x"}, external_id="mine")
        with pytest.raises(SubmitRefusedError, match=job.id):
            await here.intake().accept(NEW_VIDEO, {"prompt": "x"}, external_id="mine")
        assert len(await here.store.read.jobs(limit=9)) == 1


async def test_two_that_come_at_once_with_one_external_id_are_paid_once(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.creates = [
            (200, envelope(task("k1", "submitted", external_id="mine"))),
            refusal(400, 1201, "External_task_id mine already exists"),
        ]
        kling.by_external_id["mine"] = task("k1", "submitted", external_id="mine")
        intake = here.intake()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(2):
                tasks.create_task(intake.accept(LEGACY_VIDEO, {"prompt": "x"}, external_id="mine"))
        for _ in range(3):
            await here.send()
        jobs = [job for _, job in await here.store.read.jobs(limit=9)]
        assert sorted((job.state.value, job.task_id or "") for job in jobs) == [("failed", ""), ("submitted", "k1")]
        assert {job.reason for job in jobs} == {None, "rejected"}


AMBIGUOUS = {
    "a server error": refusal(500, 5000),
    "a time-out of Kling's": refusal(504, 5002),
    "HTML": "<html>Bad Gateway</html>",
    "a lost connection": SILENCE,
    "no envelope": (200, {"hello": "world"}),
    "an unreadable task": (200, envelope({"id": {}})),
}


ACCOUNTS = [(NEW_VIDEO, False), (LEGACY_VIDEO, False), (LEGACY_VIDEO, True)]
"""What is made with an API key, and what with an access key and a secret key alone."""


@pytest.mark.parametrize(("path", "key_pair"), ACCOUNTS)
@pytest.mark.parametrize("answer", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_ambiguous_create_that_made_a_task_is_found_and_never_sent_again(
    tmp_path, kling, answer, path, key_pair
):
    kling.creates, kling.makes = [answer], [True]
    async with asking(tmp_path, kling.url, key_pair=key_pair) as here:
        job = await here.intake().accept(path, {"prompt": "x"})
        await here.send()
        assert (await here.job(job.id)).state == "queued"
        await here.send()
        assert (await here.job(job.id)).task_id == "k1"
        assert kling.methods == ["POST", "GET"]


@pytest.mark.parametrize(("path", "key_pair"), ACCOUNTS)
@pytest.mark.parametrize("answer", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_an_ambiguous_create_that_made_none_is_sent_again_unchanged(tmp_path, kling, answer, path, key_pair):
    kling.creates = [answer]
    async with asking(tmp_path, kling.url, key_pair=key_pair) as here:
        job = await here.intake().accept(path, {"prompt": "x"})
        await here.send()
        await here.send()
        assert (await here.job(job.id)).state == "submitted"
        assert kling.methods == ["POST", "GET", "POST"]
        assert kling.sent[0] == kling.sent[1]


async def test_nothing_is_sent_while_the_look_up_is_not_answered(tmp_path, kling):
    kling.creates, kling.makes = [SILENCE], [True]
    kling.look_ups = [refusal(503, 5001)] * 4
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(LEGACY_VIDEO, {"prompt": "x"})
        for _ in range(6):
            await here.send()
            here.clock.advance(60)
        assert (await here.job(job.id)).task_id == "k1"
        assert kling.methods == ["POST", *["GET"] * 5]


async def test_already_exists_is_looked_up_and_is_the_same_task(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        kling.creates, kling.makes = [refusal(400, 1201, f"External_task_id {job.id} already exists")], [True]
        await here.send()
        await here.send()
        assert (await here.job(job.id)).task_id == "k1"
        assert kling.methods == ["POST", "GET"]


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [(refusal(429, 1303), 1, 5), (refusal(429, 1302), 1, 60)],
    ids=["no free slot", "too fast"],
)
async def test_what_made_nothing_for_now_is_sent_again_from_a_second_on(tmp_path, kling, answer, least, most):
    kling.creates = [answer] * 8
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        pauses = []
        for _ in range(8):
            await here.send()
            pauses.append((await here.store.due.next_submission_due() - here.clock.now()).total_seconds())
            here.clock.advance(pauses[-1])
        assert (pauses[0], pauses[-1]) == (least, most)
        assert pauses == sorted(pauses)
        await here.send()
        assert (await here.job(job.id)).state == "submitted"
        assert await here.notices() == []


async def test_what_was_never_sent_is_simply_sent_later(tmp_path):
    async with asking(tmp_path, "http://127.0.0.1:9") as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        assert (await here.job(job.id)).state == "queued"
    async with Kling().serve() as kling, asking(tmp_path, kling.url, clock=here.clock) as here:
        here.clock.advance(1)
        await here.send()
        assert kling.methods == ["POST"]
        assert (await here.job(job.id)).state == "submitted"


@pytest.mark.parametrize(
    ("answer", "notice"),
    [
        (refusal(401, 1001), "kling.credentials"),
        (refusal(429, 1304), "kling.credentials"),
        (refusal(429, 1102, "Account balance not enough"), "kling.balance"),
        (refusal(429, 1101), "kling.balance"),
    ],
    ids=["credentials", "address", "empty pack", "arrears"],
)
async def test_an_account_that_cannot_create_is_held_and_goes_on_when_it_can(tmp_path, kling, answer, notice):
    kling.creates = [answer, answer]
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        await here.send()
        assert len(kling.asked) == 1
        assert await here.notices() == [notice]
        here.clock.advance(60)
        await here.send()
        here.clock.advance(60)
        await here.send()
        assert (await here.job(job.id)).state == "submitted"
        assert await here.notices() == []
        assert kling.methods == ["POST"] * 3


async def test_a_task_that_is_found_says_nothing_about_the_balance(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for _ in range(2):
            await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        kling.creates, kling.makes = [SILENCE, refusal(429, 1102)], [True, False]
        submitter = here.submitter()
        while await here.notices() != ["kling.balance"]:
            await here.send(submitter)
        await here.send(submitter)
        assert await here.store.read.job_counts() == {"queued": 1, "submitted": 1}
        assert await here.notices() == ["kling.balance"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (refusal(400, 1201, "prompt is too long"), "rejected"),
        (refusal(403, 1103), "rejected"),
        (refusal(404, 1203), "rejected"),
        (refusal(400, 1301, "content security"), "moderation"),
        (refusal(400, 1300), "moderation"),
    ],
)
async def test_a_create_that_kling_refuses_for_good_ends_the_job(tmp_path, kling, answer, reason):
    kling.creates = [answer]
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        here.clock.advance(3600)
        await here.send()
        after = await here.job(job.id)
        assert (after.state, after.reason, after.task_id) == ("failed", reason, None)
        assert kling.methods == ["POST"]
        events = [event.type.value for _, event in await here.store.read.events(limit=9, job_id=job.id)]
        assert events == ["job.status_changed", "job.status_changed", "job.failed"]


@pytest.mark.parametrize("external_id", [None, "mine"])
async def test_without_a_look_up_an_ambiguous_create_ends_unconfirmed_and_is_never_sent_again(
    tmp_path, kling, external_id
):
    kling.creates, kling.makes = [SILENCE], [True]
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NO_LOOK_UP, {"prompt": "x"}, external_id=external_id)
        submitter = here.submitter()
        await here.send(submitter)
        here.clock.advance(9 * 60)
        await here.send(submitter)
        assert (await here.job(job.id)).state == "queued"
        here.clock.advance(60)
        await here.send(submitter)
        after = await here.job(job.id)
        assert (after.state, after.reason) == ("failed", "unconfirmed")
        assert kling.methods == ["POST"]


async def test_without_a_look_up_a_clear_answer_is_as_good_as_any(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NO_LOOK_UP, {"prompt": "x"})
        assert job.external_id is None
        kling.creates = [refusal(429, 1303)]
        await here.send()
        here.clock.advance(5)
        await here.send()
        assert (await here.job(job.id)).state == "submitted"
        assert "external_task_id" not in kling.sent[0]


async def test_a_path_that_turns_out_to_have_no_look_up_ends_unconfirmed(tmp_path, kling):
    kling.creates, kling.makes = [SILENCE], [True]
    kling.look_ups = [refusal(404, 1203, "no such resource")] * 2
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept("/v1/videos/unheard-of", {"prompt": "x"})
        submitter = here.submitter()
        for _ in range(3):
            await here.send(submitter)
        assert (await here.job(job.id)).state == "queued"
        here.clock.advance(10 * 60)
        await here.send(submitter)
        assert (await here.job(job.id)).reason == "unconfirmed"
        assert kling.methods == ["POST", "GET", "GET"]


async def test_a_callback_confirms_what_cannot_be_looked_up(tmp_path, kling):
    kling.creates, kling.makes = [SILENCE], [True]
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NO_LOOK_UP, {"prompt": "x"})
        submitter = here.submitter()
        await here.send(submitter)
        await here.tracker.record(News(report=here.report("k1", JobState.PROCESSING), job_id=job.id))
        here.clock.advance(3600)
        await here.send(submitter)
        after = await here.job(job.id)
        assert (after.state, after.task_id, after.reason) == ("processing", "k1", None)


async def test_where_no_callback_comes_anyway_none_is_waited_for(tmp_path, kling):
    kling.creates, kling.makes = [SILENCE], [True]
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake(callback_url=None).accept(NO_LOOK_UP, {"prompt": "x"})
        await here.send()
        assert (await here.job(job.id)).reason == "unconfirmed"


async def test_what_was_on_the_wire_at_a_crash_is_looked_up_first(tmp_path, kling):
    on_the_wire = asyncio.Event()

    async def swallow(request):
        kling.made(await request.json())
        kling.answer = kling.serve_all
        on_the_wire.set()
        await asyncio.get_running_loop().create_future()

    kling.answer = swallow
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(here.submitter().run())
            await on_the_wire.wait()
            running.cancel()
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        assert (await here.job(job.id)).state == "queued"
        await here.send()
        assert (await here.job(job.id)).task_id == "k1"
        assert kling.methods == ["POST", "GET"]


async def test_a_body_that_is_gone_from_the_spool_ends_the_job_before_anything_is_sent(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        for path in (tmp_path / "spool").iterdir():
            path.unlink()
        await here.send()
        after = await here.job(job.id)
        assert (after.reason, kling.asked) == ("rejected", [])
        assert "spool" in after.message


async def test_a_body_that_cannot_be_read_for_now_is_sent_later(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        (path,) = (tmp_path / "spool").iterdir()
        content = path.read_bytes()
        path.unlink()
        path.mkdir()
        await here.send()
        assert (await here.job(job.id)).state == "queued"
        path.rmdir()
        path.write_bytes(content)
        here.clock.advance(1)
        await here.send()
        assert (await here.job(job.id)).state == "submitted"


class FailingTracker:
    """Fails so many times to record what Kling said."""

    def __init__(self, tracker, failures):
        self.tracker = tracker
        self.failures = failures

    async def record(self, news):
        if self.failures:
            self.failures -= 1
            raise StoreUnavailableError("the database could not commit: disk I/O error")
        return await self.tracker.record(news)


async def test_an_answer_that_cannot_be_stored_is_kept_until_it_can_and_disturbs_no_other_create(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        for number in range(4):
            await here.intake().accept(NEW_VIDEO, {"prompt": str(number)})
        here.tracker = FailingTracker(here.tracker, failures=1)
        await here.send()
        assert await here.store.read.job_counts() == {"submitted": 4}
        assert kling.methods == ["POST"] * 4


async def test_an_answer_that_cannot_be_stored_by_the_stop_is_looked_up_at_the_next_start(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        here.tracker = FailingTracker(here.tracker, failures=1000)
        submitter = here.submitter()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(submitter.run())
            await until(lambda: here.tracker.failures < 1000)
            submitter.stop()
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        await here.send()
        assert (await here.job(job.id)).task_id == "k1"
        assert kling.methods == ["POST", "GET"]


async def test_a_slow_create_does_not_hold_up_the_others(tmp_path, kling):
    held = asyncio.get_running_loop().create_future()

    async def answer(request):
        if request.method == "POST" and (await request.json())["prompt"] == "slow":
            await held
        return await kling.serve_all(request)

    kling.answer = answer
    async with asking(tmp_path, kling.url) as here:
        intake, submitter = here.intake(), here.submitter()
        await intake.accept(NEW_VIDEO, {"prompt": "slow"})
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(submitter.run())
            for number in range(20):
                await intake.accept(NEW_VIDEO, {"prompt": str(number)})
            submitter.wake()

            async def all_but_one():
                return (await here.store.read.job_counts()).get("submitted") == 20

            await until(all_but_one)
            held.set_result(None)
            submitter.stop()
        assert await here.store.read.job_counts() == {"submitted": 21}


async def test_jobs_taken_in_at_once_share_commits_and_are_all_sent(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        intake = here.intake()
        async with asyncio.TaskGroup() as tasks:
            for number in range(50):
                tasks.create_task(intake.accept(LEGACY_IMAGE, {"prompt": str(number)}))
        while await here.store.due.digests_in_use():
            await here.send()
        assert await here.store.read.job_counts() == {"submitted": 50}
        assert sorted(body["prompt"] for body in kling.sent) == sorted(map(str, range(50)))


async def test_a_simulated_kling_that_loses_half_its_answers_is_never_paid_twice(tmp_path):
    clock = ManualClock()
    simulator = Simulator(
        SimulatorSettings(
            ambiguous_creates=0.5, http_errors=0.2, video_slots=0, image_slots=0, hang=timedelta(0),
            submitted=Span.parse("1h"),
        ),
        clock,
    )  # fmt: skip
    async with simulator.serve() as url, asking(tmp_path, url, clock=clock) as here:
        for number in range(60):
            path = [NEW_VIDEO, LEGACY_VIDEO, LEGACY_IMAGE][number % 3]
            await here.intake(callback_url=None).accept(path, {"prompt": str(number)})
        submitter = here.submitter()
        while await here.store.due.digests_in_use():
            await here.send(submitter)
            clock.advance(60)
        assert set(await here.store.read.job_counts()) <= {JobState.SUBMITTED, JobState.PROCESSING}
        assert simulator.stats()["created"] == 60
        jobs = [job for _, job in await here.store.read.jobs(limit=99)]
        assert {job.task_id for job in jobs} == {known["id"] for known in simulator.tasks()}


async def test_a_create_that_waited_for_an_api_key_is_held_unsent_while_there_is_none(tmp_path, kling):
    async with asking(tmp_path, kling.url, key_pair=True) as here:
        job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        assert (await here.job(job.id)).state == "queued"
        assert kling.asked == []
        here.clock.advance(60)
        clock = here.clock
    async with asking(tmp_path, kling.url, clock=clock) as here:
        await here.send()
        assert (await here.job(job.id)).state == "submitted"


RETIRED = {
    "no permission": refusal(403, 1103, "no permission"),
    "no such resource": refusal(404, 1203, "the resource does not exist"),
    "a bad model": refusal(400, 1200, "model_name value 'kling-v1' is invalid"),
}


@pytest.mark.parametrize("answer", RETIRED.values(), ids=RETIRED)
async def test_a_model_that_kling_does_not_take_is_told_of_once_until_it_does(tmp_path, kling, answer):
    async with asking(tmp_path, kling.url) as here:
        for _ in range(2):
            kling.creates = [answer]
            job = await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
            await here.send()
            ended = await here.job(job.id)
            assert (ended.state, ended.reason) == ("failed", FailureReason.REJECTED)
            assert answer[1]["message"] in ended.message
        assert len(kling.sent) == 2
        (notice,) = await here.store.read.open_notices()
        assert (notice.kind, notice.subject) == ("kling.refused", NEW_VIDEO)
    async with asking(tmp_path, kling.url, clock=here.clock) as here:
        await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        assert await here.notices() == []


async def test_of_legacy_models_that_share_a_path_the_refused_one_is_named(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.creates = [RETIRED["no permission"]]
        await here.intake().accept(LEGACY_VIDEO, {"prompt": "x", "model_name": "kling-v1"})
        await here.send()
        await here.intake().accept(LEGACY_VIDEO, {"prompt": "x", "model_name": "kling-v3"})
        await here.send()
        assert [one.subject for one in await here.store.read.open_notices()] == [f"{LEGACY_VIDEO} kling-v1"]


async def test_a_refusal_of_what_one_request_says_is_no_matter_of_its_model(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        kling.creates = [refusal(400, 1201, "duration is invalid")]
        await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
        await here.send()
        assert await here.notices() == []


async def test_a_store_that_cannot_be_used_is_asked_ever_more_rarely_until_it_can_be_again(tmp_path, kling):
    async with asking(tmp_path, kling.url) as here:
        database, aside = tmp_path / DATABASE, tmp_path / "aside"
        submitter = here.submitter()
        with capture_logs() as lines:

            def tries():
                return sum(line["event"] == "submissions could not be taken up" for line in lines)

            async with asyncio.TaskGroup() as tasks:
                database.rename(aside)
                began = time.monotonic()
                tasks.create_task(submitter.run())
                await until(lambda: tries() == 3)
                assert time.monotonic() - began >= sum(UNSTORED.pause(failures).total_seconds() for failures in (1, 2))
                aside.rename(database)
                await here.intake().accept(NEW_VIDEO, {"prompt": "x"})
                submitter.wake()

                async def is_submitted():
                    return await here.store.read.job_counts() == {"submitted": 1}

                await until(is_submitted)
                submitter.stop()
        assert tries() == 3
