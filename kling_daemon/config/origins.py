"""Where each setting comes from: the environment, the file, a credential, or nowhere but its default."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from kling_daemon.config.credentials import credential_source
from kling_daemon.config.layers import Key, set_by_variable
from kling_daemon.config.secrets import is_reference


class OriginKind(StrEnum):
    """The kinds of places, the first of which counts where there are several."""

    ENVIRONMENT = "environment"
    FILE = "file"
    CREDENTIAL = "credential"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one setting comes from."""

    kind: OriginKind
    place: str | None = None
    """The variable or the file; None for a default."""
    reference: Mapping[str, str] | None = None
    """Of a secret: `{"file": …}` or `{"env": …}` as it was written, which may be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What was read, as it was written, to be asked for one key at a time."""

    environment: Mapping[str, Any] = field(repr=False)
    file: Mapping[str, Any] = field(repr=False)
    path: Path | None
    layers: Sequence[Mapping[str, Any]] = field(repr=False)
    """Environment, file and credentials without what was wrong in them, and with their secrets."""
    environ: Mapping[str, str] = field(repr=False)

    def of(self, key: Key) -> Origin:
        """Return where a key's value comes from."""
        environment, file, credentials = self.layers
        if _has(environment, key):
            return Origin(
                kind=OriginKind.ENVIRONMENT,
                place=set_by_variable(key, self.environ),
                reference=_reference(self.environment, key),
            )
        if _has(file, key):
            return Origin(kind=OriginKind.FILE, place=str(self.path), reference=_reference(self.file, key))
        if _has(credentials, key):
            return Origin(kind=OriginKind.CREDENTIAL, place=credential_source(key, self.environ))
        return Origin(kind=OriginKind.DEFAULT)


def nowhere() -> Origins:
    """Return the origins of a configuration that could not be read."""
    return Origins(environment={}, file={}, path=None, layers=({}, {}, {}), environ={})


def _has(tree: Mapping[str, Any], key: Key) -> bool:
    return _at(tree, key) is not None


def _reference(tree: Mapping[str, Any], key: Key) -> Mapping[str, str] | None:
    found = _at(tree, key)
    return dict(found) if is_reference(found) else None


def _at(tree: Any, key: Key) -> Any:
    """Return what stands at a key; None where nothing does, since TOML knows no other nothing."""
    for part in key:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(part)
    return tree
