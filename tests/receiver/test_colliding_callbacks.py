"""Callbacks that come at once, twice, in any order, or before there is a task: each job ends right, on real sockets."""

import asyncio
import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from fakes.dispatching import Witness, configured, until
from fakes.running_daemon import JSON, PATH, running_daemon, signature, trusting
from fakes.scripted_kling import ScriptedKling, envelope, task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CREATE = "/text-to-video/kling-3.0"
STATES = ["submitted", "processing", "succeeded"]
ENDED = ["job.status_changed", "job.completed"]


def said(task_id, status, **more):
    return json.dumps(task(task_id, status, **more)).encode()


def stored(daemon, task_id="t1"):
    """Return the events of a job as they are committed: the types, each with its state."""
    query = "SELECT e.type, e.state FROM events e JOIN jobs j ON j.seq = e.job WHERE j.task_id = ? ORDER BY e.seq"
    return daemon.rows(query, task_id)


async def posted(session, daemon, body, *, after=0.0, webhook_id="msg_1", path=PATH):
    await asyncio.sleep(after)
    headers = {**JSON, **signature(body, daemon.clock, webhook_id=webhook_id)}
    async with session.post(f"{daemon.receiver}{path}", data=body, headers=headers) as answer:
        return answer.status


async def on_two_connections(daemon, first, second, *, gap):
    """Post two callbacks, the second so many seconds after the first, on connections of their own."""
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(2)]
        for session in (one, other):  # connected, so that only the gap is between them
            async with session.get(f"{daemon.receiver}/healthz") as answer:
                assert answer.status == 200
        async with asyncio.TaskGroup() as tasks:
            answers = [
                tasks.create_task(posted(session, daemon, body, after=after, webhook_id=id_), name=f"callback {id_}")
                for session, (body, id_), after in ((one, first, 0.0), (other, second, gap))
            ]
        return [answer.result() for answer in answers]


@pytest.mark.parametrize("gap", [0.0, 0.001], ids=["at once", "1 ms apart"])
@pytest.mark.parametrize("ids", [("a", "b"), ("a", "a")], ids=["two ids", "one id"])
async def test_two_of_the_same_state_on_two_connections_make_one_end(tmp_path, gap, ids):
    witness = Witness()
    handlers = [configured("w", witness.open)]
    async with running_daemon(tmp_path, handlers=handlers, trust=trusting()) as daemon:
        for number in range(10):
            body = said(f"t{number}", "succeeded")
            pair = [(body, f"{id_}{number}") for id_ in ids]
            assert await on_two_connections(daemon, *pair, gap=gap) == [200, 200]
            assert stored(daemon, f"t{number}") == [(type_, "succeeded") for type_ in ENDED]
        await daemon.until_delivered("w", 20)
        assert all(witness.types_of(number) == ENDED for number in range(10))
        counts = daemon.rows("SELECT sum(count) FROM callbacks")
        assert counts == [(20,)]


@pytest.mark.parametrize("gap", [0.0, 0.001], ids=["at once", "1 ms apart"])
async def test_two_different_ends_on_two_connections_make_one_and_a_contradiction(tmp_path, gap):
    async with running_daemon(tmp_path, trust=trusting()) as daemon:
        for number in range(10):
            bodies = [(said(f"t{number}", status), f"{status}{number}") for status in ("succeeded", "failed")]
            assert await on_two_connections(daemon, *bodies, gap=gap) == [200, 200]
            job = await daemon.read.job(f"t{number}")
            assert job.contradicted
            end = "job.completed" if job.state == "succeeded" else "job.failed"
            assert stored(daemon, f"t{number}") == [("job.status_changed", job.state), (end, job.state)]


async def test_the_same_webhook_id_with_another_body_is_other_news(tmp_path):
    async with running_daemon(tmp_path, trust=trusting()) as daemon:
        for status in STATES:
            assert (await daemon.post_signed(said("t1", status), webhook_id="msg_1")).status == 200
        assert (await daemon.post_signed(said("t2", "processing"), webhook_id="msg_1")).status == 200
        states = {job.task_id: job.state for job in await daemon.jobs()}
        assert states == {"t1": "succeeded", "t2": "processing"}
        assert daemon.rows("SELECT count FROM callbacks") == [(1,)] * 4


async def test_the_same_body_with_another_webhook_id_is_kept_and_changes_nothing(tmp_path):
    witness = Witness()
    async with running_daemon(tmp_path, handlers=[configured("w", witness.open)], trust=trusting()) as daemon:
        for number in range(5):
            assert (await daemon.post_signed(said("t1", "succeeded"), webhook_id=f"msg_{number}")).status == 200
        assert stored(daemon) == [(type_, "succeeded") for type_ in ENDED]
        await daemon.until_delivered("w", 2)
        assert daemon.rows("SELECT count FROM callbacks") == [(1,)] * 5


async def test_out_of_order_the_latest_state_stands_and_none_is_told_of_after_it(tmp_path):
    witness = Witness()
    async with running_daemon(tmp_path, handlers=[configured("w", witness.open)], trust=trusting()) as daemon:
        for number, status in enumerate(reversed(STATES)):
            assert (await daemon.post_signed(said("t1", status), webhook_id=f"msg_{number}")).status == 200
        assert stored(daemon) == [(type_, "succeeded") for type_ in ENDED]
        await daemon.until_delivered("w", 2)
        (job,) = await daemon.jobs()
        assert (job.state, job.contradicted) == ("succeeded", False)


class HastyKling(ScriptedKling):
    """Calls back about a task before it answers the create."""

    def __init__(self, call):
        super().__init__(answer=self.serve_tasks)
        self.call = call
        self.answers = []
        self.made = {}

    async def serve_tasks(self, request):
        if request.path == CREATE:
            options = (await request.json())["options"]
            task_id = f"t{len(self.made) + 1}"
            self.made[task_id] = task(task_id, "succeeded", external_id=options["external_task_id"])
            self.answers.append(await self.call(options["callback_url"], self.made[task_id]))
            return web.json_response(envelope({**self.made[task_id], "status": "submitted"}))
        ids = request.query.get("task_ids", "").split(",")
        return web.json_response(envelope([self.made[id_] for id_ in ids if id_ in self.made]))


@pytest.mark.parametrize("confirm", ["unsigned", "always", "never"])
@pytest.mark.parametrize("is_signed", [True, False], ids=["signed", "with its capability alone"])
@pytest.mark.parametrize("body_names", ["its own task", "another task"])
async def test_before_the_creates_answer_is_stored_a_callback_finds_its_job_and_no_other(
    tmp_path, confirm, is_signed, body_names
):
    async def call(url, made):
        body = json.dumps(made if body_names == "its own task" else task("other", "failed")).encode()
        headers = signature(body, daemon.clock) if is_signed else {}
        async with daemon.session.post(url, data=body, headers={**JSON, **headers}) as answer:
            return answer.status

    kling, witness = HastyKling(call), Witness()
    handlers = [configured("w", witness.open)]
    trust = trusting(confirm=confirm, adopt="none")
    async with (
        kling.serve(),
        running_daemon(tmp_path, handlers=handlers, kling=kling.url, called_back=True, trust=trust) as daemon,
    ):
        order = await daemon.submit(CREATE)
        job = await daemon.until_job(order["id"], "succeeded")
        assert (job.task_id, job.contradicted) == ("t1", False)
        await until(lambda: kling.answers == [200])
        assert [row for row in stored(daemon) if row[0] == "job.completed"] == [("job.completed", "succeeded")]
        assert len(await daemon.jobs()) == 1
        await until(lambda: [item.type.value for item in witness.seen][-2:] == ENDED)
        assert len({item.id for item in witness.seen}) == len(witness.seen)


arriving = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(STATES), st.sampled_from(["a", "b"]), st.integers(0, 2)),
    min_size=1,
    max_size=30,
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(arriving=arriving)
def test_any_order_and_repetition_on_any_connections_ends_each_job_right(arriving):
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(play(Path(directory), arriving))


async def play(directory, arriving):
    """Post callbacks about four tasks, as drawn, on three connections at once; each connection keeps its order."""

    async def connection(session, number):
        for task_number, status, id_, lane in arriving:
            if lane == number:
                body = said(f"t{task_number}", status)
                assert await posted(session, daemon, body, webhook_id=id_) == 200

    async with running_daemon(directory, trust=trusting()) as daemon, AsyncExitStack() as stack:
        sessions = [await stack.enter_async_context(aiohttp.ClientSession()) for _ in range(3)]
        async with asyncio.TaskGroup() as tasks:
            for number, session in enumerate(sessions):
                tasks.create_task(connection(session, number), name=f"connection {number}")
        for task_number in {task_number for task_number, *_ in arriving}:
            told = {status for number, status, *_ in arriving if number == task_number}
            job = await daemon.read.job(f"t{task_number}")
            if told == {"submitted"}:
                assert job is None  # the console's test button sends that, too: Kling has to know the task
                continue
            assert (job.state, job.contradicted) == (max(told, key=STATES.index), False)
            states = [state for type_, state in stored(daemon, f"t{task_number}") if type_ == "job.status_changed"]
            assert states == sorted(set(states), key=STATES.index)
            assert states[-1] == job.state
            ends = [type_ for type_, _ in stored(daemon, f"t{task_number}") if type_ != "job.status_changed"]
            assert ends == (["job.completed"] if job.state == "succeeded" else [])
