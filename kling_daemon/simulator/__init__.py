"""A Kling that runs here: for the demo, for tests, and for anybody's own CI."""

from kling_daemon.simulator.account_keys import AccountKeys
from kling_daemon.simulator.changes import ChangeError, changed, read_changes
from kling_daemon.simulator.scenarios.phases import Phase
from kling_daemon.simulator.scenarios.scenario import Scenario, ScenarioError, read_scenario
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.simulator import Simulator
from kling_daemon.simulator.spans import Span

__all__ = [
    "AccountKeys",
    "ChangeError",
    "Phase",
    "Scenario",
    "ScenarioError",
    "Simulator",
    "SimulatorSettings",
    "Span",
    "changed",
    "read_changes",
    "read_scenario",
]
