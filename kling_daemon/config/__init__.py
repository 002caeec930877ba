"""The daemon's settings: where they come from, what they mean, and everything that is wrong with them at once."""

from kling_daemon.config.addresses import Address, TcpAddress, UnixAddress
from kling_daemon.config.credentials import credential_file
from kling_daemon.config.lookup import find_config
from kling_daemon.config.origins import Origin, OriginKind, Origins
from kling_daemon.config.problems import ConfigError
from kling_daemon.config.reading import Loaded, load
from kling_daemon.config.sections import DeliverySettings, HandlerSettings
from kling_daemon.config.settings import Settings
from kling_daemon.problems import Problem
from kling_daemon.wording import problems_of

__all__ = [
    "Address",
    "ConfigError",
    "DeliverySettings",
    "HandlerSettings",
    "Loaded",
    "Origin",
    "OriginKind",
    "Origins",
    "Problem",
    "Settings",
    "TcpAddress",
    "UnixAddress",
    "credential_file",
    "find_config",
    "load",
    "problems_of",
]
