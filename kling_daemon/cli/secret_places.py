"""Where a secret is to come from, as it is said on the command line; the secret itself is never typed there."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

LATER = "later"
CREDENTIAL = "credential"

_VARIABLE = re.compile("[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPlace:
    """A place for one secret: a file, a variable, a credential of systemd's, or none yet."""

    kind: str
    """`file`, `env`, `credential` or `later`."""
    where: str = ""
    """The file's absolute path, or the variable's name."""

    @property
    def file(self) -> Path | None:
        """The file, if it is one."""
        return Path(self.where) if self.kind == "file" else None


class SecretPlaceType(click.ParamType[SecretPlace]):
    """An option that says where a secret is: `file:PATH`, `env:VARIABLE`, `credential` or `later`."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> SecretPlace:
        """Read it, or fail as a usage error; what was typed is not repeated, since it may be the secret itself."""
        if isinstance(value, SecretPlace):
            return value
        kind, _, where = str(value).partition(":")
        if kind == "file" and where and where.isprintable():
            return SecretPlace(kind=kind, where=str(Path(where).expanduser().absolute()))
        if (kind == "env" and _VARIABLE.fullmatch(where)) or value in {CREDENTIAL, LATER}:
            return SecretPlace(kind=kind, where=where)
        raise click.BadParameter("say where the secret is: file:PATH, env:VARIABLE, credential or later", ctx, param)
