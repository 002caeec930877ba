from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.plugin import OutputFile
from kling_daemon.testing import JOB_ID, make_job, make_output
from kling_daemon_download.plan import Plan
from kling_daemon_download.template import PathTemplate

DEFAULT = PathTemplate.parse("{date}/{job_id}/{index}.{ext}")

roles = st.sampled_from(["main", "watermark", "mp3", "wav", "", "../x", "wav-2"]) | st.text()
outputs = st.lists(st.lists(roles, max_size=4), max_size=4)


def job_with(roles_by_output):
    return make_job(
        outputs=tuple(
            replace(
                make_output(),
                files=tuple(OutputFile(role=role, url="https://h/a.mp4", expires_at=None) for role in found),
            )
            for found in roles_by_output
        )
    )


@given(outputs, st.booleans())
def test_no_two_files_of_a_job_share_a_place(roles_by_output, watermarked):
    plan = Plan.of(job_with(roles_by_output), DEFAULT, watermarked=watermarked)
    places = [file.path("mp4") for file in plan.files] + [plan.sidecar]
    assert len(set(places)) == len(places)


@given(outputs)
def test_a_watermark_is_left_out_only_where_there_is_another_file(roles_by_output):
    plan = Plan.of(job_with(roles_by_output), DEFAULT, watermarked=False)
    for number, found in enumerate(roles_by_output):
        planned = [file.file.role for file in plan.files if file.index.split("-")[0] == str(number)]
        assert bool(planned) == bool(found)
        assert "watermark" not in planned or set(found) == {"watermark"}


def test_an_index_does_not_depend_on_whether_watermarks_are_saved():
    job = job_with([["main", "watermark"], ["main"]])
    without = {file.index for file in Plan.of(job, DEFAULT, watermarked=False).files}
    assert without == {"0", "1"}
    assert {file.index for file in Plan.of(job, DEFAULT, watermarked=True).files} == {"0", "0-watermark", "1"}


def test_the_record_lies_beside_the_first_file():
    template = PathTemplate.parse("{type}/{task_id}-{index}.{ext}")
    plan = Plan.of(make_job(task_id="7"), template, watermarked=False)
    assert plan.files[0].path("mp4") == ("video", "7-0.mp4")
    assert plan.sidecar == ("video", f"{JOB_ID}.job.json")


def test_what_kling_did_not_say_has_a_name():
    template = PathTemplate.parse("{external_id}/{model}/{task_id}/{index}")
    plan = Plan.of(make_job(external_id=None, model=None, task_id=None), template, watermarked=False)
    assert plan.files[0].path("") == ("none", "unknown", JOB_ID, "0")
