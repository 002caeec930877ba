"""Which settings hold now: those of the start, then those of the phase that lasts, then what was changed by hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from kling_daemon.simulator.changes import ChangeError, read_changes
from kling_daemon.simulator.scenarios.phases import Phase
from kling_daemon.simulator.settings import SimulatorSettings
from kling_daemon.simulator.timeline import Timeline


class Conductor:
    """Leads through the phases. Of two that overlap, the later in the list holds alone."""

    def __init__(
        self,
        settings: SimulatorSettings,
        phases: Sequence[Phase],
        timeline: Timeline,
        take: Callable[[SimulatorSettings], None],
    ) -> None:
        """Give the settings to `take` now and whenever they change. ValueError if a phase contradicts them."""
        self._start = settings
        self._phases = tuple(phases)
        self._timeline = timeline
        self._began = timeline.now()
        self._take = take
        self._by_hand: dict[str, Any] = {}
        list(self._all(self._by_hand))
        self._enter(timedelta(0))

    def change(self, changes: Any) -> SimulatorSettings:
        """Change settings by hand: they hold from now on, whatever a phase says. ChangeError for any mistake."""
        by_hand = self._by_hand | read_changes(changes)
        try:
            list(self._all(by_hand))
        except ValueError as error:
            raise ChangeError(str(error)) from None
        self._by_hand = by_hand
        settings = self._settings_at(self._elapsed())
        self._take(settings)
        return settings

    def preview(self, changes: Any) -> SimulatorSettings:
        """Return what `change` would make hold now, and change nothing. ChangeError for any mistake."""
        try:
            return replace(self._settings_at(self._elapsed()), **read_changes(changes))
        except ValueError as error:
            raise ChangeError(str(error)) from None

    def _all(self, by_hand: Mapping[str, Any]) -> Iterator[SimulatorSettings]:
        for phase in (None, *self._phases):
            yield self._with(phase, by_hand)

    def _with(self, phase: Phase | None, by_hand: Mapping[str, Any]) -> SimulatorSettings:
        return replace(self._start, **{**(phase.changes if phase else {}), **by_hand})

    def _settings_at(self, elapsed: timedelta) -> SimulatorSettings:
        lasting = [phase for phase in self._phases if phase.holds(elapsed)]
        return self._with(lasting[-1] if lasting else None, self._by_hand)

    def _enter(self, elapsed: timedelta) -> None:
        """Let what belongs to a moment hold, and plan the next one at which that changes."""
        self._take(self._settings_at(elapsed))
        edges = [edge for phase in self._phases if (edge := phase.next_edge(elapsed)) is not None]
        if edges:
            edge = min(edges)
            # With the edge itself, or what was missed since: a clock in floats may say that it lies just ahead.
            self._timeline.at(
                self._began + edge.total_seconds(),
                lambda: self._enter(max(edge, self._elapsed())),
                is_awaited=False,
            )

    def _elapsed(self) -> timedelta:
        return timedelta(seconds=self._timeline.now() - self._began)
