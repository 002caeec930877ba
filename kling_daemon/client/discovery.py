"""Finding the daemon: where it listens, and the token that it wants."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from kling_daemon.client.errors import AddressError
from kling_daemon.client.trust import CA_VARIABLE

URL_VARIABLE = "KLING_DAEMON_URL"
TOKEN_VARIABLE = "KLING_DAEMON_TOKEN"  # noqa: S105 - the variable's name
CONFIG_VARIABLE = "KLING_DAEMON_CONFIG"
TOKEN_FILE = "api-token"  # noqa: S105 - the file's name, in the state directory

UNIX = "unix:"
SOCKET = Path("kling-daemon/api.sock")
"""Where a daemon's socket is looked for, below `$XDG_RUNTIME_DIR` and below `/run`."""

SYSTEM_STATE = Path("/var/lib/kling-daemon")
"""The state directory of a daemon that systemd runs."""

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised here, not bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A daemon to be talked to."""

    url: str
    """`http://…`, `https://…` without a slash at its end, or `unix:/path`."""
    token: str | None = field(repr=False)
    token_from: str = "the program itself"  # noqa: S105 - words for people
    """Where the token comes from, or would have to come from, for the message when it is refused."""
    ca: Path | None = None
    """Of an `https://` URL: a file in PEM of those whose certificates are trusted, or of the daemon's own; None for
    those whom the system, or `$SSL_CERT_FILE`, trusts."""
    certificate: Path | None = None
    """A file in PEM that begins with the only certificate that is trusted, whatever name it is for; before `ca`."""


def find_daemon(url: str | None, config: Path | None, environ: Mapping[str, str]) -> Target:
    """Return the daemon to talk to; the first of these that there is.

    1. `url`, else `$KLING_DAEMON_URL`; with `$KLING_DAEMON_TOKEN` and no other token, which might be meant for
       another daemon. `$KLING_DAEMON_CA` is a file of whom to trust.
    2. `kling-daemon/api.sock` below `$XDG_RUNTIME_DIR`, then below `/run`, unless a configuration is named.
    3. `api.listen` of the configuration, found as every verb but `run` finds it, with its defaults; known by the
       certificate in `api.tls_cert`, if there is one.

    For 2 and 3 the token is `$KLING_DAEMON_TOKEN`, else the file `api-token` in the configuration's state directory,
    else in systemd's. Raises AddressError for a URL that is none, ConfigError for a configuration that was named and
    is not there, or that cannot be read.
    """
    if named := url or environ.get(URL_VARIABLE):
        ca = Path(path).expanduser() if (path := environ.get(CA_VARIABLE)) else None
        return Target(url=usable_url(named), token=_from_environment(environ), token_from=TOKEN_VARIABLE, ca=ca)
    if config is None and not environ.get(CONFIG_VARIABLE) and (socket := _find_socket(environ)) is not None:
        return _with_token(f"{UNIX}{socket}", _state_directory(config, environ), environ)
    return _from_configuration(config, environ)


def usable_url(url: str) -> str:
    """Return a daemon's URL without a slash at its end; AddressError for what is none."""
    if url.startswith(UNIX):
        if not Path(url.removeprefix(UNIX)).is_absolute():
            raise AddressError("a Unix socket is written as unix:/absolute/path")
        return url
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.username or parts.query or parts.fragment:
        raise AddressError("the daemon's URL must be such as http://127.0.0.1:8766 or unix:/run/kling-daemon/api.sock")
    return url.rstrip("/")


def _find_socket(environ: Mapping[str, str]) -> Path | None:
    roots = [Path(environ["XDG_RUNTIME_DIR"])] if environ.get("XDG_RUNTIME_DIR") else []
    for root in (*roots, Path("/run")):
        with suppress(PermissionError):  # a folder that is not for us
            if (root / SOCKET).is_socket():
                return root / SOCKET
    return None


def _from_configuration(config: Path | None, environ: Mapping[str, str]) -> Target:
    # Imported here: the configuration takes longer to import than a verb with a URL takes to run.
    from kling_daemon.config import ConfigError, TcpAddress, find_config, load

    loaded = load(find_config(config, environ, for_run=False), environ)
    settings = loaded.settings
    if settings is None:
        raise ConfigError(loaded.problems, loaded.file)
    listen, certificate = settings.api.listen, settings.api.tls_cert
    if isinstance(listen, TcpAddress):
        if listen.port == 0:
            raise AddressError("api.listen has port 0, which tells nobody where the daemon is; give its URL")
        host = _WILDCARDS.get(listen.host, listen.host)
        scheme = "http" if certificate is None else "https"
        url = f"{scheme}://{TcpAddress(host=host, port=listen.port)}"
    else:
        url = f"{UNIX}{listen.path}"
    return replace(_with_token(url, settings.store.directory, environ), certificate=certificate)


def _state_directory(config: Path | None, environ: Mapping[str, str]) -> Path:
    from kling_daemon.config import find_config, load

    settings = load(find_config(config, environ, for_run=False), environ).settings
    return SYSTEM_STATE if settings is None else settings.store.directory


def _with_token(url: str, directory: Path, environ: Mapping[str, str]) -> Target:
    if token := _from_environment(environ):
        return Target(url=url, token=token, token_from=TOKEN_VARIABLE)
    for folder in dict.fromkeys((directory, SYSTEM_STATE)):
        path = folder / TOKEN_FILE
        try:
            token = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        return Target(url=url, token=token, token_from=str(path))
    return Target(
        url=url, token=None, token_from=f"{TOKEN_VARIABLE}, or {directory / TOKEN_FILE}, which cannot be read"
    )


def _from_environment(environ: Mapping[str, str]) -> str | None:
    token = environ.get(TOKEN_VARIABLE, "").strip()
    if not (token.isascii() and token.isprintable()):
        raise AddressError(
            f"{TOKEN_VARIABLE} holds characters that no token has; is it the right variable, or two lines?"
        )
    return token or None
