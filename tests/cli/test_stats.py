from kling_daemon.events import Notice, NoticeKind
from kling_daemon.ids import new_id
from kling_daemon.jobs import JobState
from kling_daemon.testing.clock import START

NOTICE = Notice(
    id=new_id(START), kind=NoticeKind.KLING_SILENT, subject="default", message="nobody answers", raised_at=START
)


async def test_the_numbers_begin_with_what_a_person_should_look_at(api, ask, ask_json):
    await api.store.raise_notice(NOTICE)
    await api.report(await api.make_job(), JobState.SUCCEEDED)
    result = await ask("stats")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["NOTICE", "SINCE", "ABOUT", "MESSAGE"]
    assert lines[1].endswith("nobody answers")
    facts = dict(line.split(maxsplit=1) for line in lines[3:] if not line.startswith("to "))
    assert facts["jobs"] == "1 succeeded"
    assert [line.split() for line in lines if line.startswith("to archive")] == [["to", "archive", "1", "pending"]]
    assert (await ask_json("stats"))["jobs"] == {"succeeded": 1}


async def test_a_quiet_daemon_says_so(ask):
    result = await ask("stats")
    assert result.stdout.split()[:4] == ["notices", "none", "jobs", "none"]


def test_no_daemon_is_69_and_a_wrong_option_2(typed):
    assert typed("stats", "--url", "http://127.0.0.1:1").exit_code == 69
    assert typed("stats", "--no-such-option").exit_code == 2
