from dataclasses import FrozenInstanceError, dataclass, field, replace

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


def test_a_class_whose_init_has_more_to_do_is_refused():
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Bag:
        things: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="more than to fill slots"):
        fast_init(Bag)
