"""What a campaign comes to: a verdict, a closing line for people, and everything that was found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """Whether a promise held."""

    PASSED = "passed"
    """Everything was tried and nothing was found."""
    FAILED = "failed"
    """A promise was broken, or the campaign could not be carried through."""
    SKIPPED = "skipped"
    """Something that the campaign needs is not there; nothing was proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one campaign."""

    campaign: str
    verdict: Verdict
    line: str
    """What was done, in numbers; for a skipped one, what is missing."""
    findings: tuple[str, ...] = ()
    """What broke, a sentence each; none unless it failed."""

    def __str__(self) -> str:
        head = f"{self.campaign}: {self.verdict.upper()}: {self.line}"
        return "\n".join([head, *(f"  - {finding}" for finding in self.findings)])


def concluded(campaign: str, line: str, findings: list[str]) -> Outcome:
    """Return the outcome of a campaign that was carried through: passed unless anything was found."""
    verdict = Verdict.FAILED if findings else Verdict.PASSED
    return Outcome(campaign=campaign, verdict=verdict, line=line, findings=tuple(findings))


def skipped(campaign: str, reason: str) -> Outcome:
    """Return the outcome of a campaign that cannot be carried through here."""
    return Outcome(campaign=campaign, verdict=Verdict.SKIPPED, line=reason)
