"""The daemon's metrics, read as anybody may read them: what it counts and keeps nowhere else."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from prometheus_client.parser import text_string_to_metric_families

_CALLBACKS = "kling_daemon_callbacks_total"
_REPORTS = "kling_daemon_reports_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the daemon has counted since its start."""

    verdicts: Mapping[str, int]
    """Requests at the callback path by verdict: `believed`, `hint`, `refused`, `misdirected`, …."""
    polls: int
    """Answers of Kling's about a job that it was asked about."""

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read Prometheus' text format."""
        verdicts, polls = Counter[str](), 0
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name == _CALLBACKS:
                    verdicts[sample.labels["verdict"]] += int(sample.value)
                elif sample.name == _REPORTS and sample.labels["source"] == "poll":
                    polls += int(sample.value)
        return cls(verdicts=verdicts, polls=polls)

    @property
    def received(self) -> int:
        """All requests at the callback path."""
        return sum(self.verdicts.values())

    @property
    def refused(self) -> int:
        """Those that were answered 401 or 404."""
        return self.verdicts.get("refused", 0) + self.verdicts.get("misdirected", 0)
