"""`kling-daemon init`: from nothing to a configuration that works, and what is left to do elsewhere."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kling_daemon.cli.exit_codes import BAD_CONFIGURATION, ConfigurationExit
from kling_daemon.cli.output import json_option, print_json, printable
from kling_daemon.cli.secret_places import LATER, SecretPlace, SecretPlaceType
from kling_daemon.cli.where import Where, config_option, pass_where

if TYPE_CHECKING:
    from kling_daemon.cli.checking import Checked

CONFIG = Path("config.toml")

_PLACE = "file:PATH|env:NAME|credential|later"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What became of the file."""

    file: Path
    is_new: bool


@click.command()
@click.option("--public-url", metavar="URL", help="How Kling reaches this machine; '' for not at all: jobs are polled.")
@click.option("--api-key", metavar=_PLACE, type=SecretPlaceType(), help="Where Kling's API key is.  [default: later]")
@click.option(
    "--webhook-secret", metavar=_PLACE, type=SecretPlaceType(), help="Where the webhook secret is.  [default: later]"
)
@click.option("--force", is_flag=True, help="Replace a configuration that is there; it is kept as FILE.old.")
@click.option("--no-input", is_flag=True, help="Ask nothing, on a terminal neither.")
@json_option
@config_option
@pass_where
def init(
    where: Where,
    *,
    public_url: str | None,
    api_key: SecretPlace | None,
    webhook_secret: SecretPlace | None,
    force: bool,
    no_input: bool,
    as_json: bool,
) -> None:
    """Write a minimal configuration, check it, and say what is left to do.

    Writes --config, else $KLING_DAEMON_CONFIG, else ./config.toml. On a terminal it asks for what no option says; a
    secret that is typed is not shown, and goes into a file of mode 600. Nothing that is there is overwritten.
    """
    from kling_daemon.cli.first_config import API_KEY_FILE, WEBHOOK_SECRET_FILE, FirstConfig

    file = _file(where)
    asks = not no_input and not as_json and sys.stdin.isatty()
    if asks and not force and file.exists():
        raise _left_alone(file)
    url = _url(public_url) if public_url is not None or not asks else _ask_url()
    later = SecretPlace(kind=LATER)
    api_key = api_key or (_ask_place("Kling's API key", file.parent / API_KEY_FILE) if asks else later)
    webhook_secret = webhook_secret or (
        _ask_place("the webhook secret of Kling's console", file.parent / WEBHOOK_SECRET_FILE) if asks else later
    )
    if asks:
        api_key = _ask_secret("Kling's API key", api_key)
        webhook_secret = _ask_secret("The webhook secret (whsec_…)", webhook_secret)
    wanted = FirstConfig(public_url=url, api_key=api_key, webhook_secret=webhook_secret)
    _finish(_write(file, wanted.text(file.parent), force=force), as_json=as_json)


def _file(where: Where) -> Path:
    named = where.config or (Path(variable) if (variable := os.environ.get("KLING_DAEMON_CONFIG")) else CONFIG)
    return named.expanduser().absolute()


def _url(text: str | None) -> str | None:
    """Return a public URL; None for none."""
    from kling_daemon.config.urls import parse_root_url

    if not text:
        return None
    try:
        return parse_root_url(text if text.isprintable() else "")
    except ValueError as error:
        raise click.BadParameter(f"the public URL {error}") from None


def _ask_url() -> str | None:
    click.echo("How does Kling reach this machine, such as https://kling.example.com? Empty: not at all, so that every")
    return click.prompt("job is polled", default="", show_default=False, value_proc=_url)


def _ask_place(what: str, file: Path) -> SecretPlace:
    return click.prompt(f"Where is {what} ({_PLACE})", default=f"file:{file}", value_proc=SecretPlaceType())


def _ask_secret(what: str, place: SecretPlace) -> SecretPlace:
    """Have a secret typed into its file, where that is not there yet; without one the place waits for later."""
    if place.file is None or place.file.exists():
        return place
    secret = click.prompt(
        f"{what}, which is not shown; empty for later", hide_input=True, default="", show_default=False
    )
    if not secret.strip():
        return SecretPlace(kind=LATER)
    from kling_daemon.private_files import make_private_file

    try:
        place.file.parent.mkdir(parents=True, exist_ok=True)
        make_private_file(place.file, f"{secret.strip()}\n".encode())
    except OSError as error:
        raise click.ClickException(f"{place.file} cannot be written: {error.strerror}") from None
    return place


def _write(file: Path, text: str, *, force: bool) -> _Written:
    """Write the configuration, unless it is there with the very same content."""
    try:
        if file.exists():
            if file.read_bytes() == text.encode():
                return _Written(file=file, is_new=False)
            if not force:
                raise _left_alone(file)
            file.replace(file.with_name(f"{file.name}.old"))
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    return _Written(file=file, is_new=True)


def _left_alone(file: Path) -> click.ClickException:
    return click.ClickException(
        f"{file} is there already, and is left as it is; --force replaces it, and"
        f" `kling-daemon config check --config {file}` checks it"
    )


def _finish(written: _Written, *, as_json: bool) -> None:
    """Check what was written, and say what is left to do."""
    from kling_daemon.cli.checking import check
    from kling_daemon.cli.first_steps import callback_url, first_steps
    from kling_daemon.config import ConfigError

    checked = check(written.file, for_run=False)
    settings, problems = checked.loaded.settings, checked.all_problems
    steps = [] if settings is None else first_steps(settings, written.file)
    url = None if settings is None else callback_url(settings)
    if as_json:
        _print(written, checked, url, steps)
    else:
        click.echo(printable(f"{'Written' if written.is_new else 'There already, as it should be'}: {written.file}"))
        if url is not None:
            click.echo(printable(f"The callback URL: {url}"))
        click.echo("What is left to do:")
        for number, step in enumerate(steps, start=1):
            click.echo(printable(f"  {number}. {step}"))
    if problems and not as_json:
        raise ConfigurationExit(str(ConfigError(problems, written.file)))
    if problems:
        raise click.exceptions.Exit(BAD_CONFIGURATION)
    if not as_json:
        click.echo("The configuration is sound.")
        for warning in checked.warnings:
            click.echo(printable(f"Warning: {warning}"), err=True)


def _print(written: _Written, checked: "Checked", url: str | None, steps: list[str]) -> None:
    from kling_daemon.cli.local_answers import InitializedModel

    answer = {
        "file": str(written.file),
        "written": written.is_new,
        "callback_url": url,
        "steps": steps,
        "problems": [problem.as_json() for problem in checked.all_problems],
        "warnings": [warning.as_json() for warning in checked.warnings],
    }
    print_json(InitializedModel.model_validate(answer).as_json())
