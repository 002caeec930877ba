"""Whatever a file holds, it is a recording that can be played safely, or refused with its line."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.clock import SystemClock
from kling_daemon.simulator.traffic.reading import RecordingError, read_recording
from kling_daemon.simulator.traffic.recorder import Recorder
from kling_daemon.simulator.traffic.replay import Replay

HEAD = '{"recording": 1}\n'
CREATE = {
    "side": "kling",
    "at": 0,
    "took": 0,
    "method": "POST",
    "target": "/text-to-video/kling-3.0",
    "body": {"prompt": "masked (1 characters)"},
    "status": 200,
    "answer": {"code": 0, "data": {"id": "1", "status": "submitted"}},
}
CALLBACK = {
    "side": "callback",
    "at": 0.1,
    "took": 0,
    "method": "POST",
    "target": "http://receiver.invalid/webhooks/kling",
    "body": {"id": "1", "status": "succeeded"},
    "status": 200,
    "signature": "valid",
    "webhook_id": "1",
}


def file_of(tmp_path, *lines):
    path = tmp_path / "r.jsonl"
    path.write_text(HEAD + "".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "line 1"),
        ("{}", "line 1"),
        ('{"recording": 2}\n', "line 1"),
        (HEAD + "[]\n", "line 2"),
        (HEAD + "x" * 100 + "\n", "line 2"),
        (HEAD + "[" * 100_000 + "\n", "line 2"),
        (HEAD + '{"side": "kling"}\n', "line 2: .*`at`, `took`"),
    ],
)
def test_what_is_no_recording_is_refused_with_its_line(tmp_path, text, named):
    path = tmp_path / "r.jsonl"
    path.write_text(text)
    with pytest.raises(RecordingError, match=named):
        read_recording(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "moon"},
        {"at": "0"},
        {"at": True},
        {"at": float("nan")},
        {"took": 1e300},
        {"ahead": 1e300},
        {"method": "GET x"},
        {"took": -1},
        {"target": 1},
        {"status": -5},
        {"status": 101},
        {"retry_after": "1\r\nX: y"},
        {"signature": "good"},
        {"x": 1},
        {"answer": json.loads("[" * 100 + "]" * 100)},
    ],
    ids=str,
)
def test_what_no_recorder_writes_is_refused_by_its_name(tmp_path, wrong):
    assert read_recording(file_of(tmp_path, CREATE))
    with pytest.raises(RecordingError, match=f"line 3: is no exchange: no recorder writes its `{next(iter(wrong))}`"):
        read_recording(file_of(tmp_path, CREATE, CREATE | wrong))


@pytest.mark.parametrize(
    "target",
    [
        "@evil.example/x",
        ".evil.example/x",
        "evil.example",
        "",
        "http://evil.example/x",
        "http://receiver.invalid@evil.example/x",
        "http://receiver.invalid.evil.example/x",
        "http://receiver.invalid",
        "http://receiver.invalid/a b",
    ],
)
def test_no_recording_leads_a_good_signature_to_a_host_of_its_own(tmp_path, target):
    with pytest.raises(RecordingError, match=r"line 2: .*`target`"):
        read_recording(file_of(tmp_path, CALLBACK | {"target": target}))


def test_a_text_that_is_no_unicode_is_a_text(tmp_path):
    path = file_of(tmp_path, CREATE | {"answer": {"message": "\ud800"}})
    assert [one.answer for one in read_recording(path)] == [{"message": "\ud800"}]


@given(
    st.from_regex(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"),
    st.text(),
    st.binary(),
    st.floats(-1e9, 1e9),
)
def test_whatever_strangers_send_what_was_recorded_can_be_read(tmp_path_factory, method, text, raw, ahead):
    path, now = tmp_path_factory.mktemp("any") / "r.jsonl", SystemClock().monotonic
    with Recorder.into(path, SystemClock(), source=text, keep_prompts=True, on_failure=print) as recorder:
        headers = {"webhook-id": text, "authorization": text}
        recorder.called_back(now(), method, "/" + text, headers, raw, secrets=(), status=200, answer=raw)
        target = "/" + quote(text)
        recorder.asked(now(), method, target, headers, raw, status=200, answer=raw, retry_after=text, ahead=ahead)
    assert {one.status for one in read_recording(path)} == {200}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "task_id", "data"]), inner),
    max_leaves=6,
)
changes = st.dictionaries(st.sampled_from(sorted(CALLBACK | CREATE)), values, max_size=3)


@given(st.lists(st.tuples(st.sampled_from([CREATE, CALLBACK]), changes), max_size=4))
def test_any_json_is_refused_or_can_be_played(tmp_path_factory, lines):
    path = file_of(tmp_path_factory.mktemp("any"), *({**line, **change} for line, change in lines))
    try:
        exchanges = read_recording(path)
    except RecordingError:
        return
    replay = Replay(exchanges, SystemClock())
    assert replay.stats()["jobs"]["replayed"] == 0
