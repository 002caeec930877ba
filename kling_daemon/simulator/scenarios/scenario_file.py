"""What a scenario file may hold: every setting by its name, phases in which some of them differ, and accounts."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any

import pydantic

from kling_daemon.durations import parse_duration
from kling_daemon.simulator.account_keys import AccountKeys
from kling_daemon.simulator.changes import NAMES, read_setting
from kling_daemon.simulator.settings import mistake_of
from kling_daemon.standard_webhooks import parse_signer


class _Table(pydantic.BaseModel):
    """A table that holds what is named here and nothing else."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _reader(name: str) -> Callable[[Any], Any]:
    def read(written: Any) -> Any:
        value = read_setting(name, written)
        if mistake := mistake_of(name, value):
            raise ValueError(f"must be {mistake}")
        return value

    return read


def _read_duration(written: Any) -> timedelta:
    # A bare number is refused in the words for text that is a bare number.
    return parse_duration(written if isinstance(written, str) else "")


def _positive(duration: timedelta) -> timedelta:
    if not duration:
        raise ValueError("must be longer than nothing")
    return duration


_Duration = Annotated[timedelta, pydantic.BeforeValidator(_read_duration)]
_PositiveDuration = Annotated[_Duration, pydantic.AfterValidator(_positive)]

# A field for each setting, made from the list of them, so that there is no second list which could be behind.
_SETTINGS: dict[str, Any] = {name: (Annotated[Any, pydantic.BeforeValidator(_reader(name))], None) for name in NAMES}


class _Phase(_Table):
    begins: _Duration
    """How long after the start of the simulator."""
    lasts: _PositiveDuration | None = None
    """How long from then on; without it, until the end."""
    every: _PositiveDuration | None = None
    """It comes again each time so much has passed since it began."""

    @pydantic.model_validator(mode="after")
    def _makes_sense(self) -> "_Phase":
        if not self.model_fields_set - {"begins", "lasts", "every"}:
            raise ValueError("names no setting, so nothing would change")
        if self.every is not None and (self.lasts is None or self.lasts > self.every):
            raise ValueError("`every` needs `lasts`, and no shorter time than that")
        return self


PhaseTable = pydantic.create_model("PhaseTable", __base__=_Phase, **_SETTINGS)
"""An entry of `[[phases]]`: a span of time, and the settings that hold meanwhile."""


class AccountTable(_Table):
    """An entry of `[[accounts]]`; its keys are made up, and so stand in the file as they are."""

    name: Annotated[str, pydantic.Field(min_length=1)]
    """Shown with its jobs; `main` is the account that the options and variables for keys are about."""
    api_key: pydantic.SecretStr = pydantic.SecretStr("")
    access_key: pydantic.SecretStr = pydantic.SecretStr("")
    secret_key: pydantic.SecretStr = pydantic.SecretStr("")
    webhook_secrets: list[pydantic.SecretStr] = []
    """`whsec_…`: callbacks of its jobs are signed with each of them."""

    @pydantic.model_validator(mode="after")
    def _can_be_opened(self) -> "AccountTable":
        self.keys()
        return self

    def keys(self) -> AccountKeys:
        """Return the account that the table describes; ValueError when nothing opens it, or no secret is one."""
        return AccountKeys(
            name=self.name,
            api_key=self.api_key.get_secret_value(),
            access_key=self.access_key.get_secret_value(),
            secret_key=self.secret_key.get_secret_value(),
            secrets=tuple(
                parse_signer(f"{self.name} {number}", text.get_secret_value())
                for number, text in enumerate(self.webhook_secrets, start=1)
            ),
        )


class _Scenario(_Table):
    seed: int | None = None
    accounts: list[AccountTable] = []
    phases: list[PhaseTable] = []

    @pydantic.field_validator("accounts", "phases", mode="before")
    @classmethod
    def _is_a_list(cls, written: Any, info: pydantic.ValidationInfo) -> Any:
        if isinstance(written, Mapping):
            raise ValueError(f"is a list of tables: begin each with [[{info.field_name}]], in two pairs of brackets")  # noqa: TRY004 - the kind that pydantic tells on
        return written


ScenarioFile = pydantic.create_model("ScenarioFile", __base__=_Scenario, **_SETTINGS)
"""A whole file."""


def changes_of(table: pydantic.BaseModel) -> dict[str, Any]:
    """Return the settings that a table names, and their values as SimulatorSettings has them."""
    return {name: getattr(table, name) for name in NAMES if name in table.model_fields_set}
