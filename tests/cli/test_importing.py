import io
import json

import pytest

from kling_daemon.cli.tracking import tell_track
from kling_daemon.client.models import TrackedModel

FIXTURES = {
    "ids": b"t1\nt2\n",
    "numbers and objects": b'"t1"\n{"task_id": "t2", "endpoint": "/v1/videos/text2video"}\n',
    "an answer on a line": b'{"code": 0, "data": [{"task_id": "t1", "task_status": "succeed"}, {"task_id": "t2"}]}\n',
    "an answer over many lines": json.dumps(
        {"code": 0, "data": {"result": [{"id": "t1"}, {"id": "t2"}], "cursor": "x"}}, indent=2
    ).encode(),
    "a list": b'[{"id": "t1"}, "t2"]',
}


@pytest.mark.parametrize("raw", FIXTURES.values(), ids=FIXTURES)
async def test_tasks_are_read_in_every_form_and_tracked_once(api, ask, raw):
    first = await ask("jobs", "import", "-", "--tag", "film=x", input=io.BytesIO(raw))
    assert (first.exit_code, first.stdout) == (0, "2 tracked\n"), first.output
    again = await ask("jobs", "import", "-", input=io.BytesIO(raw))
    assert (again.exit_code, again.stdout) == (0, "2 known\n")
    assert [(job.task_id, job.tags) for _, job in await api.store.read.jobs(limit=9)] == [
        ("t2", {"film": "x"}), ("t1", {"film": "x"}),
    ]  # fmt: skip


async def test_the_columns_of_a_csv_say_more(api, ask, tmp_path):
    path = tmp_path / "tasks.csv"
    path.write_text("task_id,endpoint,tags.shot\nt1,/omni-video/x,7\nt2,,\n")
    result = await ask("jobs", "import", path, "--endpoint", "/text-to-video/y")
    assert result.exit_code == 0, result.output
    jobs = {job.task_id: job for _, job in await api.store.read.jobs(limit=9)}
    assert [(jobs[id_].endpoint, jobs[id_].tags) for id_ in ("t1", "t2")] == [
        ("/omni-video/x", {"shot": "7"}), ("/text-to-video/y", {}),
    ]  # fmt: skip


async def test_what_kling_does_not_know_is_named_with_its_line(ask):
    result = await ask("jobs", "import", "-", input=io.BytesIO(b"t1\n\nnobody\nt1\n"))
    assert (result.exit_code, result.stdout) == (1, "1 tracked, 1 unknown\n")
    assert result.stderr == "Error: line 3: nobody: Kling does not know it\n"


async def test_a_line_that_names_no_task_has_the_file_refused(api, ask):
    result = await ask("jobs", "import", "-", input=io.BytesIO(b't1\n{"x": 1}\n{\na b\n'))
    assert result.exit_code == 2
    assert [line.split(":")[0] for line in result.stderr.splitlines()[:3]] == ["line 2", "line 3", "line 4"]
    assert await api.store.read.jobs(limit=9) == []


def test_one_external_id_is_for_one_task(typed):
    result = typed("jobs", "track", "1", "2", "--external-id", "e")
    assert (result.exit_code, "one TASK_ID" in result.stderr) == (2, True)


def test_it_is_said_that_asking_again_does_no_harm_only_where_kling_could_not_be_asked(capsys):
    unasked = TrackedModel(task_id="t1", finding="unasked", job=None, detail="Kling does not answer")
    unknown = TrackedModel(task_id="t2", finding="unknown", job=None, detail="Kling does not know it")
    tell_track([unknown])
    assert "does no harm" not in capsys.readouterr().err
    tell_track([unasked, unknown])
    shown = capsys.readouterr()
    assert shown.out == "1 unasked, 1 unknown\n"
    assert shown.err.splitlines() == [
        "Error: t1: Kling does not answer",
        "Error: t2: Kling does not know it",
        "Kling could not be asked about all of them; the same command again, later, does no harm.",
    ]
