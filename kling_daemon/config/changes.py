"""Which keys of the configuration a running daemon can take over, and which of them differ between two readings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kling_daemon.config.layers import Key
from kling_daemon.config.settings import Settings

LIVE: tuple[tuple[str, str], ...] = (
    ("receiver", "allow_ips"),
    ("receiver", "trusted_proxies"),
    ("trust", "secrets"),
    ("trust", "require_signature"),
    ("trust", "confirm"),
    ("trust", "tolerance"),
    ("trust", "hint_queries_per_minute"),
    ("trust", "unproved_per_minute"),
    ("trust", "unproved_in_all_per_minute"),
)
"""The keys that a reload puts into force; every other one takes a restart. What reads one of these must be a part
that the `Reloader` is given (`app/live_parts.py`)."""

_NAMED: frozenset[Key] = frozenset({("trust", "secrets")})
"""Tables whose names the operator chose, besides `[handlers.NAME]`: what differs in them is told by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The keys that differ, as they are written with dots."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


def changes(*, started: Settings, in_force: Settings, read: Settings) -> Changes:
    """Return what was read that differs: of live keys from what is in force, of the others from the daemon's start."""
    return Changes(
        live=tuple(".".join(key) for key in _differing(in_force, read) if is_live(key)),
        restart=tuple(".".join(key) for key in _differing(started, read) if not is_live(key)),
    )


def with_live_keys(started: Settings, read: Settings) -> Settings:
    """Return the settings of the start with the live keys as they were read: what is in force after a reload."""
    live: dict[str, dict[str, Any]] = {}
    for section, key in LIVE:
        live.setdefault(section, {})[key] = getattr(getattr(read, section), key)
    sections = {name: getattr(started, name).model_copy(update=keys) for name, keys in live.items()}
    return started.model_copy(update=sections)


def is_live(key: Key) -> bool:
    """True for a key that a reload puts into force, or one below such a key."""
    return any(key[: len(live)] == live for live in LIVE)


def _differing(one: Settings, other: Settings) -> Iterator[Key]:
    for section in Settings.model_fields:
        here, there = getattr(one, section), getattr(other, section)
        if isinstance(here, Mapping):
            yield from _of_tables((section,), here, there)
            continue
        for key in type(here).model_fields:
            if (section, key) in _NAMED:
                yield from _of_tables((section, key), getattr(here, key), getattr(there, key))
            elif getattr(here, key) != getattr(there, key):
                yield (section, key)


def _of_tables(above: Key, here: Mapping[str, Any], there: Mapping[str, Any]) -> Iterator[Key]:
    for name in sorted(here.keys() | there.keys()):
        if name not in here or name not in there or here[name] != there[name]:
            yield (*above, name)
