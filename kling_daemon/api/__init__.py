"""The local API, through which people and programs use a running daemon; guarded by a token."""

from kling_daemon.api.application import build_api
from kling_daemon.api.event_streams import EventStreams
from kling_daemon.api.event_tail import EventTail
from kling_daemon.api.own_names import OwnNames
from kling_daemon.api.services import ApiServices, SubmitJob
from kling_daemon.api.token import TokenError, ensure_token
from kling_daemon.api.token_registry import TokenRegistry, digest

__all__ = [
    "ApiServices",
    "EventStreams",
    "EventTail",
    "OwnNames",
    "SubmitJob",
    "TokenError",
    "TokenRegistry",
    "build_api",
    "digest",
    "ensure_token",
]
