import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from fakes.local_api import daemon_and_api
from fakes.reports import make_report
from fakes.rough_life import rough_life

from kling_daemon.cli.story import WIDTH, story
from kling_daemon.client.models import TimelineModel
from kling_daemon.clock import SystemClock
from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.poller import Series
from kling_daemon.store import News
from kling_daemon.testing.clock import START, ManualClock

DOCS = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()


async def test_a_rough_life_reads_as_the_story_in_the_documentation(tmp_path):
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        job = await rough_life(api, clock)
        lines = list(story(await daemon.timeline(job.id), clock.now()))
    (documented,) = re.findall(r"## `kling-daemon explain JOB`.*?```\n(.*?)```", DOCS, flags=re.DOTALL)
    assert documented == "\n".join(lines) + "\n"
    assert max(map(len, lines)) <= WIDTH


async def test_a_job_is_explained_by_any_of_its_ids(api, ask, ask_json):
    job = await api.make_job()
    await api.report(job, JobState.SUCCEEDED)
    result = await ask("explain", f"t-{job.id}")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"job       {job.id}, succeeded after")
    timeline = await ask_json("explain", job.id)
    assert TimelineModel.model_validate(timeline).as_json() == timeline
    assert [entry["kind"] for entry in timeline["entries"]] == ["created", "event", "report", "event", "event"]


async def test_no_secret_is_told_and_nothing_commands_the_terminal(api, ask):
    job = await api.make_job()
    message = "\x1b[2Jgone, see https://cdn.test/a?x-signature=abc"
    await api.report(job, JobState.FAILED, reason=FailureReason.OTHER, message=message)
    for words in (("explain", job.id), ("explain", job.id, "--json")):
        result = await ask(*words)
        assert "x-signature" not in result.stdout
        assert "\x1b" not in result.stdout
        assert "gone" in result.stdout


async def test_an_unknown_job_is_a_failure_with_one_line(ask):
    result = await ask("explain", "nobody")
    assert result.exit_code == 1
    assert result.stderr == "Error: no job has this id, task id or external id\n"


def test_no_daemon_is_69(typed):
    assert typed("explain", "x", "--url", "http://127.0.0.1:1").exit_code == 69


def test_a_job_must_be_named(typed):
    assert typed("explain").exit_code == 2


def test_words_that_a_newer_daemon_uses_are_shown_as_they_are():
    nothing = dict.fromkeys(("until", "source", "verdict", "count", "state", "previous_state", "effect", "type",
                             "handler", "delivery", "attempt", "outcome", "error"))  # fmt: skip
    at = "2026-11-21T19:18:39.123Z"
    entries = [{**nothing, "kind": kind, "at": at, "verdict": "odd"} for kind in ("surprise", "callback", "report")]
    timeline = TimelineModel.model_validate_json(json.dumps({
        "id": "j", "task_id": None, "endpoint": None, "state": "queued", "reason": None, "message": "",
        "created_at": at, "finished_at": None, "contradicted": False, "callback_missed": False, "polls": 0,
        "complete": False, "entries": entries, "upcoming": [],
    }))  # fmt: skip
    text = "\n".join(story(timeline, timeline.created_at))
    assert "surprise" in text
    assert "callback, odd" in text


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (None, "Kling has not known it 4 times in a row since 2026-09-01T12:00:00Z"),
        ("doubtful", "the key may be one of another account"),
        ("alone", "no other job was made around it that could tell"),
        ("open", "Kling has not known it 4 times"),
    ],
)
async def test_a_job_that_kling_does_not_know_tells_why_it_waits(api, ask, ask_json, finding, words):
    job = await api.make_job()
    await api.report(job, JobState.PROCESSING)
    api.series[job.id] = Series(since=START, answers=4, polls=4, began=0.0, finding=finding)
    told = " ".join((await ask("explain", job.id)).stdout.split())
    assert words in told
    unknown = {"answers": 4, "since": "2026-09-01T12:00:00.000Z", "finding": finding}
    assert (await ask_json("explain", job.id))["unknown"] == unknown


async def test_an_overdue_job_says_so_in_its_story(api, ask):
    made = SystemClock().now() - timedelta(hours=73)
    recorded = await api.store.record(News(report=make_report(state=JobState.PROCESSING, created_at=made), adopt=True))
    told = " ".join((await ask("explain", recorded.job.id)).stdout.split())
    assert "it is overdue, so this happens once an hour or a day" in told


async def test_what_lies_far_ahead_is_told_from_what_comes_then(api, ask):
    made = SystemClock().now() - timedelta(hours=73)
    recorded = await api.store.record(News(report=make_report(state=JobState.PROCESSING, created_at=made), adopt=True))
    told = (await ask("explain", recorded.job.id)).stdout
    assert re.search(r"^in [0-9a-z ]+ Kling is asked", told, flags=re.MULTILINE)
