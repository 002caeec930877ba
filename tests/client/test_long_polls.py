import asyncio
from datetime import timedelta

import pytest
from fakes.dispatching import until
from fakes.local_api import TOKEN, local_api
from fakes.running_daemon import free_port

from kling_daemon.client import Daemon, DaemonError, DaemonUnreachableError, Target
from kling_daemon.client.long_polls import until_end
from kling_daemon.client.models import JobModel
from kling_daemon.config import TcpAddress
from kling_daemon.jobs import JobState
from kling_daemon.testing import make_job

OPEN = JobModel.model_validate(make_job(state=JobState.PROCESSING).as_json())
ENDED = JobModel.model_validate(make_job(state=JobState.SUCCEEDED).as_json())
AWAY = DaemonUnreachableError("no daemon answers")
MOMENT = timedelta(milliseconds=1)


class Answers:
    """Answers one poll after the other, the last one for ever."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def __call__(self, patience):
        self.asked.append(patience)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Counting(Daemon):
    """Counts how often it has begun to ask."""

    polls = 0

    async def poll(self, reference, patience):
        self.polls += 1
        return await super().poll(reference, patience)


async def test_a_wait_goes_on_over_a_restart_of_the_daemon(tmp_path):
    address = TcpAddress(host="127.0.0.1", port=free_port())
    async with Counting(Target(url=f"http://{address}", token=TOKEN)) as daemon, asyncio.TaskGroup() as tasks:
        async with local_api(tmp_path, address=address) as api:
            job = await api.make_job()
            waiting = tasks.create_task(daemon.wait(job.id, timedelta(seconds=50)), name="waits")
            await until(lambda: daemon.polls == 2)  # the first one is answered
        assert not waiting.done()
        async with local_api(tmp_path, address=address) as api:
            await api.report(job, JobState.SUCCEEDED)
            assert (await waiting).state is JobState.SUCCEEDED


async def test_a_daemon_that_never_answered_is_waited_for_no_moment():
    with pytest.raises(DaemonUnreachableError):
        await until_end(Answers(AWAY), None)


async def test_a_daemon_that_stays_away_is_waited_for_no_longer_than_the_grace():
    with pytest.raises(DaemonUnreachableError):
        await until_end(Answers(OPEN, AWAY), None, grace=20 * MOMENT, pause=MOMENT)


async def test_the_patience_ends_a_wait_also_while_the_daemon_is_away():
    assert await until_end(Answers(OPEN, AWAY), 20 * MOMENT, pause=MOMENT) is OPEN


async def test_a_refusal_ends_a_wait():
    with pytest.raises(DaemonError, match="no job has this id"):
        await until_end(Answers(OPEN, DaemonError(404, "Not Found", "no job has this id")), None, pause=MOMENT)


async def test_a_wait_without_patience_asks_once():
    poll = Answers(OPEN)
    assert await until_end(poll, timedelta()) is OPEN
    assert poll.asked == [timedelta()]


async def test_a_daemon_that_stops_is_not_asked_again_at_once():
    poll = Answers(OPEN, OPEN, AWAY, ENDED)
    begun = asyncio.get_running_loop().time()
    assert await until_end(poll, None, pause=20 * MOMENT) is ENDED
    assert asyncio.get_running_loop().time() - begun >= 0.04
    assert poll.asked == [timedelta(), *[timedelta(seconds=60)] * 3]
