"""A group of verbs whose modules are imported when they are asked for, and whose output may find no place to go."""

import errno
import io
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from kling_daemon.cli.exit_codes import UNWRITABLE


class LazyGroup(click.Group):
    """Knows its verbs by name only."""

    def __init__(self, *args: Any, verbs: Mapping[str, str], **given: Any) -> None:
        """Take for each verb where it is: `package.module:name`."""
        super().__init__(*args, **given)
        self._verbs = verbs

    def main(self, *args: Any, **given: Any) -> Any:
        """Run the verb; says so, and ends with 74, if what it prints cannot be written, as to a full disk."""
        if sys.stdout is None:  # closed by whoever started us, who then wants no output
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - it stays open to the end
        if isinstance(sys.stdout, io.TextIOWrapper):
            # Ids and Kling's words may hold any character, and terminals of some locales cannot show every one.
            sys.stdout.reconfigure(errors="backslashreplace")
        try:
            try:
                return super().main(*args, **given)
            finally:
                sys.stdout.flush()
        except OSError as error:
            if error.filename is not None:
                raise  # it is about some file, and not about our output
            # What is left in the buffer would be tried once more at the interpreter's end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            if error.errno != errno.EPIPE:  # whoever closed the pipe has read enough
                click.echo(f"Error: the output could not be written: {error.strerror}", err=True)
            sys.exit(UNWRITABLE)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse arguments that are no text: nothing in a request could be made of them."""
        for argument in args:
            try:
                argument.encode()
            except UnicodeEncodeError:
                shown = ascii(argument)
                raise click.UsageError(
                    f"{shown} is not text; write UTF-8, in a locale such as LC_ALL=C.UTF-8"
                ) from None
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's interface
        """Return the verbs in the order in which help shows them."""
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's interface
        """Import a verb."""
        place = self._verbs.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command = getattr(import_module(module), name)
        assert isinstance(command, click.Command)  # noqa: S101 - the table in `main` names nothing else
        return command
