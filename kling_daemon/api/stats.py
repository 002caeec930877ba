"""The numbers of the local API."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta

from kling_daemon.api.routes import Routes, get
from kling_daemon.client.models import (
    MissedModel,
    NoticeModel,
    PunctualityModel,
    ReconciliationModel,
    SecretModel,
    StatsModel,
)
from kling_daemon.clock import optional
from kling_daemon.deliveries import DeliveryState
from kling_daemon.poller import Reconciliation
from kling_daemon.punctuality import Punctuality
from kling_daemon.store import SecretUse

PARKED = "parked"
"""How a delivery is counted that waits for a handler that is not loaded."""


class StatsRoutes(Routes):
    """The route `/api/v1/stats`."""

    @get("/api/v1/stats")
    async def show_stats(self) -> StatsModel:
        """Show the daemon in numbers."""
        read = self._read
        missed = await read.missed_callbacks()
        verdicts, uses = await read.callback_pages.tallies()
        punctuality = await read.punctuality(self._services.clock.now())
        return StatsModel(
            jobs=await read.job_counts(),
            overdue=await read.overdue_count(self._services.clock.now() - self._services.polling.overdue_after),
            events=await read.event_counts(),
            deliveries=self._with_parked(await read.delivery_counts()),
            callbacks=verdicts,
            secrets=self._secrets(uses),
            missed_callbacks=[MissedModel(**kind._asdict(), jobs=jobs) for kind, jobs in missed.items()],
            punctuality=[self._punctuality(of_kind) for of_kind in punctuality],
            notices=[NoticeModel.model_validate(notice, from_attributes=True) for notice in await read.open_notices()],
            kling_requests=dict(self._services.kling_requests()),
            hints=await read.hint_count(),
            reconciliation=optional(_reconciliation, self._services.reconciliation()),
        )

    def _punctuality(self, of_kind: Punctuality) -> PunctualityModel:
        return PunctualityModel(
            **of_kind.kind._asdict(),
            jobs=of_kind.jobs,
            missed=of_kind.missed,
            late=of_kind.late,
            usual_delay_seconds=optional(timedelta.total_seconds, of_kind.usual_delay),
            longest_delay_seconds=optional(timedelta.total_seconds, of_kind.longest_delay),
            polled_after_seconds=round(self._services.polling.patience(of_kind.kind).total_seconds(), 3),
        )

    def _secrets(self, uses: Sequence[SecretUse]) -> list[SecretModel]:
        """Return those that are configured, in their order, and then those that were."""
        used, configured = {use.secret: use for use in uses}, self._services.trust().secret_names
        return [
            SecretModel(
                name=name,
                configured=name in configured,
                callbacks=used[name].callbacks if name in used else 0,
                last_at=used[name].last_at if name in used else None,
            )
            for name in dict.fromkeys([*configured, *sorted(used)])
        ]

    def _with_parked(self, counts: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
        loaded = {status.name for status in self._services.handlers()}
        return {
            handler: states
            if handler in loaded
            else {PARKED if state == DeliveryState.PENDING else state: count for state, count in states.items()}
            for handler, states in counts.items()
        }


def _reconciliation(last: Reconciliation) -> ReconciliationModel:
    return ReconciliationModel(**asdict(last))
