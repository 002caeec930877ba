"""The effective configuration: what each key comes to, and where that comes from, without any secret."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from kling_daemon.cli.checking import Checked
from kling_daemon.config import HandlerSettings, Origin, OriginKind, Settings
from kling_daemon.telemetry.capability_text import MASK
from kling_daemon.telemetry.redaction import redact

Key = tuple[str, ...]

_FOLLOWED = ("timeout", "max_attempts", "backoff", "max_backoff", "max_age", "concurrency", "rate")
"""What a handler takes over from `[delivery]` where its section says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key with its value as it would be written, and its origin."""

    key: str
    value: Any
    origin: str
    place: str | None

    @property
    def text(self) -> str:
        """The value for a person: as in TOML."""
        if self.value is None:
            return "(none)"
        if isinstance(self.value, Mapping) and set(self.value) in ({"file"}, {"env"}):
            ((kind, where),) = self.value.items()
            return f"{{ {kind} = {json.dumps(where, ensure_ascii=False)} }}"
        return json.dumps(self.value, ensure_ascii=False)


def effective(checked: Checked) -> list[Setting]:
    """Return every setting, in the order of the sections; none where the file cannot be read."""
    return [] if checked.loaded.settings is None else list(_Effective(checked, checked.loaded.settings).settings())


class _Effective:
    """The walk through all sections."""

    def __init__(self, checked: Checked, settings: Settings) -> None:
        self._checked = checked
        self._settings = settings
        self._origins = checked.loaded.origins

    def settings(self) -> Iterator[Setting]:
        # Secrets come as asterisks, everything else as it would be written.
        for section, values in self._settings.model_dump(mode="json", exclude={"handlers"}).items():
            for key, value in values.items():
                if section == "trust" and key == "secrets":
                    for name in value or [None]:
                        yield self._secret("trust", "secrets", name) if name else self._setting(("trust", key), None)
                elif _is_secret(getattr(getattr(self._settings, section), key)):
                    yield self._secret(section, key)
                else:
                    yield self._setting((section, key), value)
        hooked = {name: HandlerSettings() for name in self._checked.discovery.hooked()}
        for name, handler in sorted({**hooked, **self._settings.handlers}.items()):
            yield from self._handler(name, handler)

    def _handler(self, name: str, handler: HandlerSettings) -> Iterator[Setting]:
        shared = handler.model_dump(mode="json", include=set(HandlerSettings.model_fields))
        delivery = self._settings.delivery.model_dump(mode="json")
        running = {each.name: each for each in self._checked.handlers}.get(name)
        for key, value in shared.items():
            here = ("handlers", name, key)
            if value is not None:
                yield self._setting(here, value)
            elif key in _FOLLOWED:
                yield Setting(
                    key=".".join(here), value=delivery[key], origin=OriginKind.DEFAULT, place=f"delivery.{key}"
                )
            elif key == "events" and running is not None:
                yield self._setting(here, sorted(running.events))
            elif key != "type":
                yield self._setting(here, None)
        yield from self._own(("handlers", name), self._own_values(handler))

    def _own_values(self, handler: HandlerSettings) -> Mapping[str, Any]:
        """Return a plugin's own keys with their defaults; as they were written where the plugin refuses them."""
        found = self._checked.discovery.types().get(handler.type or "")
        if found is not None:
            with suppress(Exception):  # a plugin's validator may raise anything; it is told as a problem
                return found[1].config.model_validate(handler.own).model_dump(mode="json", fallback=str, warnings=False)
        return handler.own

    def _own(self, above: Key, values: Mapping[str, Any]) -> Iterator[Setting]:
        shown = redact(values)
        for key, value in values.items():
            here = (*above, key)
            if self._origins.of(here).reference is not None:
                yield self._secret(*here)
            elif isinstance(value, Mapping) and value:
                yield from self._own(here, value)
            else:
                yield self._setting(here, shown[key])

    def _secret(self, *key: str) -> Setting:
        origin = self._origins.of(key)
        if origin.kind is OriginKind.DEFAULT:
            return self._setting(key, None)
        return _made(key, origin, MASK if origin.reference is None else dict(origin.reference))

    def _setting(self, key: Key, value: Any) -> Setting:
        return _made(key, self._origins.of(key), value)


def _made(key: Key, origin: Origin, value: Any) -> Setting:
    return Setting(key=".".join(key), value=value, origin=origin.kind, place=origin.place)


def _is_secret(value: object) -> bool:
    return value is None or hasattr(value, "get_secret_value")
