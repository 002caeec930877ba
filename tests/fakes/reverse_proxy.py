"""nginx and Caddy as the documentation configures them, run on this machine before a daemon."""

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from fakes.certificates import HOST, Pair
from fakes.dispatching import until

DOCS = Path(__file__).parents[2] / "docs" / "reverse-proxy.md"
NAME = "kling.example.com"


@dataclass(frozen=True, slots=True)
class Proxy:
    """One that runs."""

    url: str
    folder: Path
    """Everything that it writes."""

    def written(self) -> str:
        """Return all that its logs hold."""
        return "".join(path.read_text(errors="replace") for path in self.folder.rglob("*.log"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a proxy is to listen, what it hands on to, and what it may write to."""

    port: int
    daemon: str
    pair: Pair
    folder: Path


def documented(language: str) -> str:
    """Return the one configuration in this language, as it stands in the documentation."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCS.read_text(), flags=re.DOTALL)
    return found


def substituted(text: str, changes: Mapping[str, str]) -> str:
    """Replace what cannot be the same on a machine that runs tests; each of these must be there once."""
    for was, becomes in changes.items():
        assert text.count(was) == 1, was
        text = text.replace(was, becomes)
    return text


def _nginx(place: _Place) -> list[str]:
    live = f"/etc/letsencrypt/live/{NAME}"
    site = substituted(
        documented("nginx"),
        {
            "listen 443 ssl;": f"listen {HOST}:{place.port} ssl;",
            "    listen [::]:443 ssl;\n": "",
            "127.0.0.1:8765": place.daemon,
            f"{live}/fullchain.pem": str(place.pair.chain),
            f"{live}/privkey.pem": str(place.pair.key),
            "/var/log/nginx/kling.log": f"{place.folder}/access.log",
            "/var/log/nginx/kling-error.log": f"{place.folder}/error.log",
        },
    )
    (place.folder / "site.conf").write_text(site)
    parts = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{part}_temp_path {place.folder}/{part};" for part in parts)
    main = place.folder / "nginx.conf"
    # What Debian's nginx.conf says of this, and a user who may read the folder of a test.
    main.write_text(f"""
        user root;
        daemon off;
        worker_processes 1;
        pid {place.folder}/nginx.pid;
        error_log {place.folder}/main-error.log;
        events {{}}
        http {{
            {temporary}
            include {place.folder}/site.conf;
        }}
    """)
    return ["nginx", "-p", str(place.folder), "-e", f"{place.folder}/first-error.log", "-c", str(main)]


def _caddy(place: _Place) -> list[str]:
    site = substituted(
        documented("caddyfile"),
        {
            f"{NAME} {{\n": f"{NAME}:{place.port} {{\n\tbind {HOST}\n\ttls {place.pair.chain} {place.pair.key}\n",
            "127.0.0.1:8765": place.daemon,
            "{\n\t# Of": "{\n\tadmin off\n\tauto_https disable_redirects\n\t# Of",
        },
    )
    path = place.folder / "Caddyfile"
    path.write_text(site)
    return ["caddy", "run", "--config", str(path), "--adapter", "caddyfile"]


PROXIES: Mapping[str, Callable[[_Place], list[str]]] = {"nginx": _nginx, "caddy": _caddy}


def is_installed(name: str) -> bool:
    return shutil.which(name, path=PATH) is not None


PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where Debian puts servers, which is not on everybody's own path."""


@asynccontextmanager
async def proxied(name: str, *, port: int, daemon: str, pair: Pair, folder: Path) -> AsyncIterator[Proxy]:
    """Run a proxy before a daemon's receiver (HOST:PORT), until the context is left; the folder is there and empty."""
    command = PROXIES[name](_Place(port=port, daemon=daemon, pair=pair, folder=folder))
    with (folder / "console.log").open("wb") as console:
        process = subprocess.Popen(  # noqa: ASYNC220 - returns once the process is made
            command, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            env={"PATH": PATH, "HOME": str(folder)}, cwd=folder,
        )  # fmt: skip
    proxy = Proxy(f"https://{HOST}:{port}", folder)
    try:
        await until(lambda: process.poll() is not None or _listens(port))
        assert process.poll() is None, proxy.written()
        yield proxy
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)


def _listens(port: int) -> bool:
    with socket.socket() as knocking:
        return knocking.connect_ex((HOST, port)) == 0
