"""Each campaign, with as little of everything as makes sense: that it runs, and that it knows failure from success."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from kling_daemon.prove import campaigns, strace
from kling_daemon.prove.attack import Flood
from kling_daemon.prove.crash import Scale, crash, crash_with_key_pair
from kling_daemon.prove.forgery import Scale as ForgeryScale
from kling_daemon.prove.forgery import forgery
from kling_daemon.prove.fuzz import fuzz
from kling_daemon.prove.outcomes import Verdict, concluded, skipped
from kling_daemon.prove.plans import Plan
from kling_daemon.prove.sync import sync


@pytest.fixture
def plan(tmp_path_factory):
    # A seed that outcomes tell, and another in each run.
    # A short path: a Unix socket's is limited to 107 bytes.
    return Plan(short=True, seed=os.getpid(), scratch=tmp_path_factory.mktemp("p"), say=lambda _line: None)


@pytest.mark.parametrize("campaign", [crash, crash_with_key_pair], ids=["API key", "key pair"])
async def test_a_few_kills_break_no_promise(plan, campaign):
    outcome = await campaign(plan, Scale(kills=2, jobs=8))
    assert outcome.verdict is Verdict.PASSED, outcome
    assert outcome.line.startswith("2 kills, 8 orders")


async def test_forged_callbacks_among_true_ones_change_nothing(plan):
    kling = ("--submitted=500ms-1s", "--processing=4s-5s")
    scale = ForgeryScale(jobs=40, flood=Flood(forged=600, per_second=200), kling=kling)
    outcome = await forgery(plan, scale)
    assert outcome.verdict is Verdict.PASSED, outcome
    assert outcome.line.startswith("600 forged callbacks at 200/s among 120 true ones of 40 jobs: Kling was asked ")


@pytest.mark.skipif(strace.obstacle() is not None, reason="strace cannot be used here")
async def test_callbacks_are_synced_before_they_are_answered(plan):
    outcome = await sync(plan)
    assert outcome.verdict is Verdict.PASSED, outcome


async def test_damaged_callbacks_do_no_harm(plan):
    outcome = await fuzz(plan, timedelta(seconds=3))
    assert outcome.verdict is Verdict.PASSED, outcome


async def test_a_daemon_that_does_not_start_fails_its_campaign(plan, monkeypatch):
    monkeypatch.setenv("KLING_DAEMON_STORE__DIRECTROY", "a misspelt setting")
    outcome = await crash(plan, Scale(kills=1, jobs=0))
    assert outcome.verdict is Verdict.FAILED
    assert "78" in str(outcome)


@pytest.mark.parametrize(("in_ci", "verdict"), [(True, Verdict.FAILED), (False, Verdict.SKIPPED)])
async def test_what_cannot_be_proved_is_said_and_in_ci_it_is_a_failure(plan, in_ci, verdict):
    async def without(_plan):
        return skipped("sync", "strace is not installed")

    (outcome,) = await campaigns.prove(["sync"], replace(plan, in_ci=in_ci), {"sync": without})
    assert outcome.verdict is verdict
    assert "strace is not installed" in str(outcome)


async def test_a_campaign_that_breaks_off_has_failed_and_the_next_is_run(plan):
    async def breaking(_plan):
        raise TimeoutError("the simulator did not start")

    async def passing(_plan):
        return concluded("sync", "40 callbacks", [])

    broken_off, passed = await campaigns.prove(["crash", "sync"], plan, {"crash": breaking, "sync": passing})
    assert broken_off.verdict is Verdict.FAILED
    assert "the simulator did not start" in str(broken_off)
    assert passed.verdict is Verdict.PASSED


def test_an_outcome_says_what_was_found():
    outcome = concluded("crash", "2 kills", ["job 1 has two ends"])
    assert str(outcome) == "crash: FAILED: 2 kills\n  - job 1 has two ends"


def test_the_same_seed_gives_the_same_choices(plan):
    assert plan.dice("crash").random() == replace(plan, short=False).dice("crash").random()
    assert plan.dice("crash").random() != replace(plan, seed=8).dice("crash").random()


def test_the_verb_names_its_campaigns_and_refuses_others():
    command = [sys.executable, "-m", "kling_daemon.prove", "crush"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert refused.returncode == 2
    assert all(name in refused.stderr for name in campaigns.CAMPAIGNS)
