from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.loader.dependencies import check_dependencies
from kling_daemon.wording import dotted


def told(depends_on, disabled=frozenset()):
    return [str(problem) for problem in check_dependencies(depends_on, disabled=disabled, name=dotted)]


def test_dependencies_that_can_be_kept_are_no_problem():
    assert told({"a": (), "b": ("a",), "c": ("a", "b")}) == []


def test_a_name_that_does_not_exist_or_is_turned_off_is_told():
    assert told({"archive": (), "b": ("archivx", "off")}, {"off"}) == [
        "handlers.b.depends_on: there is no handler 'archivx'; did you mean 'archive'?",
        "handlers.b.depends_on: the handler 'off' is turned off",
    ]


def test_a_circle_is_told_once_with_its_way():
    assert told({"a": ("b",), "b": ("c",), "c": ("a",), "d": ("a",)}) == [
        "handlers.a.depends_on: forms a circle: a -> b -> c -> a"
    ]
    assert told({"a": ("a",)}) == ["handlers.a.depends_on: forms a circle: a -> a"]


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple)))
def test_without_a_problem_there_is_an_order_in_which_all_can_run(depends_on):
    if told(depends_on):
        return
    done, left = set(), dict(depends_on)
    while left:
        ready = {name for name, dependencies in left.items() if done.issuperset(dependencies)}
        assert ready
        done |= ready
        left = {name: dependencies for name, dependencies in left.items() if name not in ready}
