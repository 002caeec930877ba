"""How each webhook secret can be changed: while the daemon runs, or only with a restart."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kling_daemon.config.origins import Origin
from kling_daemon.config.reading import Loaded
from kling_daemon.config.secrets import is_credential


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Where a secret is, and what a change of it takes."""

    name: str
    place: str
    """The file or the variable that it is read from."""
    is_live: bool
    """True when a reload reads it anew; a process is given its credentials and variables when it starts."""


def rotations(loaded: Loaded) -> Iterator[Rotation]:
    """Yield each webhook secret that can be used, in the order of their names."""
    if loaded.settings is None:
        return
    for name in sorted(loaded.settings.trust.secrets):
        origin = loaded.origins.of(("trust", "secrets", name))
        yield Rotation(name=name, place=_place(origin), is_live=_is_live(origin))


def _place(origin: Origin) -> str:
    (written,) = origin.reference.values() if origin.reference is not None else (origin.place,)
    return str(written)


def _is_live(origin: Origin) -> bool:
    file = (origin.reference or {}).get("file")
    return file is not None and not is_credential(Path(file).expanduser(), os.environ)
