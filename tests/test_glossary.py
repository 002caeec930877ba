"""The words of docs/glossary.md are those of the code."""

from pathlib import Path

import pytest

from kling_daemon.deliveries import DeliveryState
from kling_daemon.jobs import FailureReason, JobState

TEXT = (Path(__file__).parents[1] / "docs" / "glossary.md").read_text()


@pytest.mark.parametrize("word", [*JobState, *FailureReason, *DeliveryState])
def test_every_state_and_reason_is_in_the_glossary(word):
    assert f"`{word}`" in TEXT
