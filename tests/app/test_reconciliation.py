"""A daemon that starts reads Kling's lists by itself, and says what it found."""

from datetime import timedelta

from fakes.dispatching import until
from fakes.kling_caller import NEW_VIDEO, KlingCaller
from fakes.running_daemon import running_daemon

from kling_daemon.simulator import Simulator, SimulatorSettings, Span

SWIFT = SimulatorSettings(
    submitted=Span.exactly(timedelta(0)), processing=Span.exactly(timedelta(0)), video_slots=0, http_errors=0
)


async def stats_of(daemon):
    async with daemon.api.get("/api/v1/stats") as answer:
        return await answer.json()


async def test_all_is_adopted_from_the_first_start_on_whether_the_daemon_ran_or_not(tmp_path):
    simulator = Simulator(SWIFT)
    async with simulator.serve() as url, KlingCaller.at(url) as other:
        await other.create(NEW_VIDEO, options={"external_task_id": "before"})
        async with running_daemon(tmp_path, kling=url, trust={"adopt": "all"}) as daemon:

            async def looked():
                return (await stats_of(daemon))["reconciliation"] is not None

            await until(looked)
            assert await daemon.jobs() == []
        made = await other.create(NEW_VIDEO, options={"external_task_id": "meanwhile"})
        await simulator.idle()
        async with running_daemon(tmp_path, kling=url, trust={"adopt": "all"}) as daemon:
            job = await daemon.until_job(made["id"], "succeeded")
            assert (job.origin, job.external_id) == ("adopted", "meanwhile")
            await until(looked)
            found = (await stats_of(daemon))["reconciliation"]
            assert (found["adopted"], found["complete"]) == (1, True)
            async with daemon.api.get("/metrics") as answer:
                metrics = await answer.text()
            assert 'kling_daemon_found_on_lists_total{what="adopted"} 1.0' in metrics
            assert 'kling_daemon_reconciliations_total{outcome="completed"} 1.0' in metrics
            assert [job.external_id for job in await daemon.jobs()] == ["meanwhile"]


async def test_a_daemon_with_nothing_to_find_out_reads_no_list(tmp_path):
    simulator = Simulator(SWIFT)
    async with running_daemon(tmp_path, simulator=simulator) as daemon:
        assert (await stats_of(daemon))["reconciliation"] is None
    assert simulator.stats()["requests"] == {}
