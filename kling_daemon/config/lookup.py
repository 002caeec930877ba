"""Which file the configuration is read from."""

import stat
from collections.abc import Mapping
from pathlib import Path

from kling_daemon.config.problems import ConfigError
from kling_daemon.problems import Problem

CONFIG_VARIABLE = "KLING_DAEMON_CONFIG"
LOCAL = Path("config.toml")
SYSTEM = Path("/etc/kling-daemon/config.toml")


def find_config(
    explicit: Path | None, environ: Mapping[str, str], *, for_run: bool, system: Path = SYSTEM
) -> Path | None:
    """Return the file to read; None when there is none and the defaults apply.

    In this order: the explicit one, `$KLING_DAEMON_CONFIG`, `./config.toml`, the system's. Only
    `run` looks into the current folder, so that no other verb changes its mind with the place where it is typed. A
    file that was named must exist: ConfigError. One that may not be looked at counts as existing: reading it says so.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    if named := environ.get(CONFIG_VARIABLE):
        return _existing(Path(named).expanduser(), CONFIG_VARIABLE)
    for candidate in (LOCAL, system) if for_run else (system,):
        if _exists(candidate):
            return candidate
    return None


def _existing(path: Path, named_by: str) -> Path:
    if not _exists(path):
        raise ConfigError([Problem(path=named_by, message=f"there is no file {path}")], path)
    return path


def _exists(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError:
        return False
