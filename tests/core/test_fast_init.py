import inspect
import re
from dataclasses import FrozenInstanceError, dataclass, field, make_dataclass, replace
from typing import Any

import pytest

from kling_daemon.fast_init import fast_init


@fast_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    x: int
    y: int = 7


def test_a_value_is_made_as_dataclass_would_make_it():
    assert Point(x=1) == Point(x=1, y=7) == replace(Point(x=3), x=1)
    assert repr(Point(x=1, y=2)) == "Point(x=1, y=2)"
    assert len({Point(x=1), Point(x=1)}) == 1


def test_a_value_is_still_frozen():
    with pytest.raises(FrozenInstanceError):
        Point(x=1).x = 2  # type: ignore[misc]


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}])
def test_missing_and_unknown_fields_are_refused(arguments):
    with pytest.raises(TypeError, match=r"Point\.__init__\(\)"):
        Point(**arguments)


AS_DEMANDED = {"frozen": True, "slots": True, "kw_only": True}


def test_what_the_init_takes_can_be_read_off_it():
    slow = make_dataclass("Point", [("x", int), ("y", int, 7)], **AS_DEMANDED)
    assert inspect.signature(Point) == inspect.signature(slow)


@pytest.mark.parametrize(
    ("of_field", "settings", "reason"),
    [
        ((), {"frozen": False}, "Odd is not frozen"),
        ((), {"slots": False}, "Odd.x has no slot"),
        ((), {"kw_only": False}, "Odd.x is not keyword-only"),
        ((field(default_factory=list),), {}, "Odd.x is not simply given"),
        ((field(init=False, default=0),), {}, "Odd.x is not simply given"),
        ((), {"namespace": {"__post_init__": print}}, "Odd.__post_init__ would not be called"),
    ],
)
def test_a_class_that_would_not_be_made_as_before_is_refused(of_field, settings, reason):
    odd = make_dataclass("Odd", [("x", Any, *of_field)], **{**AS_DEMANDED, **settings})
    with pytest.raises(TypeError, match=re.escape(reason)):
        fast_init(odd)


def test_what_is_no_dataclass_is_refused():
    with pytest.raises(TypeError, match="dataclass"):
        fast_init(object)
