"""`kling-daemon tokens`: give programs and people a way into the API of their own, and take it away again."""

import re
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.candidates import complete_tokens
from kling_daemon.cli.output import json_option, print_json, print_table
from kling_daemon.cli.where import Where, pass_where, talk, where_options

if TYPE_CHECKING:
    from kling_daemon.client import Daemon
    from kling_daemon.client.models import TokenModel

SCOPES = ("read", "admin")
"""`Scope`, written out, as importing it takes longer than `--help` may."""
HEADINGS = ("TOKEN", "SCOPE", "MADE", "LAST USED")


_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def _name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise click.BadParameter(
            "a name is made of up to 64 letters, digits, '_', '-' and '.', and begins with no sign"
        )
    return name


@click.group()
@where_options
def tokens() -> None:
    """Give programs and people a way into the API, and take it away again."""


@tokens.command("list")
@json_option
@where_options
@pass_where
def list_tokens(where: Where, *, as_json: bool) -> None:
    """Show every token of the API, with the last day on which it was used; never what it is."""
    from kling_daemon.cli.job_views import moment

    page = talk(where, lambda daemon: daemon.tokens())
    if as_json:
        print_json(page.as_json())
        return
    rows = [
        (token.name, token.scope, moment(token.made_at), token.used_on.isoformat() if token.used_on else "never")
        for token in page.items
    ]
    print_table(HEADINGS, rows)


@tokens.command("new")
@click.argument("name", callback=_name)
@click.option(
    "--scope", type=click.Choice(SCOPES), default="read", show_default=True, help="See everything, or do everything."
)
@json_option
@where_options
@pass_where
def new_token(where: Where, *, name: str, scope: str, as_json: bool) -> None:
    """Make a token and print it, this once; who loses it makes another.

    NAME says what or whom it is for: letters, digits, `_`, `-` and `.`, at most 64.
    """
    from kling_daemon.scopes import Scope

    made = talk(where, lambda daemon: daemon.make_token(name, Scope(scope)))
    if as_json:
        print_json(made.as_json())
        return
    click.echo(f"The token '{made.name}' (scope {made.scope}), which is shown only now:", err=True)
    click.echo(made.token)


@tokens.command("revoke")
@click.argument("names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_tokens)
@json_option
@where_options
@pass_where
def revoke_tokens(where: Where, *, names: tuple[str, ...], as_json: bool) -> None:
    """Make tokens good for nothing, at once; what somebody is reading with one is broken off.

    Stops at the first that there is not, and exits with 1.
    """
    revoked: list[TokenModel] = []

    async def revoke_all(daemon: "Daemon") -> None:
        for name in names:
            revoked.append(await daemon.revoke_token(name))  # noqa: PERF401 - what was revoked is shown in any case

    try:
        talk(where, revoke_all)
    finally:
        if as_json:
            print_json({"items": [token.as_json() for token in revoked], "next": None})
        else:
            for token in revoked:
                click.echo(f"{token.name} is revoked.")
