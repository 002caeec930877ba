"""The bus is a doorbell: it tells of all that happens, and nothing is lost with its rings."""

from fakes.dispatching import Witness, configured, until
from fakes.kling_caller import LEGACY_IMAGE, LEGACY_VIDEO, NEW_VIDEO
from fakes.running_daemon import SECRET, running_daemon, trusting
from fakes.silent_bus import SilentBus

from kling_daemon.bus import Bus
from kling_daemon.events import SUBSCRIBABLE
from kling_daemon.simulator import Simulator, SimulatorSettings, Span

ALL = frozenset(SUBSCRIBABLE)


def simulated(**settings):
    swift = {"submitted": Span.parse("1ms"), "processing": Span.parse("1ms"), "secrets": (SECRET,), "video_slots": 0}
    return Simulator(SimulatorSettings(**{**swift, **settings}))


async def run_six_jobs(daemon):
    for number in range(6):
        await daemon.submit([NEW_VIDEO, LEGACY_VIDEO, LEGACY_IMAGE][number % 3])

    async def all_ended():
        counts = await daemon.read.job_counts()
        return sum(counts.get(state, 0) for state in ("succeeded", "failed")) == 6

    await until(all_ended)


async def test_all_three_types_of_event_ring_through_a_running_daemon(tmp_path):
    bus = Bus()
    with bus.subscribe(ALL) as listener:
        async with running_daemon(
            tmp_path, simulator=simulated(fail=2), called_back=True, bus=bus, trust=trusting()
        ) as daemon:
            await run_six_jobs(daemon)
            heard = [await listener.get() for _ in range(await stored(daemon))]
        assert listener.dropped == 0
    types = [item.type.value for item in heard]
    assert types.count("job.completed") == 4
    assert types.count("job.failed") == 2
    assert types.count("job.status_changed") >= 12
    for job_id in {item.job_id for item in heard}:
        ranks = [item.job.state.rank for item in heard if item.job_id == job_id]
        assert ranks == sorted(ranks)


async def stored(daemon):
    return sum((await daemon.read.event_counts()).values())


async def test_with_every_ring_lost_every_handler_still_gets_every_event(tmp_path):
    first, second = Witness(), Witness()
    handlers = [configured("first", first.open, events=ALL), configured("second", second.open, events=ALL)]
    async with running_daemon(
        tmp_path, handlers=handlers, simulator=simulated(fail=2), called_back=True, bus=SilentBus(), trust=trusting()
    ) as daemon:
        await run_six_jobs(daemon)
        count = await stored(daemon)
        for name in ("first", "second"):
            await daemon.until_delivered(name, count)
        ids = sorted(event_id for (event_id,) in daemon.rows("SELECT id FROM events"))
    assert sorted(item.id for item in first.seen) == ids
    assert sorted(item.id for item in second.seen) == ids
