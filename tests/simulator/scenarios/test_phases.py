from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.simulator import Phase

seconds = st.integers(0, 50).map(lambda number: timedelta(seconds=number))
positive = st.integers(1, 50).map(lambda number: timedelta(seconds=number))


@st.composite
def phases(draw):
    lasts = draw(st.none() | positive)
    every = None if lasts is None else draw(st.none() | st.integers(0, 20).map(lambda more: lasts + more * SECOND))
    return Phase(begins=draw(seconds), lasts=lasts, every=every, changes={})


SECOND = timedelta(seconds=1)


@given(phases(), seconds)
def test_between_two_edges_nothing_changes_and_edges_always_lie_ahead(phase, now):
    edge = phase.next_edge(now)
    assert edge is None or edge > now
    until = now + timedelta(seconds=200) if edge is None else edge
    moment = now
    while moment < until:
        assert phase.holds(moment) == phase.holds(now)
        moment += SECOND / 2


@given(phases())
def test_it_holds_from_its_beginning_on_and_not_before(phase):
    assert phase.holds(phase.begins)
    assert not phase.holds(phase.begins - SECOND)
    if phase.lasts is not None:
        assert phase.holds(phase.begins + phase.lasts) == (phase.every == phase.lasts)
