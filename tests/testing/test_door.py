"""The one door lets through everything that a plugin needs to name."""

import inspect
import typing

import pytest

from kling_daemon import plugin

INTERNAL = {"Stamps"}
"""The store's bookkeeping on a job, which no plugin has a use for."""

CLASSES = {name: value for name in plugin.__all__ if inspect.isclass(value := getattr(plugin, name))}


def named_in(annotation):
    """Yield the classes of ours within an annotation."""
    if inspect.isclass(annotation) and annotation.__module__.split(".")[0] == "kling_daemon":
        yield annotation
    for part in typing.get_args(annotation):
        for inner in part if isinstance(part, list) else (part,):
            yield from named_in(inner)


def annotations(cls):
    """Yield all annotations of a class's fields, properties and methods."""
    yield from typing.get_type_hints(cls).values()
    for member in vars(cls).values():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if inspect.isfunction(function):
            yield from typing.get_type_hints(function).values()


@pytest.mark.parametrize("name", CLASSES)
def test_every_type_that_the_door_s_types_speak_of_is_let_through_too(name):
    spoken_of = {found.__name__ for annotation in annotations(CLASSES[name]) for found in named_in(annotation)}
    assert spoken_of - set(plugin.__all__) - INTERNAL == set()


def test_the_door_holds_nothing_that_it_does_not_announce():
    held = {name for name, value in vars(plugin).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert held == set(plugin.__all__)


def test_the_door_bears_a_version_of_two_parts():
    assert [part.isdecimal() for part in plugin.API_VERSION.split(".")] == [True, True]
