import asyncio
from datetime import timedelta

import pytest
from fakes.reports import make_report

from kling_daemon.clock import SystemClock
from kling_daemon.jobs import FailureReason, JobState
from kling_daemon.outputs import Output, OutputFile
from kling_daemon.store import News

FILE = OutputFile(role="main", url="https://cdn.test/1.mp4", expires_at=None)
VIDEO = Output(type="video", id="o1", duration="5.1", files=(FILE,))


async def test_a_piped_list_is_aligned_text_with_one_job_a_line(api, ask):
    job = await api.make_job()
    result = await ask("jobs", "list")
    head, line = result.stdout.splitlines()
    assert result.exit_code == 0
    assert head.split() == ["JOB", "STATE", "ENDPOINT", "CREATED", "TOOK", "REASON"]
    assert line.startswith(f"{job.id}  queued  /text-to-video/kling-3.0  20")
    assert line.index("queued") == head.index("STATE")
    assert "\x1b" not in result.output


async def test_a_list_prints_the_apis_json(api, ask_json):
    job = await api.make_job()
    assert await ask_json("jobs", "list") == {"items": [{**job.as_json(), "overdue": False}], "next": None}


async def test_a_list_goes_on_with_the_cursor_that_it_names(api, ask, ask_json):
    jobs = [await api.make_job() for _ in range(3)]
    result = await ask("jobs", "list", "--limit", "2")
    cursor = result.stderr.split()[-1]
    page = await ask_json("jobs", "list", "--cursor", cursor)
    assert [job["id"] for job in page["items"]] == [jobs[0].id]


async def test_a_job_is_shown_with_its_files(api, ask, ask_json):
    job = await api.make_job()
    recorded = await api.report(job, JobState.SUCCEEDED, outputs=(VIDEO,))
    result = await ask("jobs", "show", recorded.job.task_id)
    facts = dict(line.split("  ", 1) for line in result.stdout.splitlines() if not line.startswith(" "))
    assert facts["state"].strip() == "succeeded"
    assert "https://cdn.test/1.mp4" in result.stdout
    assert (await ask_json("jobs", "show", job.id))["outputs"][0]["url"] == "https://cdn.test/1.mp4"


async def test_what_kling_says_cannot_command_the_terminal(api, ask):
    job = await api.make_job()
    await api.report(job, JobState.FAILED, reason=FailureReason.OTHER, message="\x1b[2Jgone\x9b\n\u202e")
    for words in (["jobs", "list"], ["jobs", "show", job.id], ["jobs", "show", job.id, "--json"]):
        result = await ask(*words)
        assert "\x1b" not in result.stdout
        assert "\x9b" not in result.stdout
        assert "gone" in result.stdout


async def test_an_unknown_job_is_a_failure_with_one_line(ask):
    result = await ask("jobs", "show", "nobody")
    assert result.exit_code == 1
    assert result.stderr == "Error: no job has this id, task id or external id\n"


async def test_waiting_ends_well_when_all_jobs_succeed(api, ask):
    first, second = await api.make_job(), await api.make_job()
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(ask("jobs", "wait", first.id, second.id), name="wait")
        await api.report(first, JobState.SUCCEEDED)
        await api.report(second, JobState.SUCCEEDED)
    result = waiting.result()
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [
        [first.id, "succeeded"],
        [second.id, "succeeded"],
    ]


async def test_waiting_fails_when_any_job_failed(api, ask_json):
    good, bad = await api.make_job(), await api.make_job()
    await api.report(good, JobState.SUCCEEDED)
    await api.report(bad, JobState.FAILED)
    page = await ask_json("jobs", "wait", good.id, bad.id, exit_code=1)
    assert [job["state"] for job in page["items"]] == ["succeeded", "failed"]


async def test_waiting_fails_when_the_time_is_up(api, ask_json):
    job = await api.make_job()
    page = await ask_json("jobs", "wait", job.id, "--timeout", "50ms", exit_code=1)
    assert [job["state"] for job in page["items"]] == ["queued"]


async def test_waiting_for_an_unknown_job_fails_at_once_and_names_it(api, ask):
    job = await api.make_job()
    await api.report(job, JobState.SUCCEEDED)
    result = await ask("jobs", "wait", job.id, "nobody")
    assert result.exit_code == 1
    assert job.id in result.stdout
    assert result.stderr.startswith("Error: nobody: no job has this id")


@pytest.mark.parametrize("timeout", ["5", "soon", "", "-1s"])
def test_a_timeout_that_is_no_duration_is_a_usage_error_that_says_how_one_is_written(typed, timeout):
    result = typed("jobs", "wait", "x", "--timeout", timeout)
    assert result.exit_code == 2
    assert 'must be a duration such as "15s"' in result.stderr


async def test_queued_jobs_are_cancelled_and_others_are_named(api, ask, ask_json):
    first, second, sent = [await api.make_job() for _ in range(3)]
    await api.report(sent, JobState.SUBMITTED)
    result = await ask("jobs", "cancel", sent.id, first.id, "nobody")
    assert result.exit_code == 1
    assert result.stdout == f"{first.id} is cancelled\n"
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines()] == [sent.id, "nobody"]
    assert "offers no way to cancel" in result.stderr
    page = await ask_json("jobs", "cancel", first.id, second.id)
    assert [(job["state"], job["reason"]) for job in page["items"]] == [("failed", "cancelled")] * 2


async def test_a_cancelled_job_says_so_in_its_story(api, ask):
    job = await api.make_job()
    await ask("jobs", "cancel", job.id)
    assert "given up before it was sent: failed" in (await ask("explain", job.id)).stdout


async def test_a_job_that_kling_has_is_given_up_by_a_person_who_is_named(api, ask, ask_json):
    sent, queued = await api.make_job(), await api.make_job()
    await api.report(sent, JobState.PROCESSING)
    unasked = await ask("jobs", "abandon", sent.id)
    assert (unasked.exit_code, (await api.store.read.job(sent.id)).state) == (2, JobState.PROCESSING)
    assert "say --yes" in unasked.stderr
    result = await ask("jobs", "abandon", queued.id, sent.id, "--yes")
    assert (result.exit_code, result.stdout) == (1, f"{sent.id} is given up\n")
    assert f"Kling has not taken job {queued.id}" in result.stderr
    (again,) = (await ask_json("jobs", "abandon", sent.id, "--yes"))["items"]
    assert (again["state"], again["reason"]) == ("failed", "lost")
    assert again["message"] == "given up by the bearer of the token 'api-token'; Kling may still know it"
    assert "given up by a person: failed, which is news" in (await ask("explain", sent.id)).stdout


async def test_overdue_jobs_are_marked_and_listed_alone(api, ask, ask_json):
    made = SystemClock().now() - timedelta(hours=73)
    recorded = await api.store.record(News(report=make_report(state=JobState.PROCESSING, created_at=made), adopt=True))
    job = recorded.job
    await api.make_job()
    lines = (await ask("jobs", "list", "--overdue")).stdout.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(f"{job.id}  processing, overdue  ")
    assert "overdue: open for longer than" in (await ask("jobs", "show", job.id)).stdout
    assert [one["id"] for one in (await ask_json("jobs", "list", "--overdue"))["items"]] == [job.id]


async def test_jobs_are_listed_by_endpoint_tag_model_and_time(api, ask, ask_json):
    legacy = await api.submit("/v1/videos/text2video", {}, tags={"shot": "7", "note": "a=b"}, external_id=None)
    new = await api.make_job()
    whole = [new.id, legacy.id]
    for words, expected in (
        (("--endpoint", "/v1/videos/text2video"), [legacy.id]),
        (("--tag", "shot=7"), [legacy.id]),
        (("--tag", "note=a=b"), [legacy.id]),
        (("--tag", "shot=8"), []),
        (("--model", "none"), []),
        (("--since", "1h"), whole),
        (("--since", "2999-01-01T00:00:00Z"), []),
        (("--since", "1h", "--overdue"), []),
    ):
        listed = await ask_json("jobs", "list", *words)
        assert [job["id"] for job in listed["items"]] == expected, words
    for wrong in (("--tag", "shot"), ("--tag", "=7"), ("--since", "yesterday")):
        assert (await ask("jobs", "list", *wrong)).exit_code == 2
