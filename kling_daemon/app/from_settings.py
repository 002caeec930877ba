"""Parts that are made of one section of the settings each."""

from collections.abc import Mapping
from datetime import timedelta

from aiohttp.abc import AbstractResolver

from kling_daemon.config import Settings
from kling_daemon.egress import EgressClient
from kling_daemon.polling import PollPolicy
from kling_daemon.punctuality import JobKind


def poll_policy(settings: Settings, hastened: Mapping[JobKind, timedelta]) -> PollPolicy:
    """Return when jobs are polled. hastened: how long those of which kinds are left to their callbacks instead."""
    poller = settings.poller
    return PollPolicy(
        fallback_after=poller.fallback_after,
        interval=poller.interval,
        max_interval=poller.max_interval,
        overdue_after=poller.overdue_after,
        hastened=hastened,
    )


def egress_client(settings: Settings, lookup: AbstractResolver | None) -> EgressClient:
    """Return what handlers fetch with. lookup: how names are looked up, by default as the system does."""
    egress = settings.egress
    return EgressClient(
        allow_http=egress.allow_http,
        hosts=egress.hosts,
        networks=egress.networks,
        proxy=egress.proxy,
        max_size=egress.max_size,
        lookup=lookup,
    )
