import json
import re
from pathlib import Path

from fakes.local_api import daemon_and_api
from fakes.rough_life import rough_life

from kling_daemon.cli.story import WIDTH, story
from kling_daemon.client.models import TimelineModel
from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.testing.clock import ManualClock

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
