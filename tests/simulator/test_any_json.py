"""Whatever JSON a client sends, it is taken or refused in Kling's words: nothing else can come of it."""

import json

import pytest
from fakes.kling_orders import BODIES
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.kling.endpoints import SYNCHRONOUS
from kling_daemon.simulator import SimulatorSettings, lists
from kling_daemon.simulator.accounts import Accounts
from kling_daemon.simulator.at_once import answered_at_once
from kling_daemon.simulator.availability import check_available
from kling_daemon.simulator.deletions import DELETIONS, delete
from kling_daemon.simulator.needs import NEEDS
from kling_daemon.simulator.orders import read_order
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.wire import created, legacy_listed, queried
from kling_daemon.testing import ManualClock

SETTINGS = SimulatorSettings(video_slots=0, image_slots=0, retired=("kling-v1",))
AT_ONCE = [endpoint.path for endpoint in SYNCHRONOUS]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = sorted(
    {name for groups in NEEDS.values() for group in groups for name in group}
    | {"contents", "options", "n", "result_type", "series_amount", "watermark_info", "model_name", "frame_index"}
    | {"callback_url", "external_task_id", "start_time", "end_time", "cursor", "limit", "filters"}
)
bodies = st.dictionaries(st.sampled_from(FIELDS) | st.text(), values, max_size=6)


def account():
    return Accounts(ManualClock()).of("main")


def told(answer):
    """Return what an answer is once it was sent."""
    return json.loads(json.dumps(answer))


@given(st.sampled_from([*BODIES, *AT_ONCE]), bodies, st.booleans())
def test_a_create_is_taken_or_refused(path, body, is_whole):
    given_body = BODIES.get(path, {}) | body if is_whole else body
    try:
        check_available(path, given_body, SETTINGS)
        order = read_order(path, given_body, "http://kling.example")
        if path in AT_ONCE:
            answer = answered_at_once(account().answer_at_once(order, SETTINGS), given_body)
        else:
            job = account().create(order, SETTINGS)
            answer = [created(job), queried(job), legacy_listed(job)]
    except RefusalError as refusal:
        answer = refusal.body()
    assert told(answer)


@given(st.sampled_from(list(DELETIONS)), bodies)
def test_a_deletion_is_refused_where_nothing_is(path, body):
    with pytest.raises(RefusalError):
        delete(account(), path, body)


@given(st.sampled_from([lists.TASKS, lists.SOLUTIONS]), st.text() | st.binary() | bodies.map(json.dumps))
def test_a_list_is_told_or_refused(wanted, body):
    raw = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    try:
        answer = wanted.page(account(), raw, ManualClock().now())
    except RefusalError as refusal:
        answer = refusal.body()
    assert told(answer)
