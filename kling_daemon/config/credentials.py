"""Secrets that need no configuration: systemd's credentials, and well-known environment variables."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

from kling_daemon.config.secrets import SecretError, one_line, read_secret_file
from kling_daemon.problems import Problem

API_KEY = "kling_api_key"
ACCESS_KEY = "kling_access_key"
SECRET_KEY = "kling_secret_key"  # noqa: S105 - the name of a credential
WEBHOOK_SECRETS = "webhook_secrets"

_VARIABLES = {
    API_KEY: "KLING_API_KEY",
    ACCESS_KEY: "KLING_ACCESS_KEY",
    SECRET_KEY: "KLING_SECRET_KEY",
    WEBHOOK_SECRETS: "KLING_WEBHOOK_SECRETS",
}


def read_credentials(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return the settings that credentials fill in, as a tree, and what is wrong with them.

    A credential in `$CREDENTIALS_DIRECTORY` comes before the variable of the same meaning.
    """
    tree: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, variable in _VARIABLES.items():
        try:
            source, text = _find(name, environ)
            if text is None:
                continue
            if name == WEBHOOK_SECRETS:
                tree["trust"] = {"secrets": _named(text, source)}
            else:
                tree.setdefault("kling", {})[name.removeprefix("kling_")] = one_line(text, source)
        except SecretError as error:
            problems.append(Problem(path=variable, message=str(error)))
    return tree, problems


def credential_source(key: Sequence[str], environ: Mapping[str, str]) -> str:
    """Return the file or the variable that a setting has its value from, if it is from a credential."""
    name = f"kling_{key[-1]}" if key[0] == "kling" else WEBHOOK_SECRETS
    path = credential_file(name, environ)
    return _VARIABLES[name] if path is None else str(path)


def credential_file(name: str, environ: Mapping[str, str]) -> Path | None:
    """Return where systemd has put a credential; None when the daemon was given none of this name."""
    directory = environ.get("CREDENTIALS_DIRECTORY")
    return path if directory and _exists(path := Path(directory) / name) else None


def _exists(path: Path) -> bool:
    try:
        path.stat()
    except PermissionError:
        return True  # as for the programs of ExecReload=, which systemd shows the folder and not what is in it
    except OSError:
        return False
    return True


def _find(name: str, environ: Mapping[str, str]) -> tuple[str, str | None]:
    path = credential_file(name, environ)
    if path is not None:
        return str(path), read_secret_file(path, private=False)
    # An empty variable means what an absent one means: compose files cannot leave one out.
    return _VARIABLES[name], environ.get(_VARIABLES[name]) or None


def _named(text: str, source: str) -> dict[str, pydantic.SecretStr]:
    """Read secrets divided by white space, each with `name:` before it or named after its place."""
    secrets: dict[str, pydantic.SecretStr] = {}
    for place, word in enumerate(text.split(), start=1):
        name, colon, secret = word.partition(":")
        if not colon:
            name, secret = ("default" if place == 1 else f"default-{place}"), word
        if not name or not secret:
            raise SecretError(f"number {place} in {source} must be a secret, or name:secret")
        if name in secrets:
            raise SecretError(f"two secrets in {source} have the name '{name}'")
        secrets[name] = one_line(secret, source)
    if not secrets:
        raise SecretError(f"{source} is empty")
    return secrets
