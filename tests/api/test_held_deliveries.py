"""A delivery that could be tried by its time, and is not, says what it waits for."""

from dataclasses import replace
from datetime import timedelta

from fakes.local_api import ARCHIVE, daemon_and_api
from fakes.suspects import leave_suspects

from kling_daemon.jobs import JobState
from kling_daemon.store import Registration
from kling_daemon.testing.clock import ManualClock


def registered(name, *, events=("job.completed",), depends_on=()):
    return Registration(name=name, events=frozenset(events), depends_on=depends_on)


async def held(daemon, **of):
    return {delivery.id: (delivery.handler, delivery.held) for delivery in (await daemon.deliveries(**of)).items}


async def test_what_waits_for_a_handler_that_is_not_configured_is_parked(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        assert set((await held(daemon)).values()) == {("archive", None), ("forgotten", "parked")}


async def test_what_waits_for_an_earlier_event_or_another_handler_says_so(tmp_path):
    async with daemon_and_api(tmp_path) as (daemon, api):
        both = ("job.status_changed", "job.completed")
        await api.store.register_handlers(
            [registered("archive", events=both), registered("forgotten", depends_on=("archive",))]
        )
        api.statuses.append(replace(ARCHIVE, name="forgotten"))
        await api.report(await api.make_job(), JobState.SUCCEEDED)
        told = [reason for _, (_, reason) in sorted((await held(daemon, handler="archive")).items())]
        assert told == [None, "earlier", "earlier"]
        assert list((await held(daemon, handler="forgotten")).values()) == [("forgotten", "dependency")]


async def test_a_suspect_that_waits_for_its_turn_says_so(tmp_path):
    await leave_suspects(tmp_path, registered("archive"), jobs=2)
    clock = ManualClock()
    async with daemon_and_api(tmp_path, clock=clock) as (daemon, api):
        clock.advance(timedelta(hours=1))  # past the pause after the losses
        assert set((await held(daemon, handler="archive")).values()) == {("archive", None)}
        (running,) = await api.store.claim("archive", limit=2, lease=timedelta(minutes=1))
        (waiting,) = [number for number in await held(daemon, handler="archive") if number != running.id]
        shown = await daemon.delivery(waiting)
        assert (shown.state, shown.held, shown.losses) == ("pending", "suspect", 2)
        assert (await daemon.delivery(running.id)).held is None
        told = [item.state for item in (await daemon.timeline(shown.job_id)).upcoming if item.handler == "archive"]
        assert told == ["suspect"]
