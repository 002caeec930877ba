from datetime import timedelta

import pytest

from kling_daemon.simulator import SimulatorSettings, Span


@pytest.fixture
def swift() -> SimulatorSettings:
    """A Kling without limits that is done within milliseconds."""
    return SimulatorSettings(
        submitted=Span.parse("1ms-5ms"),
        processing=Span.parse("1ms-20ms"),
        video_slots=0,
        image_slots=0,
        hang=timedelta(milliseconds=1),
    )


@pytest.fixture
def steady() -> SimulatorSettings:
    """A Kling whose jobs take ten seconds as submitted and a minute as processing: for a clock moved by hand."""
    return SimulatorSettings(submitted=Span.parse("10s"), processing=Span.parse("60s"))
