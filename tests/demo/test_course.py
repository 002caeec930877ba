import os
import signal

import pytest

from kling_daemon.demo import DemoError, Scenario, Workspace, demonstrate

SCENARIO = Scenario(seed=169, jobs=12)


@pytest.fixture
def workspace(tmp_path):
    (tmp_path / "private").mkdir()
    return Workspace.prepare(tmp_path / "private", tmp_path / "results")


def unseen(_progress):
    pass


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_file_that_is_not_as_kling_made_it_is_found_and_nothing_else(workspace, tmp_path):
    spoilt, stages = [], []

    def spoil(progress):
        # Not before: a delivery that is tried again would find the spoilt file and fetch it anew.
        if progress.is_over and not spoilt:
            found = min((tmp_path / "results").glob("*/*-0.*"))
            found.write_bytes(b"x" * found.stat().st_size)
            spoilt.append(found)

    outcome = await demonstrate(SCENARIO, workspace, begun=stages.append, seen=spoil)
    assert len(outcome.findings) == 2, outcome.findings
    assert outcome.findings[0].endswith("was not saved")
    assert outcome.findings[1].endswith("is not what Kling made")
    evidence = outcome.evidence
    assert len(evidence.ordered) == len(evidence.jobs) == len(evidence.tasks) == 12
    assert [file.path for file in evidence.saved if set(file.path.read_bytes()) == {120}] == spoilt
    assert outcome.kling.lost > 0
    assert outcome.counters.verdicts["believed"] == outcome.kling.sent
    (stage,) = stages
    assert not exists(stage.daemon.pid)
    assert not exists(stage.simulator.pid)


@pytest.mark.parametrize("name", ["daemon", "simulator"])
async def test_when_a_program_dies_the_other_is_ended_and_the_reason_told(workspace, name):
    stages = []

    def kill(_progress):
        os.kill(getattr(stages[0], name).pid, signal.SIGKILL)

    with pytest.raises(DemoError, match=rf"The {name} ended by signal 9\.") as raised:
        await demonstrate(SCENARIO, workspace, begun=stages.append, seen=kill)
    assert not exists(stages[0].daemon.pid)
    assert not exists(stages[0].simulator.pid)
    if name == "daemon":
        assert any("job moved" in line or "jobs moved" in line for line in raised.value.log)


async def test_a_daemon_that_cannot_start_says_why(workspace, tmp_path):
    (tmp_path / "private" / "state").write_text("not a directory")
    with pytest.raises(DemoError, match="The daemon ended with status") as raised:
        await demonstrate(SCENARIO, workspace, begun=unseen, seen=unseen)
    assert raised.value.log


async def test_patience_ends_and_what_is_missing_is_named(workspace):
    hurried = Scenario(seed=169, jobs=12, patience=SCENARIO.patience * 0)
    outcome = await demonstrate(hurried, workspace, begun=unseen, seen=unseen)
    assert any("has not ended" in finding for finding in outcome.findings)
