import io

from fakes.demo_outcome import good_stats, progress
from rich.console import Console

from kling_daemon.cli.demo_views import Lines, audience, picture
from kling_daemon.demo import Scenario
from kling_daemon.jobs import JobState

SCENARIO = Scenario(seed=1)


def drawn(looked, *, width=80, is_ascii=False):
    console = Console(file=io.StringIO(), width=width)
    console.print(picture(looked, is_ascii=is_ascii))
    return console.file.getvalue()


def test_each_job_is_a_sign_in_the_row_of_its_endpoint():
    rows = drawn(progress()).splitlines()
    assert rows[1].split() == ["/text-to-video/kling-3.0", "●", "0", "1", "0"]
    assert rows[3].split() == ["/v1/images/generations", "✗", "0", "0", "1"]


def test_where_only_ascii_can_be_shown_the_signs_are_ascii():
    assert drawn(progress(), is_ascii=True).isascii()


def test_both_sides_numbers_are_shown():
    stats = good_stats(deliveries={"archive": {"done": 1, "running": 1}, "journal": {"done": 6}})
    text = drawn(progress(stats=stats))
    assert "11 sent, 3 lost, 2 doubled, 1 reordered, 4 forged" in text
    assert "5 creates (2 without a free slot), 2 queries" in text
    assert "archive 1 of 2, journal 6 of 6" in text


def test_forty_jobs_fit_on_a_small_terminal():
    jobs = tuple(
        job.model_copy(update={"endpoint": order.endpoint, "state": JobState.PROCESSING})
        for order, job in zip(SCENARIO.orders(), progress().jobs[:1] * 40, strict=True)
    )
    lines = drawn(progress(jobs=jobs)).splitlines()
    assert len(lines) < 20
    assert sum(line.count("◐") for line in lines[1:4]) == 40


def test_lines_are_printed_now_and_then_and_at_the_end(capsys):
    lines = Lines(SCENARIO)
    for seconds in (0, 1, 3, 4):
        lines.seen(progress(elapsed=progress().elapsed * 0 + seconds * SCENARIO.patience / 120, wanted=4))
    lines.seen(progress())
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["0.0s", "3.0s", "7.3s"]
    assert "succeeded  2  failed  1  deliveries archive 2 of 2, journal 6 of 6" in told[-1]


def test_for_json_nothing_is_said_meanwhile(capsys):
    with audience(SCENARIO, as_json=True) as looking:
        looking.seen(progress())
    assert capsys.readouterr().out == ""
