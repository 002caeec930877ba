"""The sections of the configuration and their keys; each default here is the one that is documented."""

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic

from kling_daemon.config.addresses import Tcp, TcpAddress, TcpOrUnix
from kling_daemon.config.hosts import HostName, HostPattern
from kling_daemon.config.networks import Network
from kling_daemon.config.quantities import Duration, PositiveDuration, Size, StopDuration
from kling_daemon.config.secrets import SecretText
from kling_daemon.config.urls import RootUrl
from kling_daemon.events import SUBSCRIBABLE
from kling_daemon.spelling import did_you_mean

Rate = Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, pydantic.Field(ge=1)]
FilePath = Annotated[Path, pydantic.AfterValidator(Path.expanduser)]
EventName = Annotated[str, pydantic.WithJsonSchema({"type": "string", "enum": list(SUBSCRIBABLE)})]

_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+", re.ASCII)


class Section(pydantic.BaseModel):
    """A table of the configuration: frozen, and an unknown key in it is a mistake."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class KlingSettings(Section):
    """`[kling]`: the account, and how it is asked."""

    base_url: RootUrl = "https://api-singapore.klingai.com"
    api_key: SecretText | None = None
    """Good for everything; where there is one, the next two are not used."""
    access_key: SecretText | None = None
    secret_key: SecretText | None = None
    """Signs a token for the access key; good for the legacy generation alone."""
    timeout: PositiveDuration = timedelta(seconds=30)
    """How long one request to Kling may take."""
    max_requests_per_second: Rate = 10.0


class ReceiverSettings(Section):
    """`[receiver]`: the public listener, which takes Kling's callbacks and nothing else."""

    listen: Tcp = TcpAddress(host="127.0.0.1", port=8765)
    public_url: RootUrl | None = None
    """How Kling reaches the receiver; without it every job is polled from the start."""
    path: str = "/webhooks/kling"
    max_body: Size = 1024**2
    allow_ips: tuple[Network, ...] = ()
    """Where callbacks may come from; from anywhere if it is empty."""
    trusted_proxies: tuple[Network, ...] = ()
    """Who is believed when they say, by `Forwarded` or `X-Forwarded-For`, whom a request came from."""
    tls_cert: FilePath | None = None
    """The certificate's chain in PEM; given together with its key, or not at all."""
    tls_key: FilePath | None = None

    @pydantic.field_validator("path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        if not _PATH.fullmatch(path) or path == "/healthz":
            raise ValueError('must be a path such as "/webhooks/kling", with no "/" at its end')
        return path


class TrustSettings(Section):
    """`[trust]`: who is believed."""

    secrets: Mapping[str, SecretText] = pydantic.Field(default_factory=dict)
    """The webhook secrets by name; a callback may be signed with any of them."""
    require_signature: bool = False
    confirm: Literal["unsigned", "always", "never"] = "unsigned"
    """When Kling is asked before a callback that may be believed is believed."""
    adopt: Literal["called", "all", "none"] = "called"
    """Which jobs that another program created are tracked: those that call back, or all that Kling's lists show."""
    hint_queries_per_minute: Rate = 6.0
    unproved_per_minute: Rate = 600.0
    """How many callbacks that prove nothing are let pass in a minute from one address."""
    unproved_in_all_per_minute: Rate = 3000.0
    """The same, from all addresses together."""
    tolerance: PositiveDuration = timedelta(minutes=5)
    """How far a signature's time may lie from ours."""


class PollerSettings(Section):
    """`[poller]`: when Kling is asked because no callback came."""

    fallback_after: Duration = timedelta(minutes=5)
    interval: PositiveDuration = timedelta(seconds=15)
    max_interval: PositiveDuration = timedelta(minutes=5)
    overdue_after: PositiveDuration = timedelta(hours=72)
    """How long a job may be open before it is overdue: shown, noticed, and polled hourly."""
    unknown_grace: PositiveDuration = timedelta(minutes=10)
    """For how long Kling must not have known a job before it can be lost."""


class StoreSettings(Section):
    """`[store]`: where everything is kept."""

    directory: Path
    """Holds the database, the API token, the key of the capabilities, and the handlers' own folders."""
    retention: Duration = timedelta(days=90)
    """How long a job is kept once it has ended and all its deliveries are done."""
    reserve: Size = 256 * 1024**2
    """How much of the disk is kept for callbacks: with less than that free, what people ask for is refused."""

    @pydantic.field_validator("directory")
    @classmethod
    def _is_absolute(cls, directory: Path) -> Path:
        return directory.expanduser().absolute()

    @pydantic.field_validator("retention")
    @classmethod
    def _outlives_kling(cls, retention: timedelta) -> timedelta:
        # Kling keeps results for about 30 days: what it may still speak of must not be forgotten, and taken for new.
        if retention < timedelta(days=35):
            raise ValueError("must be 35d or more: Kling itself may speak of a job for about 30 days")
        return retention


class DeliverySettings(Section):
    """`[delivery]`: how handlers are called, unless their own section says otherwise."""

    timeout: PositiveDuration = timedelta(minutes=10)
    max_attempts: Count = 12
    backoff: PositiveDuration = timedelta(seconds=5)
    max_backoff: PositiveDuration = timedelta(hours=6)
    max_age: PositiveDuration = timedelta(days=7)
    """How long after its creation a delivery may still be postponed by its handler."""
    concurrency: Count = 8
    rate: Rate | None = None
    """How many attempts may begin in a second; no limit where it is left out."""


class EgressSettings(Section):
    """`[egress]`: what handlers may fetch and send to."""

    allow_http: bool = False
    hosts: tuple[HostPattern, ...] = ()
    """The only hosts that may be asked; left empty, all may."""
    networks: tuple[Network, ...] = ()
    """What may be connected to although it is no public address."""
    proxy: RootUrl | None = None
    """Every request goes through it; it looks names up, so it is the one to keep them from leading inside."""
    max_size: Size = 2 * 1024**3


class ApiSettings(Section):
    """`[api]`: the local listener for people and programs."""

    listen: TcpOrUnix = TcpAddress(host="127.0.0.1", port=8766)
    auth: Literal["token", "none"] = "token"
    """Whether a token is asked for; without one, whoever reaches the API may do everything."""
    hosts: tuple[HostName, ...] = ()
    """Names that requests may be addressed to, besides this machine's own, `listen` and IP addresses."""
    tls_cert: FilePath | None = None
    tls_key: FilePath | None = None
    allow_http: bool = False
    """Whether other machines may be spoken to without TLS."""

    @property
    def is_open_without_tls(self) -> bool:
        """True when tokens come over a network on which others can read them."""
        listen = self.listen
        return isinstance(listen, TcpAddress) and not listen.is_loopback and self.tls_cert is None


class LogSettings(Section):
    """`[log]`: what is said, and how."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class ServiceSettings(Section):
    """`[service]`: the process."""

    stop_timeout: StopDuration = timedelta(seconds=40)


class HandlerSettings(Section):
    """`[handlers.NAME]`: one handler; keys that are not listed here belong to its plugin and are kept as they are."""

    model_config = pydantic.ConfigDict(extra="allow")

    type: str | None = None
    """The handler type; left out for the handler that a plugin's event hooks form."""
    enabled: bool = True
    events: tuple[EventName, ...] | None = None
    depends_on: tuple[str, ...] = ()
    timeout: PositiveDuration | None = None
    max_attempts: Count | None = None
    backoff: PositiveDuration | None = None
    max_backoff: PositiveDuration | None = None
    max_age: PositiveDuration | None = None
    concurrency: Count | None = None
    rate: Rate | None = None

    @pydantic.field_validator("events")
    @classmethod
    def _are_events(cls, events: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for event in events or ():
            if event not in SUBSCRIBABLE:
                known = ", ".join(SUBSCRIBABLE)
                raise ValueError(f"'{event}' is no event{did_you_mean(event, SUBSCRIBABLE) or f'; there are {known}'}")
        if events is not None and not events:
            raise ValueError("must name at least one event; to turn the handler off, set enabled = false")
        return events

    @property
    def own(self) -> dict[str, Any]:
        """The keys that belong to the plugin, as they were written, secrets resolved."""
        return dict(self.model_extra or {})
