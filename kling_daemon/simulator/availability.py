"""What the simulated Kling no longer has, or does not let this account use: paths and models, by the settings."""

from collections.abc import Mapping
from typing import Any

from kling_daemon.kling.endpoints import endpoint_of, model_of
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.settings import SimulatorSettings


def check_available(path: str, body: Mapping[str, Any], settings: SimulatorSettings) -> None:
    """Pass a create whose path and model can be had; RefusalError 1203 for what is retired, 1103 for what is forbidden.

    What was created before goes on, and can be asked for: only creates are checked.
    """
    named = {path, endpoint_of(path).path, model_of(path, body)}
    if not named.isdisjoint(settings.retired):
        raise RefusalError(1203)
    if not named.isdisjoint(settings.forbidden):
        raise RefusalError(1103)
