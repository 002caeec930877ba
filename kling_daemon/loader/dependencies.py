"""Whether the handlers' `depends_on` can be kept: every name exists, and none waits for itself."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from kling_daemon.config import Problem
from kling_daemon.spelling import did_you_mean
from kling_daemon.wording import Location


def check_dependencies(
    depends_on: Mapping[str, tuple[str, ...]], *, disabled: AbstractSet[str], name: Callable[[Location], str]
) -> list[Problem]:
    """Return what is wrong among the enabled handlers' dependencies, each circle once."""
    problems = []
    for handler, dependencies in sorted(depends_on.items()):
        path = name(("handlers", handler, "depends_on"))
        for dependency in dependencies:
            if dependency in disabled:
                problems.append(Problem(path=path, message=f"the handler '{dependency}' is turned off"))
            elif dependency not in depends_on:
                message = f"there is no handler '{dependency}'{did_you_mean(dependency, depends_on)}"
                problems.append(Problem(path=path, message=message))
    told: set[str] = set()
    for handler in sorted(depends_on):
        circle = _circle_from(handler, depends_on)
        if told.isdisjoint(circle) and circle:
            told |= set(circle)
            path = name(("handlers", circle[0], "depends_on"))
            problems.append(Problem(path=path, message=f"forms a circle: {' -> '.join(circle)}"))
    return problems


def _circle_from(start: str, depends_on: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return a way along the dependencies that comes back to its start; empty when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for dependency in depends_on.get(way[-1], ()):
            if dependency == start:
                return (*way, start)
            if dependency not in seen:
                seen.add(dependency)
                ways.append((*way, dependency))
    return ()
