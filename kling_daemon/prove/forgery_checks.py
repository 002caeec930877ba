"""What the forgery campaign looks for beside the promises that all campaigns check: pure, so that it can be tested."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus

from kling_daemon.prove.evidence import Evidence
from kling_daemon.prove.forger import Answers
from kling_daemon.prove.forgeries import ANSWERS, Trick
from kling_daemon.simulator.forgeries import ATTACKER_URL


def wrong_answers(answers: Answers, forged: int) -> Iterator[str]:
    """Yield what was not answered as it should be."""
    for trick, counts in answers.items():
        for status, count in counts.items():
            if status not in {str(allowed) for allowed in ANSWERS[Trick(trick)]}:
                yield f"{count} callbacks of the kind '{trick}' were answered {status}"
    posted = sum(sum(counts.values()) for counts in answers.values())
    if posted != forged:
        yield f"{posted} of {forged} forged callbacks were posted"


def replays_counted(evidence: Evidence, webhook_id: str, answers: Answers) -> Iterator[str]:
    """Yield whether the true callback that was overheard is kept otherwise than once, with a count of its replays."""
    came = 1 + sum(answers.get(Trick.REPLAYED, {}).values())
    counts = [row.count for row in evidence.callbacks if row.webhook_id == webhook_id]
    if counts != [came]:
        yield f"a true callback came {came} times, and the counts of its rows are {counts}"


def kept(evidence: Evidence) -> int:
    """Count the callbacks that are kept and that Kling has not sent."""
    sent = {(answer.webhook_id, answer.digest) for answer in evidence.answers}
    return sum((row.webhook_id, row.digest) not in sent for row in evidence.callbacks)


def believed(evidence: Evidence) -> Iterator[str]:
    """Yield events that a forged callback has brought about."""
    for event in evidence.events:
        if any(file.url == ATTACKER_URL for output in event.job.outputs for file in output.files):
            yield f"event {event.id} bears the forger's file"


def unheard(evidence: Evidence, callbacks: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield true callbacks that were not taken, and jobs whose end was not found by one."""
    for posted in callbacks:
        if posted["answer"] != str(HTTPStatus.OK.value):
            yield f"a true callback of task {posted['id']} was answered {posted['answer']}"
    for job in evidence.jobs:
        if job.callback_missed:
            yield f"the end of job {job.id} was not found by its callback"
