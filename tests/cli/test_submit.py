import asyncio
import io
import json

import pytest

from kling_daemon.jobs import JobState

NEW = "/text-to-video/kling-3.0"
LEGACY = "/v1/videos/image2video"


async def test_the_id_is_all_that_is_printed(api, ask):
    result = await ask("submit", NEW, "--prompt", "a cat", "--tag", "shot=7", "--tag", "note=a=b")
    assert result.exit_code == 0
    job = await api.store.read.job(result.stdout.strip())
    assert job.tags == {"shot": "7", "note": "a=b"}


async def test_the_job_is_printed_as_the_api_answers_it(ask_json):
    job = await ask_json("submit", NEW, "--body", '{"prompt": "a cat"}', "--external-id", "order-7")
    assert (job["state"], job["external_id"]) == ("queued", "order-7")


async def test_the_body_comes_from_a_file_or_from_stdin(ask, tmp_path):
    path = tmp_path / "body.json"
    path.write_text(json.dumps({"prompt": "ä"}))
    assert (await ask("submit", NEW, "--body-file", path)).exit_code == 0
    assert (await ask("submit", NEW, "--body-file", "-", input=io.BytesIO(b'{"prompt": "a"}'))).exit_code == 0


async def test_an_image_is_set_where_it_is_known_how(ask):
    assert (await ask("submit", LEGACY, "--image", "https://cdn.test/1.png")).exit_code == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([NEW], "give the job a body"),
        ([NEW, "--body", "{"], "is not JSON"),
        ([NEW, "--body", "[]"], "must be a JSON object"),
        ([NEW, "--body", "[" * 100_000], "is not JSON"),
        ([NEW, "--prompt", "a", "--tag", "shot"], "write KEY=VALUE"),
        ([NEW, "--prompt", "a", "--tag", "=7"], "write KEY=VALUE"),
        ([NEW, "--prompt", "a", "--timeout", "5s"], "needs --wait"),
        ([NEW, "--image", "https://cdn.test/1.png"], "legacy endpoints"),
        ([NEW, "--body-file", "/nowhere"], "No such file"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_sent_is_a_usage_error(typed, words, reason):
    result = typed("submit", *words)
    assert result.exit_code == 2
    assert reason in result.stderr


async def test_what_the_daemon_refuses_is_a_failure_with_its_words(ask):
    result = await ask("submit", "videos", "--prompt", "a")
    assert result.exit_code == 1
    assert "no create path" in result.stderr


@pytest.mark.parametrize(("end", "exit_code"), [(JobState.SUCCEEDED, 0), (JobState.FAILED, 1)])
async def test_waiting_ends_as_the_job_does(api, ask, end, exit_code):
    async with asyncio.TaskGroup() as tasks:
        with api.bus.subscribe(["job.status_changed"]) as listener:
            waiting = tasks.create_task(ask("submit", NEW, "--prompt", "a", "--wait"), name="submit")
            made = await listener.get()
        await api.report(made.job, end)
    assert waiting.result().exit_code == exit_code
    assert made.job_id in waiting.result().stdout
    assert end in waiting.result().stdout
