"""All settings of the daemon in one frozen value."""

import re
from typing import Annotated

import pydantic
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from kling_daemon.config.sections import (
    ApiSettings,
    DeliverySettings,
    EgressSettings,
    HandlerSettings,
    KlingSettings,
    LogSettings,
    PollerSettings,
    ReceiverSettings,
    ServiceSettings,
    StoreSettings,
    TrustSettings,
)

_HANDLER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def is_handler_name(name: str) -> bool:
    """True for what may name a handler: it becomes a folder, a metric's label and a part of idempotency keys."""
    return _HANDLER_NAME.fullmatch(name) is not None


def _check_name(name: str) -> str:
    if not is_handler_name(name):
        raise ValueError("a handler's name is made of letters, digits, '_', '-' and '.', and begins with no sign")
    return name


HandlerName = Annotated[str, pydantic.AfterValidator(_check_name)]


class Settings(BaseSettings):
    """Everything that an operator can decide, with the defaults of what was left open."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kling: KlingSettings = KlingSettings()
    receiver: ReceiverSettings = ReceiverSettings()
    trust: TrustSettings = TrustSettings()
    poller: PollerSettings = PollerSettings()
    store: StoreSettings
    delivery: DeliverySettings = DeliverySettings()
    egress: EgressSettings = EgressSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()
    service: ServiceSettings = ServiceSettings()
    handlers: dict[HandlerName, HandlerSettings] = pydantic.Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings calls it with these names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read nothing by itself: `load` says which layers there are."""
        return (init_settings,)
