"""Changing settings while the simulator runs: read from JSON, every mistake named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kling_daemon.durations import format_duration, parse_duration
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
    mistake_of,
)
from kling_daemon.simulator.spans import Span
from kling_daemon.spelling import did_you_mean

NAMES = (*SPANS, "speed", *RATES, *COUNTS, *DURATIONS, *OFFSETS, *SWITCHES, *CHOICES, *LISTS)
"""Every setting that can be changed while the simulator runs."""

_EXAMPLES = {**dict.fromkeys(SPANS, "20ms-50ms"), **dict.fromkeys(DURATIONS, "5s"), **dict.fromkeys(OFFSETS, "-5m")}


class ChangeError(Exception):
    """The wanted change cannot be made, and none of it was; the message names every mistake."""


def changed(settings: SimulatorSettings, changes: Any) -> SimulatorSettings:
    """Return the settings with some replaced, durations and spans written as text. ChangeError for any mistake."""
    try:
        return replace(settings, **read_changes(changes))
    except ValueError as error:
        raise ChangeError(str(error)) from None


def read_changes(changes: Any) -> dict[str, Any]:
    """Return the settings that a change names and their values.

    ChangeError for every mistake but contradictions, which only all settings together can show.
    """
    if not isinstance(changes, Mapping):
        raise ChangeError("a change is a JSON object of settings and their new values")
    values, mistakes = {}, []
    for name, value in changes.items():
        try:
            values[name] = read = read_setting(name, value)
            if mistake := mistake_of(name, read):
                mistakes.append(f"{name}: {mistake}")
        except ValueError as error:
            mistakes.append(f"{name}: {error}")
    if mistakes:
        raise ChangeError("; ".join(mistakes))
    return values


def shown(settings: SimulatorSettings) -> dict[str, Any]:
    """Return every setting that can be changed, in the form in which `changed` takes it."""
    return {name: _write(getattr(settings, name)) for name in NAMES}


def read_setting(name: str, value: Any) -> Any:
    """Return a setting's value from how it is written in JSON, TOML or an option; ValueError says what was expected.

    Whether it is within its range, SimulatorSettings says.
    """
    if name in _EXAMPLES:
        if not isinstance(value, str):
            raise ValueError(f'expected text such as "{_EXAMPLES[name]}"')
        return _read_time(name, value)
    if name in CHOICES:
        words = [str(word) for word in CHOICES[name]]
        if value not in words:
            raise ValueError(f"expected one of {', '.join(words)}{did_you_mean(str(value), words)}")
        return CHOICES[name](value)
    if name in LISTS:
        return _read_list(value)
    if name in SWITCHES:
        if not isinstance(value, bool):
            raise ValueError("expected true or false")
        return value
    if name not in NAMES:
        raise ValueError(f"no such setting{did_you_mean(name, NAMES)}")
    if type(value) is int or (type(value) is float and name not in COUNTS):
        return value
    raise ValueError("expected a whole number" if name in COUNTS else "expected a number")


def _read_list(value: Any) -> tuple[str, ...]:
    """Return a list of texts, which may also be written as one text with commas."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):
        raise ValueError("expected a list of texts, or one text with commas")
    return tuple(part.strip() for part in parts if part.strip())


def _read_time(name: str, text: str) -> Span | timedelta:
    if name in SPANS:
        return Span.parse(text)
    if name in OFFSETS and text.strip().startswith(("+", "-")):
        duration = parse_duration(text.strip()[1:])
        return -duration if text.strip().startswith("-") else duration
    return parse_duration(text)


def _write(value: Any) -> Any:
    if isinstance(value, timedelta):
        return f"{'-' if value < timedelta(0) else ''}{format_duration(abs(value))}"
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Span) else value
