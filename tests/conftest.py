"""What holds for every test: where a counterpart is missing, CI fails instead of skipping."""

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes depends on the machine, and is nothing that a test may fail by.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.skipped and "CI" in os.environ and item.get_closest_marker("integration"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI must not do: {call.excinfo.value}"
    return report
