from dataclasses import replace
from datetime import timedelta
from itertools import combinations, pairwise

import pytest
from fakes.reports import make_report
from hypothesis import given
from hypothesis import strategies as st
from strategies.kling_news import EPOCH, KLING_STATES, arrivals, histories, queued_job, reports

from kling_daemon.contradictions import are_other_results
from kling_daemon.events import EventType, JobEvent, events_of
from kling_daemon.ids import adopted_job_id
from kling_daemon.jobs import FailureReason, Job, JobState, Origin
from kling_daemon.outputs import Charge, Output, OutputFile
from kling_daemon.reports import Change, Report, Source, adopt, fold
from kling_daemon.testing import START, make_job

ENDS = (JobState.SUCCEEDED, JobState.FAILED)
SECOND = timedelta(seconds=1)
TERMINAL = (EventType.COMPLETED, EventType.FAILED)


def play(news: list[Report], job: Job | None) -> tuple[list[Change], list[JobEvent]]:
    """Take reports in as the store does: the first about an unknown task makes its job, each other is folded in."""
    changes: list[Change] = []
    events: list[JobEvent] = []
    for report in news:
        change = adopt(report, "default") if job is None else fold(job, report)
        job = change.job
        changes.append(change)
        events += events_of(change, report.received_at)
    return changes, events


def truth(job: Job, news: list[Report]) -> tuple[object, ...]:
    """Return what must not depend on the order, which decides only where Kling contradicts itself."""
    return (job.state, job.reason, *((job.message, job.outputs, job.cost) if agree(news) else ()))


def agree(news: list[Report]) -> bool:
    return not any(are_other_results(one.outputs, other.outputs) for one, other in combinations(news, 2))


def assert_in_order(events: list[JobEvent]) -> None:
    seen = [event.job.state for event in events if event.type is EventType.STATUS_CHANGED]
    assert all(earlier.rank < later.rank for earlier, later in pairwise(seen)), seen
    assert len({event.id for event in events}) == len(events)
    ends = [place for place, event in enumerate(events) if event.type in TERMINAL]
    assert ends == [len(events) - 1], "one terminal event, and nothing after it"
    assert events[-2].type is EventType.STATUS_CHANGED
    assert events[-2].job == events[-1].job


known = st.sampled_from([None, queued_job(), replace(queued_job(), state=JobState.SUBMITTED, task_id="t1")])


@given(data=st.data(), job=known, verdict=st.sampled_from(ENDS))
def test_any_order_repetition_and_mix_of_reports_ends_in_the_same_job(data, job, verdict):
    history = data.draw(histories(verdict))
    one, one_events = play(data.draw(arrivals(history)), job)
    other, other_events = play(data.draw(arrivals(history)), job)
    assert truth(one[-1].job, history) == truth(other[-1].job, history)
    assert one[-1].job.state is verdict
    assert not (agree(history) and one[-1].job.contradicted)
    assert_in_order(one_events)
    assert_in_order(other_events)
    assert one_events[-1].id == other_events[-1].id


@given(data=st.data(), job=known, ends=st.permutations(ENDS))
def test_of_two_different_ends_the_first_stands_and_the_job_is_marked(data, job, ends):
    news = data.draw(arrivals(data.draw(histories(ends[0], further=(ends[1],)))))
    changes, events = play(news, job)
    first = next(report.verdict for report in news if report.verdict)
    assert changes[-1].job.state is first
    assert changes[-1].job.contradicted
    assert (changes[-1].job.reason is not None) == (first is JobState.FAILED)
    marked = [report for change, report in zip(changes, news, strict=True) if change.contradicted]
    assert [report for report in marked if report.verdict is not first] == [
        report for report in news if report.verdict not in (None, first)
    ]
    assert not (agree(news) and any(report.verdict is first for report in marked))
    assert_in_order(events)


@given(data=st.data(), job=known)
def test_a_report_that_was_taken_in_changes_nothing_when_it_comes_again(data, job):
    news = data.draw(st.lists(reports(), min_size=1, max_size=5))
    changes, _ = play(news, job)
    again = fold(changes[-1].job, news[-1])
    # Against what came before the end nothing is compared.
    assert replace(again.job, contradicted=changes[-1].job.contradicted) == changes[-1].job
    assert not again.advanced


@given(data=st.data(), job=known)
def test_the_rank_only_rises_and_what_was_known_is_never_emptied(data, job):
    changes, _ = play(data.draw(st.lists(reports(), min_size=1, max_size=6)), job)
    for earlier, later in pairwise(change.job for change in changes):
        assert earlier.state.rank <= later.state.rank
        assert earlier.updated_at <= later.updated_at
        assert not earlier.outputs or later.outputs
        assert not earlier.cost or later.cost
        assert not earlier.task_id or later.task_id == earlier.task_id
        assert not earlier.contradicted or later.contradicted


@given(data=st.data(), job=known)
def test_a_change_says_what_the_state_was_and_whether_it_rose(data, job):
    changes, _ = play(data.draw(st.lists(reports(), min_size=1, max_size=6)), job)
    before = job.state if job else None
    for change in changes:
        assert change.previous_state is before
        assert change.advanced == (change.job.state is not before)
        before = change.job.state


@given(report=reports())
def test_adopting_a_job_is_folding_its_first_report_into_one_that_nothing_is_known_of(report):
    blank = replace(
        queued_job(),
        id=adopted_job_id("default", "t1"),
        task_id=report.task_id,
        external_id=None,
        endpoint=None,
        model=None,
        tags={},
        origin=Origin.ADOPTED,
        created_at=report.created_at or report.received_at,
        updated_at=report.stamp,
    )
    folded = fold(blank, report).job
    expected = replace(folded, state=JobState.SUBMITTED) if folded.state is JobState.QUEUED else folded
    adopted = adopt(report, "default").job
    assert adopted == expected
    assert adopted.stamps == expected.stamps


@given(report=reports())
def test_an_adopted_job_is_known_to_kling_and_has_the_same_id_each_time(report):
    job = adopt(report, "default").job
    assert job.id == adopted_job_id("default", "t1")
    assert job.origin is Origin.ADOPTED
    assert job.state is (report.state or JobState.SUBMITTED)


def plain(state: JobState | None, **changes: object) -> Report:
    return make_report(**{"state": state, "updated_at": EPOCH, "received_at": EPOCH, **changes})


def video(url: str, expires_at=None) -> tuple[Output, ...]:
    file = OutputFile(role="main", url=url, expires_at=expires_at)
    return (Output(type="video", id="v1", duration="5", files=(file,)),)


def folded(*news: Report) -> Job:
    return play(list(news), queued_job())[0][-1].job


def test_an_end_with_other_results_is_marked_and_moves_nothing():
    ours = plain(JobState.SUCCEEDED, outputs=video("https://cdn.klingai.com/a/1.mp4?sign=x"))
    theirs = replace(ours, outputs=video("https://cdn.evil.example/x.mp4"), updated_at=EPOCH + SECOND)
    changes, events = play([ours, theirs], queued_job())
    assert changes[-1].job == replace(changes[0].job, contradicted=True)
    assert (changes[-1].contradicted, changes[-1].advanced, changes[-1].job.contradicted) == (True, False, True)
    assert [event.type for event in events] == [EventType.STATUS_CHANGED, EventType.COMPLETED]


@pytest.mark.parametrize("is_forged_first", [True, False])
@given(data=st.data())
def test_of_two_results_what_kling_answers_stands_whatever_was_signed_with_whatever_date(is_forged_first, data):
    asked = plain(JobState.SUCCEEDED, outputs=video("https://cdn.klingai.com/1.mp4"), source=Source.POLL)
    true = replace(asked, source=Source.CALLBACK)
    forged = replace(true, outputs=video("https://evil.example/x.mp4"), updated_at=EPOCH + timedelta(days=9999))
    later = data.draw(st.lists(st.sampled_from([true, forged, asked]), max_size=5))
    job = folded(*([forged, true] if is_forged_first else [true, forged]), asked, *later)
    assert (job.outputs, job.contradicted) == (true.outputs, True)


@pytest.mark.parametrize("state", ENDS)
def test_what_was_deleted_after_its_success_contradicts_nothing_whichever_is_told_first(state):
    made = plain(JobState.SUCCEEDED, outputs=video("https://cdn.klingai.com/1.mp3"))
    gone = plain(JobState.FAILED, reason=FailureReason.DELETED, updated_at=EPOCH + SECOND)
    first, second = (made, gone) if state is JobState.SUCCEEDED else (gone, made)
    changes, events = play([first, second, first], queued_job())
    assert changes[0].job == changes[-1].job
    assert (changes[-1].job.state, changes[-1].job.contradicted) == (state, False)
    assert_in_order(events)


def test_a_failure_is_contradicted_by_a_success_and_a_deletion_explains_it_better():
    no = plain(JobState.FAILED, reason=FailureReason.INPUT)
    assert folded(no, plain(JobState.SUCCEEDED)).contradicted
    gone = plain(JobState.FAILED, reason=FailureReason.DELETED, updated_at=EPOCH + SECOND)
    after = folded(no, gone)
    assert (after.reason, after.contradicted) == (FailureReason.DELETED, False)


def test_what_a_job_shows_before_its_end_contradicts_nothing():
    early = plain(JobState.PROCESSING, outputs=video("https://cdn.klingai.com/preview.jpg"))
    end = plain(JobState.SUCCEEDED, outputs=video("https://cdn.klingai.com/1.mp4"))
    assert not folded(early, end).contradicted
    assert not folded(end, early).contradicted


def test_newer_outputs_replace_older_ones_by_kling_s_update_time_whichever_comes_first():
    old = plain(JobState.SUCCEEDED, outputs=video("https://cdn.test/1?old"))
    new = replace(old, outputs=video("https://cdn.test/1?new"), updated_at=EPOCH + timedelta(hours=1))
    assert folded(old, new).outputs == folded(new, old).outputs == new.outputs


def test_a_report_without_an_update_time_never_displaces_outputs_that_bear_one():
    dated = plain(JobState.SUCCEEDED, outputs=video("https://cdn.test/1?dated"))
    undated = replace(
        dated, outputs=video("https://cdn.test/1?undated"), updated_at=None, received_at=EPOCH + timedelta(days=1)
    )
    assert folded(dated, undated).outputs == folded(undated, dated).outputs == dated.outputs


def test_at_one_update_time_the_outputs_that_last_longer_win():
    short = plain(JobState.SUCCEEDED, outputs=video("https://cdn.test/1?z", EPOCH))
    long = replace(short, outputs=video("https://cdn.test/1?a", EPOCH + timedelta(days=30)))
    assert folded(short, long).outputs == folded(long, short).outputs == long.outputs


def test_a_newer_report_without_outputs_or_cost_takes_nothing_away():
    full = plain(
        JobState.SUCCEEDED, outputs=video("https://cdn.test/1"), cost=(Charge(kind="unit", amount="1", unit=None),)
    )
    empty = plain(JobState.SUCCEEDED, updated_at=EPOCH + timedelta(hours=1))
    job = folded(full, empty)
    assert (job.outputs, job.cost) == (full.outputs, full.cost)


def test_late_processing_with_outputs_adds_them_without_moving_the_state():
    late = plain(JobState.PROCESSING, outputs=video("https://cdn.test/1"), message="rendering")
    job = folded(plain(JobState.SUCCEEDED), late)
    assert (job.state, job.outputs, job.message) == (JobState.SUCCEEDED, late.outputs, "")


def test_an_unknown_status_word_changes_no_state():
    assert folded(plain(None)).state is JobState.QUEUED
    assert folded(plain(JobState.PROCESSING), plain(None)).state is JobState.PROCESSING


def test_a_telling_reason_wins_over_other_whenever_it_comes():
    vague = plain(JobState.FAILED, reason=FailureReason.OTHER, message="failed", updated_at=EPOCH + timedelta(hours=1))
    exact = plain(JobState.FAILED, reason=FailureReason.MODERATION, message="risk control")
    assert folded(vague, exact).reason is folded(exact, vague).reason is FailureReason.MODERATION


def test_a_missed_callback_is_noted_only_by_the_report_that_ends_the_job():
    missed = plain(JobState.SUCCEEDED, callback_missed=True)
    assert folded(missed).callback_missed
    assert not folded(plain(JobState.SUCCEEDED), missed).callback_missed
    assert not folded(plain(JobState.PROCESSING, callback_missed=True)).callback_missed


def test_a_create_that_kling_refused_ends_a_job_that_has_no_task():
    job = folded(plain(JobState.FAILED, task_id=None, reason=FailureReason.REJECTED, message="bad"))
    assert (job.state, job.reason, job.task_id, job.submitted_at) == (
        JobState.FAILED,
        FailureReason.REJECTED,
        None,
        None,
    )


def test_a_report_without_a_task_id_adopts_nothing():
    with pytest.raises(ValueError, match="task id"):
        adopt(plain(JobState.FAILED, task_id=None), "default")


@pytest.mark.parametrize("state", KLING_STATES)
def test_only_the_two_ends_are_verdicts(state):
    assert plain(state).verdict is (state if state in ENDS else None)


def lost_report():
    return make_report("t1", JobState.FAILED, reason=FailureReason.LOST, source=Source.POLL, received_at=START)


LIFE_AFTER_A_LOSS = {
    "another end": (make_report("t1", JobState.SUCCEEDED), True),
    "a poll": (make_report("t1", JobState.PROCESSING, source=Source.POLL), True),
    "a poll with a word that nobody knows": (make_report("t1", None, source=Source.POLL), True),
    "a callback about later news": (make_report("t1", JobState.PROCESSING, updated_at=START + SECOND), True),
    "a callback that was late": (make_report("t1", JobState.PROCESSING, updated_at=START - SECOND), False),
    "a callback that bears no time": (make_report("t1", JobState.SUBMITTED), False),
    "the same loss": (lost_report(), False),
    "an end of the same kind": (make_report("t1", JobState.FAILED, reason=FailureReason.OTHER, message="no"), False),
}


@pytest.mark.parametrize(("report", "contradicts"), LIFE_AFTER_A_LOSS.values(), ids=LIFE_AFTER_A_LOSS)
def test_a_loss_stands_and_is_contradicted_by_signs_of_life(report, contradicts):
    job = fold(make_job(state=JobState.PROCESSING, task_id="t1", updated_at=START - SECOND), lost_report()).job
    assert (job.state, job.reason) == (JobState.FAILED, FailureReason.LOST)
    change = fold(job, report)
    assert (change.advanced, change.contradicted, change.job.contradicted) == (False, contradicts, contradicts)
    assert change.job.state is JobState.FAILED


def test_what_kling_says_of_an_end_explains_it_better_than_a_loss():
    job = fold(make_job(state=JobState.PROCESSING, task_id="t1"), lost_report()).job
    after = fold(
        job, make_report("t1", JobState.FAILED, reason=FailureReason.OTHER, message="no", updated_at=START)
    ).job
    assert (after.reason, after.message) == (FailureReason.OTHER, "no")
