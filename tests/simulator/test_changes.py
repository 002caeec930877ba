import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.simulator import ChangeError, SimulatorSettings, changed
from kling_daemon.simulator.changes import shown

SETTINGS = SimulatorSettings(seed=5, api_key="sk-1")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def test_what_is_shown_can_be_given_back():
    assert changed(SETTINGS, shown(SETTINGS)) == SETTINGS


def test_what_is_not_named_stays():
    after = changed(SETTINGS, {"outage": True, "delay": "0s-2s", "hang": "1s", "lose": 1, "fail": 3})
    assert (after.outage, after.lose, after.fail, str(after.delay)) == (True, 1, 3, "0s-2s")
    assert (after.seed, after.api_key, after.processing) == (5, "sk-1", SETTINGS.processing)


@pytest.mark.parametrize("name", ["seed", "api_key", "secrets", "colour"])
def test_what_cannot_be_changed_is_refused(name):
    with pytest.raises(ChangeError, match=f"{name}: no such setting"):
        changed(SETTINGS, {name: 1})


def test_every_mistake_is_named_with_what_was_expected():
    wrong = {"losse": 1, "delay": 5, "outage": "yes", "fail": 1.5, "lose": None, "hang": "5"}
    wrong |= {"outage_of": "some", "outage_answer": 5, "clock_offset": "--5m"}
    with pytest.raises(ChangeError) as error:
        changed(SETTINGS, wrong)
    assert all(f"{name}: " in str(error.value) for name in wrong)
    assert "did you mean 'lose'?" in str(error.value)


def test_what_cannot_be_read_hides_nothing_that_is_out_of_range():
    with pytest.raises(ChangeError, match=r"hang: .*; lose: a share.*; speed: at least"):
        changed(SETTINGS, {"hang": 5, "lose": 2, "speed": 0})


def test_values_out_of_range_are_refused_too():
    with pytest.raises(ChangeError, match="lose: a share"):
        changed(SETTINGS, {"lose": 2})


@given(st.dictionaries(st.sampled_from(sorted(shown(SETTINGS))) | st.text(), json_values) | json_values)
def test_any_json_makes_settings_or_a_change_error(changes):
    try:
        outcome = changed(SETTINGS, changes)
    except ChangeError as error:
        outcome = error
    assert isinstance(outcome, SimulatorSettings) or str(outcome)
