"""Changing settings while the simulator runs: read from JSON, every mistake named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kling_daemon.durations import format_duration, parse_duration
from kling_daemon.simulator.settings import COUNTS, DURATIONS, RATES, SPANS, SWITCHES, SimulatorSettings
from kling_daemon.simulator.spans import Span
from kling_daemon.spelling import did_you_mean

_NAMES = (*SPANS, "speed", *RATES, *COUNTS, *DURATIONS, *SWITCHES)


class ChangeError(Exception):
    """The wanted change cannot be made, and none of it was; the message names every mistake."""


def changed(settings: SimulatorSettings, changes: Any) -> SimulatorSettings:
    """Return the settings with some replaced, durations and spans written as text. ChangeError for any mistake."""
    if not isinstance(changes, Mapping):
        raise ChangeError("a change is a JSON object of settings and their new values")
    values, mistakes = {}, []
    for name, value in changes.items():
        try:
            values[name] = _read(name, value)
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise ChangeError("; ".join(mistakes))
    try:
        return replace(settings, **values)
    except ValueError as error:
        raise ChangeError(str(error)) from None


def shown(settings: SimulatorSettings) -> dict[str, Any]:
    """Return every setting that can be changed, in the form in which `changed` takes it."""
    return {name: _write(getattr(settings, name)) for name in _NAMES}


def _read(name: str, value: Any) -> Any:
    """Return a setting's value; ValueError says what it should have been."""
    if name in SPANS or name in DURATIONS:
        if not isinstance(value, str):
            raise ValueError('expected text such as "20ms-50ms"' if name in SPANS else 'expected text such as "5s"')
        return Span.parse(value) if name in SPANS else parse_duration(value)
    if name in SWITCHES:
        if not isinstance(value, bool):
            raise ValueError("expected true or false")
        return value
    if name not in _NAMES:
        raise ValueError(f"no such setting{did_you_mean(name, _NAMES)}")
    if type(value) is int or (type(value) is float and name not in COUNTS):
        return value
    raise ValueError("expected a whole number" if name in COUNTS else "expected a number")


def _write(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value) if isinstance(value, Span) else value
