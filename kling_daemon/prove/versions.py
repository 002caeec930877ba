"""The versions campaign: the tests pass with every supported Python that is here, and with the oldest dependencies."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from kling_daemon.prove.outcomes import Outcome, concluded, skipped
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.programs import Program

NAME = "versions"

PYTHONS = ("3.11", "3.12", "3.13")
"""Those that `pyproject.toml` names."""

_HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
_LONGEST = timedelta(minutes=20)
_TAIL = 15
_SHORT = ("tests/core", "tests/store", "tests/tracking", "tests/receiver", "tests/loader")
"""What touches the language and the libraries most, for the short form."""
_TOOLS = (
    "editables", "hatchling", "hypothesis", "pytest", "pytest-asyncio", "pytest-randomly", "pytest-timeout",
    "pytest-xdist", "schemathesis", "standardwebhooks", "trustme",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One environment in which the tests are run."""

    name: str
    python: str
    """The interpreter's path."""
    oldest: bool = False
    """With the oldest direct dependencies that are declared, else with those of the lock."""


class _BrokenStepError(Exception):
    """A command failed; the message has the end of what it said."""


async def versions(plan: Plan) -> Outcome:
    """Make an environment for each setting, install everything into it, and run the tests."""
    root, uv = Path(__file__).parents[2], Path(sys.executable).with_name("uv")
    if not (root / "tests").is_dir() or not (root / "requirements.lock").exists():
        return skipped(NAME, "this is no checkout: there are no tests to run")
    if not uv.exists():
        return skipped(NAME, f"there is no {uv}; `make setup` installs it")
    settings, missing = await _settings(plan)
    findings: list[str] = []
    for setting in settings:
        plan.say(f"{NAME}: {setting.name}")
        folder = plan.folder(f"{NAME}-{setting.name.replace(' ', '-')}")
        try:
            await _prove(setting, root, uv, folder, short=plan.short)
        except _BrokenStepError as error:
            findings.append(f"{setting.name}: {error}")
        else:
            shutil.rmtree(folder)
    gaps = f"; not on the PATH: {', '.join(missing)}" if missing else ""
    tests = "a choice of the tests" if plan.short else "all tests"
    return concluded(NAME, f"{tests} with {', '.join(setting.name for setting in settings)}{gaps}", findings)


async def _settings(plan: Plan) -> tuple[list[Setting], list[str]]:
    """Return the settings that can be tried here, and the versions of Python that cannot."""
    pythons = {version: path for version in PYTHONS if (path := await _find(version, plan)) is not None}
    locked = [
        Setting(name=f"Python {version}", python=path)
        for version, path in pythons.items()
        if version != _HERE or not plan.short  # `make test` has run all tests with this one
    ]
    oldest = Setting(name="the oldest dependencies", python=sys.executable, oldest=True)
    return [*locked, oldest], [version for version in PYTHONS if version not in pythons]


async def _find(version: str, plan: Plan) -> str | None:
    """Return the path of an interpreter on the PATH that really is of this version."""
    path = sys.executable if version == _HERE else shutil.which(f"python{version}")
    if path is None:
        return None
    told = f"import sys; sys.exit('{version}' != '%d.%d' % sys.version_info[:2])"
    probe = await Program.start([path, "-c", told], log=plan.scratch / f"{NAME}.log", environ={})
    return path if await probe.ended(timedelta(seconds=30)) == 0 else None


async def _prove(setting: Setting, root: Path, uv: Path, folder: Path, *, short: bool) -> None:
    """Install and test; raises _BrokenStepError."""
    environment, kept = folder / "venv", folder / "installed.txt"
    python = str(environment / "bin" / "python")
    install = [str(uv), "pip", "install", "--quiet", "--python", python]
    editable = [part for member in _members(root) for part in ("--editable", str(member))]
    await _run(root, folder, str(uv), "venv", "--quiet", "--seed", "--python", setting.python, str(environment))
    if setting.oldest:
        await _run(root, folder, *install, "--resolution", "lowest-direct", *editable)
        await _run(
            root, folder, str(uv), "pip", "freeze", "--quiet", "--python", python, "--exclude-editable", output=kept
        )
        await _run(root, folder, *install, "--constraint", str(kept), *_TOOLS)
    else:
        lock = str(root / "requirements.lock")
        await _run(root, folder, *install, "--require-hashes", "--no-deps", "--requirement", lock)
        await _run(root, folder, *install, "--no-deps", "--no-build-isolation", *editable)
    tests = _SHORT if short else ()
    await _run(root, folder, python, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider", *tests)


async def _run(root: Path, folder: Path, *command: str, output: Path | None = None) -> None:
    """Run a command in the checkout until its end; raises _BrokenStepError."""
    log = output or folder / "log"
    program = await Program.start(command, log=log, environ={"PYTHONPATH": ""}, folder=root)
    try:
        status = await program.ended(_LONGEST)
    finally:
        await program.kill()
    if status != 0:
        said = await asyncio.to_thread(log.read_text, encoding="utf-8", errors="replace")
        words = "\n    ".join(said.splitlines()[-_TAIL:])
        raise _BrokenStepError(f"`{' '.join(command[:5])} …` ended with status {status}:\n    {words}")


def _members(root: Path) -> Sequence[Path]:
    """Return the folders of the project and its plugins."""
    return [root, *(path.parent for path in sorted(root.glob("plugins/*/pyproject.toml")))]
