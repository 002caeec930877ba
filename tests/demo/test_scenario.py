from collections import Counter

import pytest

from kling_daemon.cli.demo import DEFAULT_SEED
from kling_daemon.demo import ENDPOINTS, Scenario
from kling_daemon.jobs import JobState
from kling_daemon.simulator import SimulatorSettings, changed
from kling_daemon.simulator.fates import fate_of
from kling_daemon.simulator.forgeries import Forgery
from kling_daemon.simulator.orders import read_order
from kling_daemon.simulator.plans import plan
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.testing import START


def settings(scenario):
    return changed(SimulatorSettings(seed=scenario.seed), scenario.kling())


def test_forty_jobs_go_to_three_endpoints_in_turn():
    orders = Scenario(seed=1).orders()
    assert [order.endpoint for order in orders[:4]] == [*ENDPOINTS, ENDPOINTS[0]]
    assert Counter(order.endpoint for order in orders) == dict(zip(ENDPOINTS, (14, 13, 13), strict=True))
    assert len({order.body["prompt"] for order in orders}) == len({order.shot for order in orders}) == 40


@pytest.mark.parametrize("order", Scenario(seed=1).orders())
def test_kling_takes_every_order(order):
    assert read_order(order.endpoint, order.body, "http://kling.example").path == order.endpoint


@pytest.mark.parametrize(("jobs", "seed"), [(40, DEFAULT_SEED), (40, 5), (12, 1), (12, 2), (12, 3)])
def test_exactly_three_jobs_fail(jobs, seed):
    kling = settings(Scenario(seed=seed, jobs=jobs))
    assert sum(plan(kling, number, "").failure is not None for number in range(1, jobs + 1)) == 3


def test_with_the_default_seed_a_quarter_is_lost_a_quarter_doubled_and_every_forgery_tried():
    scenario = Scenario(seed=DEFAULT_SEED)
    kling = settings(scenario)
    fates = []
    for number, order in enumerate(scenario.orders(), start=1):
        made = plan(kling, number, "")
        for state in (JobState.SUBMITTED, JobState.PROCESSING, JobState.FAILED if made.failure else JobState.SUCCEEDED):
            job = SimulatedJob(
                number=number, account="main", id="1", order=read_order(order.endpoint, order.body, ""),
                plan=made, state=state, created_at=START, updated_at=START, file_lifetime=kling.file_lifetime,
            )  # fmt: skip
            fates.append(fate_of(kling, job))
    assert len(fates) == 120
    assert sum(fate.lost for fate in fates) == sum(fate.duplicated for fate in fates) == 30
    assert sum(fate.reordered for fate in fates) >= 5
    assert {fate.forgery for fate in fates} == {*Forgery, None}
