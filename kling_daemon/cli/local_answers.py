"""What verbs print with `--json` that is no answer of the daemon's: those that ask none, or ask it many times."""

from typing import Any

import pydantic

from kling_daemon.client.models import (
    Answer,
    ChargeModel,
    CheckedCallbackModel,
    HandlerModel,
    Moment,
    Page,
    PluginModel,
    ProblemOfConfigModel,
)


class ConfiguredHandlerModel(Answer):
    """A handler that the configuration leads to."""

    name: str
    plugin: str


class RotationModel(Answer):
    """A webhook secret, without what it is."""

    name: str
    place: str
    """The file or the variable that it is read from."""
    changed_by: str
    """`reload` or `restart`."""


class CheckedModel(Answer):
    """What `config check` found."""

    file: str | None
    """The file that was read; None where there was none."""
    problems: list[ProblemOfConfigModel]
    warnings: list[ProblemOfConfigModel]
    """What works, and yet is doubtful."""
    handlers: list[ConfiguredHandlerModel]
    webhook_secrets: list[RotationModel]


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
    warnings: list[ProblemOfConfigModel]


class PluginListModel(Page[PluginModel]):
    """What `plugins list` shows."""

    handlers: list[HandlerModel] | None
    """None when no daemon answers."""


class SimulatorModel(Answer):
    """What `simulate` says once it listens."""

    url: str
    seed: int


class DemoJobsModel(Answer):
    """The jobs of a demo."""

    total: int
    states: dict[str, int]
    reasons: dict[str, int]


class DemoCallbacksModel(Answer):
    """The callbacks of a demo, as the daemon received them and as the simulator sent them."""

    received: int
    verdicts: dict[str, int]
    refused: int
    due: int
    lost: int
    doubled: int
    reordered: int
    forged: int


class DemoPollsModel(Answer):
    """What polls made good in a demo."""

    total: int
    lost_ends: int
    """Jobs whose end no callback told."""
    lost_ends_found: int


class DemoEventsModel(Answer):
    """The events of a demo."""

    total: int
    types: dict[str, int]


class DemoDeliveriesModel(Answer):
    """The deliveries to one handler of a demo."""

    total: int
    done: int


class DemoFileModel(Answer):
    """A file that a demo saved."""

    job: str
    path: str
    size: int
    sha256: str
    same_at_kling: bool


class DemoModel(Answer):
    """What a demo came to."""

    seed: int
    directory: str
    succeeded: bool
    findings: list[str]
    """What is not as promised, a sentence each."""
    seconds: float
    jobs: DemoJobsModel
    callbacks: DemoCallbacksModel
    polls: DemoPollsModel
    kling_requests: dict[str, int]
    events: DemoEventsModel
    deliveries: dict[str, DemoDeliveriesModel]
    files: list[DemoFileModel]


class VerifiedModel(Answer):
    """What came of checking the signatures of kept callbacks again."""

    checked: int
    verified: int
    unsigned: int
    """Those that have no signature."""
    secret_gone: int
    """Those whose secret is no longer configured."""
    failed: int
    items: list[CheckedCallbackModel]
    """The latest 500 that do not verify."""


class ReplaySumModel(Answer):
    """What all parts of a replay came to."""

    handler: str
    first: int
    """How many events it was given for the first time."""
    again: int
    """How many events it was given once more."""
    until: Moment
    """The moment before which events were replayed."""
    dry_run: bool
    """True when they were only counted."""


class RefusedLineModel(Answer):
    """A line of a batch that the daemon did not take after all."""

    line: int
    detail: str


class BatchModel(Answer):
    """What a batch came to."""

    name: str
    lines: int
    created: int
    """How many jobs this run has created."""
    known: int
    """How many had been created by an earlier run."""
    succeeded: int
    failed: dict[str, int]
    """How many failed, by reason."""
    refused: list[RefusedLineModel]
    cost: list[ChargeModel]
    """The sum of what the jobs that have ended cost, for each kind and unit."""
    seconds: float
    """How long this run took."""
