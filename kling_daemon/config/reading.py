"""Reading the configuration: every layer, every mistake, one value."""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pydantic

from kling_daemon.config.conflicts import Conflict, conflicts
from kling_daemon.config.credentials import read_credentials
from kling_daemon.config.doubts import Doubt, doubts
from kling_daemon.config.layers import Key, Layer, implied, read_environment, set_by_environment, variable
from kling_daemon.config.origins import Origins, nowhere
from kling_daemon.config.problems import ConfigError
from kling_daemon.config.secrets import resolve
from kling_daemon.config.settings import Settings
from kling_daemon.problems import Problem
from kling_daemon.wording import Details, Location, dotted, locate, problems_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What reading the configuration came to."""

    file: Path | None
    """The file that was read; None where there was none."""
    settings: Settings | None
    """With problems: what could be understood, good only for finding more of them; None if the file cannot be read."""
    problems: list[Problem]
    warnings: list[Problem] = field(default_factory=list)
    """What works, and yet is doubtful; nothing that follows from a problem."""
    name: Callable[[Location], str] = field(default=dotted, repr=False, compare=False)
    """How the operator calls a key: by its path, or by the environment's variable that sets it."""
    origins: Origins = field(default_factory=nowhere, repr=False, compare=False)
    """Where each setting comes from."""

    def settings_or_raise(self, more: Sequence[Problem] = ()) -> Settings:
        """Return the settings. Raises ConfigError with all problems, those found elsewhere included."""
        problems = [*self.problems, *more]
        if problems or self.settings is None:
            raise ConfigError(problems, self.file)
        return self.settings


def load(path: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read the configuration from a file, if any, and the environment; no mistake raises.

    Of two values for a key the first of these counts: the environment's `KLING_DAEMON_SECTION__KEY`, the file, a
    credential (`$CREDENTIALS_DIRECTORY`, `KLING_API_KEY`, `KLING_ACCESS_KEY`, `KLING_SECRET_KEY`,
    `KLING_WEBHOOK_SECRETS`), the default.
    """
    try:
        file_tree = {} if path is None else tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        return _unreadable(path, "is not text in UTF-8")
    except tomllib.TOMLDecodeError as error:
        return _unreadable(path, f"is not TOML: {error}")

    def name(location: Location) -> str:
        key = tuple(str(part) for part in location)
        return variable(key) if set_by_environment(key, environ) else dotted(location)

    environment_tree, problems = read_environment(environ)
    credentials_tree, unusable = read_credentials(environ)
    trees = []
    doubtful: list[Key] = [("kling",), ("trust", "secrets")] if unusable else []
    for tree in (environment_tree, file_tree):
        resolved, missing = resolve(tree, environ)
        trees.append(resolved)
        problems += [Problem(path=name(key), message=message) for key, message in missing]
        doubtful += [key for key, _ in missing]
    layers = [Layer(tree) for tree in (*trees, credentials_tree)]
    settings, errors = _validate(layers, Layer(implied(environ)))
    problems += unusable
    for wrong in errors:
        problems += problems_of(wrong, Settings, name=name)
        doubtful += [_key(details) for details in wrong.errors()]

    def told(found: Iterable[Conflict | Doubt]) -> list[Problem]:
        return [
            Problem(path=name(each.keys[0]), message=each.message)
            for each in found
            if not any(_overlap(key, doubt) for key in each.keys for doubt in doubtful)
        ]

    problems += told(conflicts(settings))
    origins = Origins(
        environment=environment_tree,
        file=file_tree,
        path=path,
        layers=[layer.tree for layer in layers],
        environ=environ,
    )
    return Loaded(
        file=path,
        settings=settings,
        problems=problems,
        warnings=told(doubts(settings)),
        name=name,
        origins=origins,
    )


def _validate(layers: Sequence[Layer], defaults: Layer) -> tuple[Settings, list[pydantic.ValidationError]]:
    """Return the settings without what is wrong, and the errors that what is wrong made."""
    errors: list[pydantic.ValidationError] = []
    while True:
        try:
            return Settings(_build_sources=((*layers, defaults), {})), errors
        except pydantic.ValidationError as error:
            errors.append(error)
            forgotten = [layer.forget(_key(details)) for details in error.errors() for layer in layers]
            if not any(forgotten):
                raise  # what is wrong stands in no layer: a mistake of ours, not of the operator's


def _key(details: Details) -> Key:
    """Return the key that an error is about; a list is wrong as a whole."""
    location = locate(details)
    length = next((place for place, part in enumerate(location) if isinstance(part, int)), len(location))
    return tuple(str(part) for part in location[:length])


def _overlap(one: Key, other: Key) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _unreadable(path: Path | None, message: str) -> Loaded:
    return Loaded(file=path, settings=None, problems=[Problem(path=str(path), message=message)])
