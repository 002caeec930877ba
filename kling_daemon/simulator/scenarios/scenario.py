"""A scenario: a file (TOML) that says how the simulated Kling behaves, when it behaves otherwise, and to whom."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydantic

from kling_daemon.problems import Problem, listed
from kling_daemon.simulator.account_keys import MAIN, AccountKeys
from kling_daemon.simulator.scenarios.phases import Phase
from kling_daemon.simulator.scenarios.scenario_file import PhaseTable, ScenarioFile, changes_of
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.wording import problems_of


class ScenarioError(Exception):
    """A scenario cannot be used; it names every mistake, not just the first, and shows no key."""

    def __init__(self, problems: Sequence[Problem], file: Path) -> None:
        """Take the mistakes and the file that was read."""
        self.problems = tuple(problems)
        super().__init__(listed(self.problems, f"the scenario ({file})"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a simulated Kling is to behave. The same scenario with the same seed makes the same decisions."""

    given: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the file says of the settings, as SimulatorSettings has them; keys and further accounts included."""
    phases: tuple[Phase, ...] = ()

    def settings(self, **given: Any) -> SimulatorSettings:
        """Return the settings that hold outside the phases; what is given here counts more than the file.

        ValueError when that does not fit together.
        """
        return SimulatorSettings(**{**self.given, **given})

    def phases_under(self, names: Iterable[str]) -> tuple[Phase, ...]:
        """Return the phases without what they say of these settings, so that these hold all the time."""
        taken = set(names)
        return tuple(
            Phase(
                begins=phase.begins,
                lasts=phase.lasts,
                every=phase.every,
                changes={name: value for name, value in phase.changes.items() if name not in taken},
            )
            for phase in self.phases
        )


def read_scenario(path: Path) -> Scenario:
    """Read a scenario file. ScenarioError names every mistake in it."""
    try:
        tree = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ScenarioError([Problem(path=str(path), message=f"cannot be read: {error.strerror}")], path) from None
    except UnicodeDecodeError:
        raise ScenarioError([Problem(path=str(path), message="is not text in UTF-8")], path) from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([Problem(path=str(path), message=f"is not TOML: {error}")], path) from None
    try:
        file = ScenarioFile.model_validate(tree)
    except pydantic.ValidationError as error:
        raise ScenarioError(problems_of(error, ScenarioFile), path) from None
    accounts = [table.keys() for table in file.accounts]
    scenario = Scenario(
        given={
            **changes_of(file),
            **({} if file.seed is None else {"seed": file.seed}),
            **{name: value for keys in accounts if keys.name == MAIN for name, value in _as_main(keys)},
            "accounts": tuple(keys for keys in accounts if keys.name != MAIN),
        },
        phases=tuple(map(_phase, file.phases)),
    )
    if problems := _contradictions(scenario, accounts):
        raise ScenarioError(problems, path)
    return scenario


def _as_main(keys: AccountKeys) -> list[tuple[str, Any]]:
    names = ("api_key", "access_key", "secret_key", "secrets")
    return [(name, value) for name in names if (value := getattr(keys, name))]


def _phase(table: PhaseTable) -> Phase:
    return Phase(begins=table.begins, lasts=table.lasts, every=table.every, changes=changes_of(table))


def _contradictions(scenario: Scenario, accounts: Sequence[AccountKeys]) -> list[Problem]:
    """Return what is right by itself but not together, each with the place where it stands."""
    always = _mistakes_of(scenario, {})
    problems = [_placed(text, "") for text in always]
    for place, phase in enumerate(scenario.phases):
        in_it = _mistakes_of(scenario, phase.changes)
        problems += [_placed(text, f"phases[{place}]") for text in in_it if text not in always]
    mains = [place for place, keys in enumerate(accounts) if keys.name == MAIN]
    problems += [
        Problem(path=f"accounts[{place}].name", message="an account before it has the same name") for place in mains[1:]
    ]
    return problems


def _mistakes_of(scenario: Scenario, changes: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a scenario's settings while these differ."""
    try:
        scenario.settings(**changes)
    except ValueError as error:
        return str(error).split("; ")
    return []


def _placed(text: str, where: str) -> Problem:
    """Return a contradiction as the settings tell it, `names: what is wrong`, with the place where it stands."""
    names, _, message = text.partition(": ")
    return Problem(path=where, message=text) if where else Problem(path=names, message=message)
