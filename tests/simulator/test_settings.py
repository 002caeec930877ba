from dataclasses import fields
from datetime import timedelta

import pytest

from kling_daemon.simulator.account_keys import AccountKeys
from kling_daemon.simulator.outages import OutageAnswer, OutageScope
from kling_daemon.simulator.settings import (
    CHOICES,
    COUNTS,
    DURATIONS,
    LISTS,
    OFFSETS,
    RATES,
    SPANS,
    SWITCHES,
    SimulatorSettings,
)
from kling_daemon.standard_webhooks import Secret


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({name: 1.5}, name) for name in RATES]
    + [({name: -1}, name) for name in COUNTS]
    + [({name: timedelta(-1)}, name) for name in DURATIONS]
    + [({name: timedelta.max}, name) for name in DURATIONS]
    + [
        ({"speed": 0}, "speed"),
        ({"speed": 1e-300}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"lose": float("nan")}, "lose"),
        ({"api_key": ""}, "api_key"),
        ({"access_key": "ak"}, "both or none"),
        ({"secret_key": "sk"}, "both or none"),
        ({"accounts": (AccountKeys(name="main", api_key="b"),)}, "same name"),
        ({"accounts": (AccountKeys(name="b", api_key="simulator"),)}, "same api_key"),
        ({"refuse_creates": 77}, "refuse_creates"),
        ({"refuse_queries": 7}, "refuse_queries"),
        ({"file_size": 2**40}, "file_size"),
        ({"lose": 0.6, "duplicate": 0.6}, "duplicate"),
        ({"lose": 0.6, "late": 0.6}, "late"),
        ({"clock_offset": timedelta(days=400)}, "clock_offset"),
        ({"clock_offset": timedelta(days=-400)}, "clock_offset"),
        ({"outage_answer": OutageAnswer.REFUSED, "outage_of": OutageScope.READS}, "outage_of"),
        ({"fail_moderation": 0.6, "fail_other": 0.6}, "fail_other"),
        ({"fail_moderation": 0.6, "fail_input": 0.6}, "fail_input"),
    ],
)
def test_a_wrong_setting_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        SimulatorSettings(**wrong)


def test_all_mistakes_are_named_at_once():
    with pytest.raises(ValueError, match=r"lose.*fail.*speed"):
        SimulatorSettings(lose=2, fail=-1, speed=-1)


def test_every_setting_is_of_a_known_sort():
    sorts = {
        *RATES,
        *COUNTS,
        *DURATIONS,
        *SPANS,
        *SWITCHES,
        *OFFSETS,
        *CHOICES,
        *LISTS,
        "speed",
        "seed",
        "api_key",
        "access_key",
        "secret_key",
        "secrets",
        "accounts",
    }
    assert {field.name for field in fields(SimulatorSettings)} == sorts


def test_its_repr_shows_no_secret():
    shown = repr(
        SimulatorSettings(
            api_key="sk-1", access_key="sk-3", secret_key="sk-4", secrets=(Secret(name="a", key=b"sk-2"),)
        )
    )
    assert "sk-" not in shown
