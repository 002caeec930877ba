"""`kling-daemon simulate`: run a Kling of your own, for a try or for your CI."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kling_daemon.cli.exit_codes import ConfigurationExit
from kling_daemon.cli.serving import Announcement, read_address, serve
from kling_daemon.cli.simulate_options import setting_options
from kling_daemon.cli.simulate_traffic import Traffic, traffic_options

if TYPE_CHECKING:
    from kling_daemon.simulator import Phase, Scenario, SimulatorSettings
    from kling_daemon.simulator.traffic.recorder import Recorder

API_KEY_VARIABLE = "KLING_API_KEY"
ACCESS_KEY_VARIABLE = "KLING_ACCESS_KEY"
SECRET_KEY_VARIABLE = "KLING_SECRET_KEY"  # noqa: S105 - the name of a variable
SECRETS_VARIABLE = "KLING_SIMULATOR_SECRETS"
SEEDS = 2**31


@click.command()
@click.option("--listen", default="127.0.0.1:8799", show_default=True, metavar="HOST:PORT", help="Port 0: a free one.")
@click.option("--control", metavar="HOST:PORT", help="Serve /simulator/ there too, even while connections are refused.")
@click.option(
    "--scenario",
    "scenario_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file of settings, phases and accounts; options hold over it.",
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
@traffic_options
@setting_options
def simulate(
    *,
    listen: str,
    scenario_file: Path | None,
    control: str | None,
    seed: int | None,
    api_key_file: Path | None,
    access_key_file: Path | None,
    secret_key_file: Path | None,
    secret_texts: tuple[str, ...],
    secret_file: Path | None,
    as_json: bool,
    record: Path | None,
    upstream: str | None,
    callback_listen: str | None,
    callback_to: str | None,
    keep_prompts: bool,
    replay: Path | None,
    **options: Any,
) -> None:
    """Run a simulated Kling until SIGTERM or Ctrl-C.

    Durations are written 250ms, 5s, 2m; ranges of them 500ms-2s; shares as numbers from 0 to 1. What it did is shown at
    /simulator/stats and /simulator/tasks, and rates can be changed by POST to /simulator/settings.
    """
    traffic = Traffic(
        record=record,
        upstream=upstream,
        callback_listen=callback_listen,
        callback_to=callback_to,
        keep_prompts=keep_prompts,
        replay=replay,
    )
    address = read_address(listen, "--listen")
    control_address = None if control is None else read_address(control, "--control")
    lines = _text(secret_file).split() if secret_file else []
    given = {name: value for name, value in options.items() if value is not None}
    behaviour = {"--scenario": scenario_file, "--control": control, "--seed": seed}
    traffic.check([*(name for name, value in behaviour.items() if value is not None), *map(_spelt, given)])
    keys = {
        "api_key": _key(api_key_file, API_KEY_VARIABLE),
        "access_key": _key(access_key_file, ACCESS_KEY_VARIABLE),
        "secret_key": _key(secret_key_file, SECRET_KEY_VARIABLE),
    }
    settings, phases = _settings(
        _scenario(scenario_file),
        given,
        secret_texts=(*secret_texts, *lines),
        own={name: value for name, value in keys.items() if value} | ({} if seed is None else {"seed": seed}),
    )

    with traffic.recorder(upstream or "simulator") as recorder:
        if replay is not None:
            serving = traffic.replaying(replay, address, settings.secrets, settings.speed)
        elif upstream is not None and recorder is not None:
            serving = traffic.passing_on(recorder, upstream, address, settings.secrets)
        else:
            serving = _serving(settings, phases, address, control_address, recorder)
        serve(serving, as_json=as_json, places=listen + traffic.places + (f" and {control}" if control else ""))


@asynccontextmanager
async def _serving(
    settings: "SimulatorSettings",
    phases: "tuple[Phase, ...]",
    address: tuple[str, int],
    control: tuple[str, int] | None,
    recorder: "Recorder | None",
) -> AsyncIterator[Announcement]:
    from kling_daemon.cli.local_answers import SimulatorModel
    from kling_daemon.simulator import Simulator

    async with Simulator(settings, phases=phases, recorder=recorder).serve(*address, control=control) as url:
        key = "API key `simulator`" if settings.api_key == "simulator" else "your API key"
        signed = "signed" if settings.secrets else "unsigned"
        yield Announcement(
            values=SimulatorModel(url=url, seed=settings.seed).as_json(),
            lines=[
                f"A simulated Kling listens at {url} ({key}, {signed} callbacks, seed {settings.seed}).",
                f"Numbers: {url}/simulator/stats   Jobs: {url}/simulator/tasks   Stop: Ctrl-C",
            ],
        )


def _spelt(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _key(path: Path | None, variable: str) -> str:
    if path is None:
        return os.environ.get(variable, "")
    if key := _text(path):
        return key
    # Not the default, with which a client of the real key would be refused, and nobody would know why.
    raise click.UsageError(f"{path} is empty, and so holds no key")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"cannot read {path} as text") from None


def _scenario(path: Path | None) -> "Scenario":
    from kling_daemon.simulator import Scenario, ScenarioError, read_scenario

    try:
        return Scenario() if path is None else read_scenario(path)
    except ScenarioError as error:
        raise ConfigurationExit(str(error)) from None


def _settings(
    scenario: "Scenario", options: dict[str, Any], *, secret_texts: tuple[str, ...], own: dict[str, Any]
) -> "tuple[SimulatorSettings, tuple[Phase, ...]]":
    """Return the settings and phases of a scenario over which the options hold; a usage error for all mistakes."""
    from kling_daemon.simulator import ChangeError, read_changes
    from kling_daemon.standard_webhooks import parse_signer

    mistakes = []
    try:
        if signing := tuple(parse_signer(f"secret {place}", text) for place, text in enumerate(secret_texts, start=1)):
            own["secrets"] = signing
    except ValueError as error:
        mistakes.append(str(error))
    try:
        given = read_changes(options)
    except ChangeError as error:
        mistakes.append(str(error))
    if mistakes:
        raise click.UsageError("; ".join(mistakes))
    seed = {} if "seed" in scenario.given else {"seed": secrets.randbelow(SEEDS)}
    phases = scenario.phases_under(options)
    try:
        settings = scenario.settings(**{**seed, **own, **given})
        for phase in phases:
            replace(settings, **phase.changes)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    return settings, phases
