"""The demo's private folder: configuration, secrets and plugin of a daemon that touches nothing of the user's own."""

import base64
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Self

from kling_daemon.demo import journal
from kling_daemon.demo.errors import DemoError
from kling_daemon.demo.scenario import ARCHIVE
from kling_daemon.egress import LOOPBACK
from kling_daemon.hookspecs import ENTRY_POINT_GROUP

DOWNLOAD = "download"
"""The entry point, and the handler type, of the plugin kling-daemon-download."""

_METADATA = "Metadata-Version: 2.1\nName: kling-daemon-demo\nVersion: 1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A folder that is made for one demo."""

    root: Path
    downloads: Path
    """Where the daemon saves results; outside, for it stays."""

    @classmethod
    def prepare(cls, root: Path, downloads: Path) -> Self:
        """Fill an empty folder with all but the configuration. Raises DemoError when the download plugin is missing."""
        if DOWNLOAD not in _installed():
            raise DemoError(
                "The demo needs the plugin kling-daemon-download; install it: pip install kling-daemon-download"
            )
        workspace = cls(root=root, downloads=downloads)
        _write_secret(workspace.api_key, f"demo-{secrets.token_urlsafe(24)}")
        _write_secret(workspace.webhook_secret, f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}")
        workspace._install_journal()
        return workspace

    @property
    def api_key(self) -> Path:
        """Holds the key that the daemon sends and the simulated Kling wants."""
        return self.root / "api-key"

    @property
    def webhook_secret(self) -> Path:
        """Holds the secret with which callbacks are signed."""
        return self.root / "webhook-secret"

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.root / "config.toml"

    @property
    def state(self) -> Path:
        """The daemon's state directory."""
        return self.root / "state"

    @property
    def journal(self) -> Path:
        """The journal's data directory."""
        return self.state / "handlers" / journal.NAME

    def log(self, program: str) -> Path:
        """Return where a program's log goes."""
        return self.root / f"{program}.log"

    def environ(self) -> Mapping[str, str]:
        """Return the variables by which the daemon's Python finds the journal."""
        paths = [str(self._plugins), *filter(None, [os.environ.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(paths)}

    def configure(self, kling_url: str) -> str:
        """Write the daemon's configuration and return the URL at which it will take callbacks."""
        receiver = f"127.0.0.1:{_free_port()}"
        sections: dict[str, dict[str, Any]] = {
            "kling": {
                "base_url": kling_url,
                "api_key": {"file": str(self.api_key)},
                "max_requests_per_second": 20,
            },
            "receiver": {"listen": receiver, "public_url": f"http://{receiver}"},
            "trust": {"secrets": {"demo": {"file": str(self.webhook_secret)}}},
            "poller": {"fallback_after": "5s", "interval": "1s", "max_interval": "4s"},
            "store": {"directory": str(self.state)},
            # The simulated Kling has its results here, and serves them without TLS.
            "egress": {"allow_http": True, "networks": [str(network) for network in LOOPBACK]},
            "api": {"listen": f"unix:{self.root / 'api.sock'}"},
            "log": {"format": "console"},
            "service": {"stop_timeout": "10s"},
            f"handlers.{ARCHIVE}": {
                "type": DOWNLOAD,
                "directory": str(self.downloads),
                "path": "{type}/{task_id}-{index}.{ext}",
            },
            # Whatever else is installed here shall not take made-up jobs for real ones.
            **{f"handlers.{name}": {"enabled": False} for name in _installed() - {DOWNLOAD}},
        }
        self.config.write_text(_toml(sections), encoding="utf-8")
        return f"http://{receiver}"

    @property
    def _plugins(self) -> Path:
        return self.root / "plugins"

    def _install_journal(self) -> None:
        info = self._plugins / "kling_daemon_demo-1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(_METADATA, encoding="utf-8")
        entry_point = f"[{ENTRY_POINT_GROUP}]\n{journal.NAME} = {journal.__name__}\n"
        (info / "entry_points.txt").write_text(entry_point, encoding="utf-8")


def _installed() -> frozenset[str]:
    """Return the names of the plugins in this Python installation; none is imported."""
    return frozenset(metadata.entry_points(group=ENTRY_POINT_GROUP).names)


def _write_secret(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)


def _free_port() -> int:
    """Return a port on which nobody listened a moment ago: Kling must be told it before the daemon takes it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {_value(value)}\n" for key, value in section.items())
        for name, section in sections.items()
    )


def _value(value: Any) -> str:
    """Return a text, number, truth value or table in TOML, where all but tables look as in JSON."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)
