"""Which file the configuration is read from."""

from collections.abc import Mapping
from pathlib import Path

from kling_daemon.config.problems import ConfigError, Problem

VARIABLE = "KLING_DAEMON_CONFIG"
LOCAL = Path("config.toml")
SYSTEM = Path("/etc/kling-daemon/config.toml")


def find_config(explicit: Path | None, environ: Mapping[str, str], *, for_run: bool) -> Path | None:
    """Return the file to read; None when there is none and the defaults apply.

    In this order: the explicit one, `$KLING_DAEMON_CONFIG`, `./config.toml`, `/etc/kling-daemon/config.toml`. Only
    `run` looks into the current folder, so that no other verb changes its mind with the place where it is typed. A
    file that was named must exist: ConfigError.
    """
    if explicit is not None:
        return _existing(explicit, "--config")
    if named := environ.get(VARIABLE):
        return _existing(Path(named).expanduser(), VARIABLE)
    for candidate in (LOCAL, SYSTEM) if for_run else (SYSTEM,):
        if candidate.is_file():
            return candidate
    return None


def _existing(path: Path, named_by: str) -> Path:
    if not path.is_file():
        raise ConfigError([Problem(path=named_by, message=f"there is no file {path}")], path)
    return path
