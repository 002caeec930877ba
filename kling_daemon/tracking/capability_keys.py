"""The keys of the capabilities: the one in use, and old ones that are good until the jobs under them have ended."""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path

from kling_daemon.private_files import make_private_file
from kling_daemon.store import StoreError

FILE = "capability-key"
OLD_FILE = f"{FILE}.old"
"""Where an operator puts the key aside to have a new one made."""

_BYTES = 32
_UNTIL = re.compile(rf"{FILE}\.until-([0-9]{{1,18}})", re.ASCII)
_WORD = re.compile(rb"[\x21-\x7e]{32,512}")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class OldKey:
    """A key under which capabilities are not made any more."""

    key: bytes = field(repr=False)
    path: Path
    last_job: int
    """The highest row number of a job when it was put aside: those of later jobs are made under a later key."""

    def remove(self) -> None:
        """Remove its file for good; OSError when that cannot be done."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityKeys:
    """All keys under which a capability is good."""

    current: bytes = field(repr=False)
    old: tuple[OldKey, ...] = ()


def load_capability_keys(directory: Path, *, credential: str | None = None, last_job: int = 0) -> CapabilityKeys:
    """Return the keys: the credential where one is given, else what the state directory keeps, and the old ones.

    The first call makes `capability-key` (32 random bytes, mode 600, synced). What stands in `capability-key.old`, and
    beside a credential what stands in `capability-key`, was in use until now: it is renamed after `last_job`, the
    highest row number of a job, so that it is known how long it must be kept. A crash at any moment leaves each key
    under one of its names. Raises StoreError when one cannot be read or made, is damaged, or may be opened by others.
    """
    path = directory / FILE
    try:
        # The oldest first: had both the same name to go to, the rename would leave one of them where it is.
        for put_aside in [directory / OLD_FILE, *([path] if credential is not None else [])]:
            if put_aside.exists():
                _keep_aside(put_aside, last_job)
        if credential is None and not path.exists():
            make_private_file(path, os.urandom(_BYTES))
        current = _checked(credential.encode(), "the credential capability_key") if credential else _read(path)
        matches = [(file, _UNTIL.fullmatch(file.name)) for file in sorted(directory.iterdir())]
        old = [OldKey(key=_read(file), path=file, last_job=int(found[1])) for file, found in matches if found]
    except OSError as error:
        raise StoreError(f"{error.filename or path} cannot be read or made: {error.strerror}") from error
    return CapabilityKeys(current=current, old=tuple(one for one in old if one.key != current))


def _keep_aside(path: Path, last_job: int) -> None:
    _read(path)  # a mistake in it is told under the name that the operator knows
    while (aside := path.with_name(f"{FILE}.until-{last_job}")).exists():
        last_job += 1
    path.rename(aside)


def _read(path: Path) -> bytes:
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.is_file() and mode & _OTHERS:
        raise StoreError(f"{path} may be opened by others (mode {mode:04o}); run: chmod 600 {path}")
    content = path.read_bytes()
    return content if len(content) == _BYTES else _checked(content, str(path))


def _checked(content: bytes, source: str) -> bytes:
    """Return a key that was written by a person or a program: one word, without the end of its line."""
    word = content.strip()
    if _WORD.fullmatch(word):
        return word
    remedy = "" if source.startswith("the ") else "; delete it to have a new one made"
    raise StoreError(f"{source} is damaged: it must hold {_BYTES} bytes or a longer word{remedy}")
