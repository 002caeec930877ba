"""Where a part of the daemon has a default of its own, it is the one that the configuration documents."""

import inspect

from kling_daemon.backoff import Backoff
from kling_daemon.config.sections import DeliverySettings, KlingSettings, PollerSettings, TrustSettings
from kling_daemon.deliveries import RetryPolicy
from kling_daemon.kling.client import KlingClient
from kling_daemon.polling import PollPolicy
from kling_daemon.standard_webhooks import TOLERANCE


def test_deliveries_are_retried_as_documented():
    documented = DeliverySettings()
    assert RetryPolicy() == RetryPolicy(
        max_attempts=documented.max_attempts,
        backoff=Backoff(least=documented.backoff, longest=documented.max_backoff),
        max_age=documented.max_age,
    )


def test_jobs_are_polled_as_documented():
    documented = PollerSettings()
    assert PollPolicy() == PollPolicy(
        fallback_after=documented.fallback_after, interval=documented.interval, max_interval=documented.max_interval
    )


def test_signatures_may_be_as_old_as_documented():
    assert TrustSettings().tolerance == TOLERANCE


def test_kling_is_asked_as_documented():
    documented, parameters = KlingSettings(), inspect.signature(KlingClient).parameters
    assert parameters["timeout"].default == documented.timeout
    assert parameters["max_requests_per_second"].default == documented.max_requests_per_second
