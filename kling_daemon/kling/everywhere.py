"""Asks for tasks at every place that may know them, so that one which none knows is unknown to the account."""

from collections.abc import Mapping

from kling_daemon.jobs import Generation, Job
from kling_daemon.kling.answers import Answers, merge
from kling_daemon.kling.client import KlingClient
from kling_daemon.kling.errors import KlingError


def has_own_query(job: Job) -> bool:
    """Return True for a job that can be asked for at the path that made it."""
    return job.generation is Generation.LEGACY and job.endpoint is not None


def is_asked_everywhere(job: Job) -> bool:
    """Return True for a job that is asked for wherever Kling may know it.

    Not so a legacy job of which nobody has said what path made it.
    """
    return job.endpoint is not None or job.generation is Generation.NEW


async def query_everywhere(client: KlingClient, jobs: Mapping[str, Job]) -> Answers:
    """Ask for the jobs of these task ids; a legacy one that `/tasks` does not know at its own path, too."""
    endpoints = {task_id: job.endpoint for task_id, job in jobs.items() if job.endpoint is not None}
    answers = await client.query(list(jobs), endpoints)
    again = [task_id for task_id in answers.unknown_ids if has_own_query(jobs[task_id])]
    if not client.opens_new_generation or not again:
        return answers
    settled = Answers(
        reports=answers.reports,
        unknown_ids=answers.unknown_ids.difference(again),
        unanswered_ids=answers.unanswered_ids,
        errors=answers.errors,
    )
    return merge([settled, *[await _ask_one(client, endpoints[task_id], task_id) for task_id in again]])


async def _ask_one(client: KlingClient, path: str, task_id: str) -> Answers:
    try:
        report = await client.query_one(path, task_id)
    except KlingError as error:
        return Answers(unanswered_ids=frozenset({task_id}), errors=(error,))
    return Answers(unknown_ids=frozenset({task_id})) if report is None else Answers(reports=(report,))
