"""Secrets never stand in the configuration: it says where they are, and only their holder ever shows them."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic

_REFERENCES = ({"file"}, {"env"})
_LONGEST = 64 * 1024


class SecretError(ValueError):
    """A secret cannot be had; the message says why and never shows it."""


def _refuse_literal(value: object) -> object:
    if not isinstance(value, pydantic.SecretStr):
        raise ValueError(  # noqa: TRY004 - pydantic collects ValueErrors only
            'a secret must not stand here itself; write { file = "/path" } or { env = "VARIABLE" }'
        )
    return value


SecretText = Annotated[pydantic.SecretStr, pydantic.BeforeValidator(_refuse_literal)]
"""A secret that was read from where the configuration pointed; `get_secret_value()` alone shows it."""


def resolve(
    tree: Mapping[str, Any], environ: Mapping[str, str], above: tuple[str, ...] = ()
) -> tuple[dict[str, Any], list[tuple[tuple[str, ...], str]]]:
    """Replace every `{ file = … }` and `{ env = … }` of a tree by the secret that it points to.

    Anywhere in the tree, so that plugins' sections have secrets too; lists are not searched. What cannot be had is left
    out of the tree and returned with its key and the reason.
    """
    resolved: dict[str, Any] = {}
    missing: list[tuple[tuple[str, ...], str]] = []
    for key, value in tree.items():
        here = (*above, key)
        if not isinstance(value, Mapping):
            resolved[key] = value
        elif is_reference(value):
            try:
                resolved[key] = _read(value, environ)
            except SecretError as error:
                missing.append((here, str(error)))
        else:
            resolved[key], inner = resolve(value, environ, here)
            missing += inner
    return resolved, missing


def is_reference(value: object) -> bool:
    """True for a table that says where a secret is."""
    return (
        isinstance(value, Mapping)
        and set(value) in _REFERENCES
        and all(isinstance(text, str) for text in value.values())
    )


def _read(reference: Mapping[str, str], environ: Mapping[str, str]) -> pydantic.SecretStr:
    if "env" in reference:
        name = reference["env"]
        if not environ.get(name):
            raise SecretError(f"the environment variable {name} is not set")
        return one_line(environ[name], f"the environment variable {name}")
    path = Path(reference["file"]).expanduser()
    return one_line(read_secret_file(path, private=not is_credential(path, environ)), str(path))


def is_credential(path: Path, environ: Mapping[str, str]) -> bool:
    """True for a credential of systemd's, which it guards by access control lists that look like group permissions."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return credentials is not None and path.is_relative_to(credentials)


def read_secret_file(path: Path, *, private: bool) -> str:
    """Return a secret file's text; with `private`, only if nobody but its owner may open it. Raises SecretError."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            if private and mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise SecretError(f"{path} may be opened by others (mode {mode:04o}); run: chmod 600 {path}")
            content = file.read(_LONGEST + 1)
    except PermissionError:
        raise SecretError(
            f"cannot read {path}: permission denied; it must belong to the user that the daemon runs as"
        ) from None
    except OSError as error:
        raise SecretError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _LONGEST:
        raise SecretError(f"{path} is too long for a secret")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SecretError(f"{path} is not text in UTF-8") from None


def one_line(text: str, source: str) -> pydantic.SecretStr:
    """Return the one line that a secret is. Raises SecretError when there is none, more, or nothing printable."""
    line = text.strip()
    if not line:
        raise SecretError(f"{source} is empty")
    if not line.isprintable():
        raise SecretError(f"{source} holds more than one line, or characters that no secret has")
    return pydantic.SecretStr(line)
