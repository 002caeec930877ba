"""What the verbs that ask no daemon print with `--json`; the others print what the daemon answers."""

from typing import Any

import pydantic

from kling_daemon.client.models import Answer


class ProblemOfConfigModel(Answer):
    """A mistake in the configuration."""

    path: str
    """The key, the variable or the file that is wrong."""
    message: str


class ConfiguredHandlerModel(Answer):
    """A handler that the configuration leads to."""

    name: str
    plugin: str


class CheckedModel(Answer):
    """What `config check` found."""

    file: str | None
    """The file that was read; None where there was none."""
    problems: list[ProblemOfConfigModel]
    handlers: list[ConfiguredHandlerModel]


class SettingModel(Answer):
    """One setting of the effective configuration."""

    key: str
    """As it is written with dots: `poller.interval`."""
    value: Any = pydantic.Field(repr=False)
    """As it is written in TOML; None where nothing is set. Of a secret: the table that says where it is, or `***`."""
    origin: str
    """`default`, `file`, `environment` or `credential`."""
    place: str | None
    """The file, the variable or the credential; of a handler's default, the key that it follows."""


class ShownConfigModel(Answer):
    """The effective configuration."""

    file: str | None
    problems: list[ProblemOfConfigModel]
    settings: list[SettingModel]


class InitializedModel(Answer):
    """What `init` did."""

    file: str
    written: bool
    """False when the file was there already, with the same content."""
    callback_url: str | None
    steps: list[str]
    """What is left to do, each a sentence."""
    problems: list[ProblemOfConfigModel]
