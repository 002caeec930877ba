import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon_download.names import safe
from kling_daemon_download.template import FIELDS, PathTemplate


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must not be empty"),
        ("/{job_id}/{index}", "must be relative"),
        ("{job_id}//{index}", "without empty parts"),
        ("{job_id}/{index}/", "without empty parts"),
        ("../{job_id}/{index}", "begin with a dot"),
        ("{job_id}/./{index}", "begin with a dot"),
        (".partial/{job_id}-{index}", "begin with a dot"),
        ("{job_id}/{index}\0", "unprintable"),
        ("{jobid}/{index}", "unknown field {jobid}; did you mean {job_id}?"),
        ("{zzz}/{index}", "there are {date}, {job_id}"),
        ("{}/{index}", "unknown field {}"),
        ("{job_id.__class__}/{index}", "unknown field {job_id.__class__}"),
        ("{job_id!r}/{index}", "takes no format"),
        ("{job_id}/{index:>99999999}", "takes no format"),
        ("{job_id/{index}", "expected '}'"),
        ("{job_id}/{index}}", "Single '}'"),
        ("{ext}/{job_id}-{index}", "{ext} is known only when"),
        ("{job_id}/{role}", "needs {index}"),
        ("{date}/{index}", "needs {job_id} or {task_id}"),
    ],
)
def test_a_mistake_is_named(text, said):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is compared below
        PathTemplate.parse(text)
    assert said in str(caught.value)


def test_a_template_may_hold_every_field_and_text():
    text = "Kling ä/{date}_{model}/{job_id}/{task_id}-{external_id}-{type}-{role}-{index}-{{x}}.{ext}"
    rendered = PathTemplate.parse(text).render({field: field.upper() for field in FIELDS})
    assert rendered == ("Kling ä", "DATE_MODEL", "JOB_ID", "TASK_ID-EXTERNAL_ID-TYPE-ROLE-INDEX-{x}.EXT")


@given(st.fixed_dictionaries({field: st.text().map(safe) for field in FIELDS}))
def test_no_values_lead_out_of_the_directory(values):
    rendered = PathTemplate.parse("{type}{role}/{model}/{job_id}/{index}.{ext}").render(values)
    assert len(rendered) == 4
    for component in rendered:
        assert component not in ("", ".", "..")
        assert "/" not in component
        assert len(component.encode()) <= 200
