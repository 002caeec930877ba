from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.plugin import Reject, Retry
from kling_daemon.testing import START, make_output
from kling_daemon_download.answers import admit, continues, length, validator
from kling_daemon_download.errors import DownloadError

FILE = make_output().files[0]
headers = st.dictionaries(
    st.sampled_from(["Content-Range", "Content-Length", "ETag", "Last-Modified", "Retry-After"]), st.text()
)


def answer(status, **values):
    return SimpleNamespace(status=status, headers={key.replace("_", "-"): value for key, value in values.items()})


@given(st.integers(100, 599), headers)
def test_no_answer_leads_to_anything_else_than_one_of_the_four_ways(status, values):
    got = SimpleNamespace(status=status, headers=values)
    try:
        admit(got, FILE, host="h", now=START)
    except (DownloadError, Reject, Retry):
        assert status != 200
    else:
        assert status == 200
    assert continues(got, offset=5, size=10) in (True, False)
    assert length(values) is None or length(values) >= 0
    assert validator(values) is None or validator(values).isprintable()


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("Tue, 01 Sep 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Tue, 01 Sep 2026 12:10:00 -0000", timedelta(minutes=10)),
        ("Tue, 01 Sep 2026 11:00:00 GMT", timedelta(seconds=1)),
        ("Tue, 01 Sep 2027 11:00:00 GMT", timedelta(hours=1)),
    ],
)
def test_a_pause_is_read_in_both_forms_within_limits(said, pause):
    with pytest.raises(Retry) as caught:
        admit(answer(429, Retry_After=said), FILE, host="h", now=datetime(2026, 9, 1, 12, tzinfo=UTC))
    assert caught.value.after == pause


@pytest.mark.parametrize("said", ["", "soon", "-5", "9" * 5000, "²"])
def test_a_pause_that_cannot_be_read_is_an_ordinary_failure(said):
    with pytest.raises(DownloadError):
        admit(answer(503, Retry_After=said), FILE, host="h", now=START)


@pytest.mark.parametrize(
    ("status", "said", "fits"),
    [
        (206, "bytes 5-9/10", True),
        (206, "bytes 5-9/*", True),
        (206, "bytes 4-9/10", False),
        (206, "bytes 5-9/11", False),
        (206, "items 5-9/10", False),
        (206, "", False),
        (200, "bytes 5-9/10", False),
    ],
)
def test_only_the_rest_of_the_same_file_continues_it(status, said, fits):
    assert continues(answer(status, Content_Range=said), offset=5, size=10) is fits
