"""`kling-daemon simulate`: run a Kling of your own, for a try or for your CI."""

import asyncio
import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from kling_daemon.simulator import SimulatorSettings

API_KEY_VARIABLE = "KLING_API_KEY"
ACCESS_KEY_VARIABLE = "KLING_ACCESS_KEY"
SECRET_KEY_VARIABLE = "KLING_SECRET_KEY"  # noqa: S105 - the name of a variable
SECRETS_VARIABLE = "KLING_SIMULATOR_SECRETS"
SEEDS = 2**31

OPTIONS: tuple[tuple[str, type, str, str], ...] = (
    ("--speed", float, "1", "How many times faster the next two pass."),
    ("--submitted", str, "1s-3s", "How long a job stays submitted."),
    ("--processing", str, "20s-60s", "How long a job is then processed."),
    ("--video-slots", int, "5", "Unfinished videos before creates are refused with 429/1303; 0: no limit."),
    ("--image-slots", int, "9", "The same for images."),
    ("--submitted-callbacks/--no-submitted-callbacks", bool, "submitted-callbacks", "Call back `submitted` too."),
    ("--sign-legacy/--no-sign-legacy", bool, "sign-legacy", "Sign callbacks of legacy jobs too."),
    ("--delay", str, "0s", "How long after a change its callback is sent."),
    ("--lose", float, "0", "Share of callbacks that are never sent."),
    ("--duplicate", float, "0", "Share of callbacks that are sent twice."),
    ("--reorder", float, "0", "Share of callbacks that are overtaken by their job's next one."),
    ("--late", float, "0", "Share of callbacks that are late."),
    ("--late-by", str, "1m-10m", "How much later than the others these are sent."),
    ("--forge", float, "0", "Share of callbacks before which an attacker posts one of his own."),
    ("--retries", int, "0", "How often a callback without a 2xx is sent again."),
    ("--retry-after", str, "1s", "The pause before that; it doubles each time."),
    ("--callback-timeout", str, "5s", "How long the answer to a callback is waited for."),
    ("--fail", int, "0", "This many jobs fail, one of each four until then."),
    ("--fail-moderation", float, "0", "Share of the others that content rules refuse."),
    ("--fail-input", float, "0", "Share of the others whose input cannot be fetched."),
    ("--fail-other", float, "0", "Share of the others that fail for a reason that is not told."),
    ("--unknown-status", float, "0", "Share of jobs told under a status word that nobody knows while processed."),
    ("--http-errors", float, "0", "Share of requests answered with 5xx, 1302, HTML, silence or nothing."),
    ("--ambiguous-creates", float, "0", "Share of creates that are performed and yet answered so."),
    ("--hang", str, "10s", "How long silence lasts before the connection is cut."),
    ("--outage/--no-outage", bool, "no-outage", "Perform nothing, and answer as the next two say."),
    ("--outage-answer", str, "maintenance", "What an outage answers: server_error, …, html, silence or refused."),
    ("--outage-of", str, "all", "Which requests it meets: all, reads or creates."),
    ("--clock-offset", str, "0s", "How far Kling's clock is ahead, such as 10m; behind: -10m."),
    ("--refuse-creates", int, "0", "Service code with which every create is refused, such as 1102; 0: none."),
    ("--refuse-queries", int, "0", "The same for everything that is asked."),
    ("--retired", str, "", "Models and paths that Kling no longer has (404/1203), with commas between them."),
    ("--forbidden", str, "", "Models and paths that the account may not use (403/1103)."),
    ("--pack-units", int, "0", "Units before creates are refused with 429/1102; 0: no limit."),
    ("--file-size", int, "0", "Pad result files to this many bytes."),
    ("--file-lifetime", str, "30d", "How long result files can be fetched."),
)
"""Option, type, default as it is shown, and help. The default that holds is the setting's own."""


def _options(command: Callable[..., None]) -> Callable[..., None]:
    for names, kind, default, text in reversed(OPTIONS):
        command = click.option(names, type=kind, default=None, help=f"{text}  [default: {default or 'none'}]")(command)
    return command


@click.command()
@click.option("--listen", default="127.0.0.1:8799", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option(
    "--control", metavar="HOST:PORT", help="Serve /simulator/ there as well; it stays when connections are refused."
)
@click.option("--seed", type=int, help="Same seed, same choices.  [default: another one each time]")
@click.option(
    "--api-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Holds the API key that clients must send.  [default: ${API_KEY_VARIABLE}, else `simulator`]",
)
@click.option(
    "--access-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Holds an access key whose tokens (JWT) legacy paths take as well.  [default: ${ACCESS_KEY_VARIABLE}]",
)
@click.option(
    "--secret-key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"Holds the secret key that signs these tokens.  [default: ${SECRET_KEY_VARIABLE}]",
)
@click.option(
    "--secret",
    "secret_texts",
    multiple=True,
    metavar="whsec_…",
    envvar=SECRETS_VARIABLE,
    help=f"Sign callbacks with it; may be given twice.  [${SECRETS_VARIABLE}]",
)
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds one secret a line, so that none is seen in `ps`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line with `url` and `seed` once it listens.")
@_options
def simulate(
    *,
    listen: str,
    control: str | None,
    seed: int | None,
    api_key_file: Path | None,
    access_key_file: Path | None,
    secret_key_file: Path | None,
    secret_texts: tuple[str, ...],
    secret_file: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Run a simulated Kling until SIGTERM or Ctrl-C.

    Durations are written 250ms, 5s, 2m; ranges of them 500ms-2s; shares as numbers from 0 to 1. What it did is shown at
    /simulator/stats and /simulator/tasks, and rates can be changed by POST to /simulator/settings.
    """
    host, port = _address(listen, "--listen")
    control_address = None if control is None else _address(control, "--control")
    lines = _text(secret_file).split() if secret_file else []
    api_key = _key(api_key_file, API_KEY_VARIABLE)
    settings = _settings(
        {name: value for name, value in options.items() if value is not None},
        seed=secrets.randbelow(SEEDS) if seed is None else seed,
        api_key=api_key or "simulator",
        access_key=_key(access_key_file, ACCESS_KEY_VARIABLE),
        secret_key=_key(secret_key_file, SECRET_KEY_VARIABLE),
        secret_texts=(*secret_texts, *lines),
    )

    def announce(url: str) -> None:
        if as_json:
            click.echo(json.dumps({"url": url, "seed": settings.seed}))
            return
        key = "your API key" if api_key else "API key `simulator`"
        signed = "signed" if settings.secrets else "unsigned"
        click.echo(f"A simulated Kling listens at {url} ({key}, {signed} callbacks, seed {settings.seed}).")
        click.echo(f"Numbers: {url}/simulator/stats   Jobs: {url}/simulator/tasks   Stop: Ctrl-C")

    try:
        asyncio.run(_serve(settings, host, port, control_address, announce))
    except OSError as error:
        places = listen if control is None else f"{listen} and {control}"
        raise click.ClickException(f"cannot listen at {places}: {error.strerror or error}") from None


def _address(listen: str, option: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal():
        raise click.BadParameter(f"{listen!r} is not HOST:PORT", param_hint=option)
    return host.strip("[]"), int(port)


def _key(path: Path | None, variable: str) -> str:
    return _text(path) if path else os.environ.get(variable, "")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"cannot read {path} as text") from None


def _settings(options: dict[str, Any], *, secret_texts: tuple[str, ...], **own: Any) -> "SimulatorSettings":
    from kling_daemon.simulator import ChangeError, SimulatorSettings, changed
    from kling_daemon.standard_webhooks import Secret

    try:
        keys = tuple(Secret.parse(f"secret {place}", text) for place, text in enumerate(secret_texts, start=1))
        return changed(SimulatorSettings(secrets=keys, **own), options)
    except (ChangeError, ValueError) as error:
        raise click.UsageError(str(error)) from None


async def _serve(
    settings: "SimulatorSettings",
    host: str,
    port: int,
    control: tuple[str, int] | None,
    announce: Callable[[str], None],
) -> None:
    from kling_daemon.simulator import Simulator

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Simulator(settings).serve(host, port, control=control) as url:
        announce(url)
        sys.stdout.flush()
        await stop.wait()
