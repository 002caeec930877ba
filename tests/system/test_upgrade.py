"""A daemon goes on where one of an earlier version was killed: in its own state directory, upgraded at the start."""

import json
from datetime import timedelta

import pytest
from fakes.dispatching import Witness, configured, until
from fakes.earlier_states import EARLIER, ClockOfThen, restore, rows_of
from fakes.running_daemon import running_daemon

from kling_daemon.simulator import Simulator, SimulatorSettings, Span

QUICK = SimulatorSettings(submitted=Span.parse("1ms"), processing=Span.parse("10ms"))
SOON = timedelta(milliseconds=50)
POLLER = {"interval": SOON, "max_interval": SOON, "fallback_after": SOON}
"""Nobody listens any more where Kling is told to call back."""
OF_HANDLERS = "SELECT name, events FROM handlers ORDER BY name"
BY_STATE = "SELECT seq, state FROM deliveries"
OPEN = ("pending", "running")


@pytest.mark.parametrize("name", EARLIER)
async def test_what_was_open_is_brought_to_its_end_and_what_had_ended_stays_as_it_was(name, tmp_path):
    directory = restore(name, tmp_path / "state")
    clock = ClockOfThen(directory)
    before = dict(rows_of(directory, BY_STATE))
    ended = rows_of(directory, "SELECT id, state, reason, outputs FROM jobs WHERE state IN ('succeeded', 'failed')")
    queued = [job for (job,) in rows_of(directory, "SELECT id FROM jobs WHERE state = 'queued'")]
    assert {*before.values()} >= {"done", "dead", *OPEN}, "a state of deliveries is missing, which proves less"
    assert ended
    assert queued
    witness = Witness()
    handlers = [
        configured(handler, witness.open, events=frozenset(json.loads(events)))
        for handler, events in rows_of(directory, OF_HANDLERS)
    ]
    simulator = Simulator(QUICK, clock)
    async with running_daemon(directory, handlers=handlers, simulator=simulator, clock=clock, poller=POLLER) as daemon:

        def all_are_delivered():
            return not daemon.rows("SELECT 1 FROM deliveries WHERE state IN ('pending', 'running')")

        for job in queued:
            await daemon.until_job(job, "succeeded")
        await until(all_are_delivered)
        after = dict(daemon.rows(BY_STATE))
        assert {seq: state for seq, state in after.items() if seq in before} == {
            seq: "done" if state in OPEN else state for seq, state in before.items()
        }
        assert {*ended} <= {*daemon.rows("SELECT id, state, reason, outputs FROM jobs")}
        # Kling knows nothing of what was under way then, and nothing is ended because of that.
        under_way = daemon.rows("SELECT state FROM jobs WHERE state IN ('submitted', 'processing')")
        assert len(under_way) + len(ended) + len(queued) == len(await daemon.jobs())
    assert [task["external_id"] for task in simulator.tasks()] == queued
