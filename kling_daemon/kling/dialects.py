"""Reads what Kling says about a task, in whichever of its dialects, as a report.

Legacy objects have `task_id`, `task_status`, `task_result`; new ones `id`, `status`, `outputs`. Both come flat or in an
envelope `{code, message, data}`, and third-party gateways mix their words. So each fact is looked for under all its
names; an optional field of a wrong type counts as missing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from kling_daemon.jobs import FailureReason, Generation, JobState
from kling_daemon.kling.bodies import Flaw, UnreadableError
from kling_daemon.kling.costs import read_cost
from kling_daemon.kling.endpoints import endpoint_of
from kling_daemon.kling.results import read_outputs
from kling_daemon.kling.scalars import read_identifier, read_label, read_message, read_moment
from kling_daemon.kling.statuses import reason_of, state_of
from kling_daemon.reports import Report, Source

_MAX_ENVELOPES = 3
_LEGACY_KEYS = frozenset({"task_id", "task_status", "task_result"})
_MAX_WORD = 64


def read_task(
    data: Any,
    *,
    source: Source,
    received_at: datetime,
    endpoint: str | None = None,
) -> Report:
    """Return what a parsed JSON value says about one task.

    data: a callback's body, an answer to a create or a query, or one entry of a list; flat or enveloped, `data` also as
    a list of one. endpoint: the path that created the task, where that is known. A status word that we do not know
    gives a report whose state is None and that bears the word.

    Raises UnreadableError when there is no object with a plausible id and a status word, and nothing else whatever the
    JSON.
    """
    task, task_id, word = _find_task(data)
    get = task.get
    state = state_of(word)
    message = read_message(get("task_status_msg")) or read_message(get("message"))
    updated_at = read_moment(get("updated_at")) or read_moment(get("update_time"))
    outputs = read_outputs(task, updated_at)
    return Report(
        task_id=task_id,
        external_id=_read_external_id(task),
        generation=_generation_of(task, endpoint),
        state=state,
        reason=_reason_of(state, word, message),
        message=message,
        outputs=outputs,
        cost=read_cost(task, outputs),
        created_at=read_moment(get("created_at")) or read_moment(get("create_time")),
        updated_at=updated_at,
        received_at=received_at,
        source=source,
        endpoint=endpoint,
        strange_word="" if state is not None else _shown(word),
    )


def task_id_of(data: Any) -> str | None:
    """Return the id in a flat task object that may otherwise be unreadable; None when it has no plausible one."""
    return _task_id_in(data) if isinstance(data, dict) else None


def entries_of(answer: Mapping[str, Any]) -> list[Any]:
    """Return the unread tasks of an answer to a batch query or list; none where `data` is missing or null.

    Raises UnreadableError when `data` is neither a list, nor a cursor page, nor one task.
    """
    data = answer.get("data")
    if isinstance(data, dict):
        data = data.get("result", [data])
    if data is None:
        return []
    if not isinstance(data, list):
        raise UnreadableError(Flaw.NOT_AN_OBJECT)
    return data


def _shown(word: str) -> str:
    """Return a word that may be anything as it can be shown; never empty."""
    return read_message(word[:_MAX_WORD]) or "(unprintable)"


def _find_task(data: Any) -> tuple[dict[str, Any], str, str]:
    """Return the task object within up to three envelopes, with its id and its status word."""
    if not isinstance(data, dict):
        raise UnreadableError(Flaw.NOT_AN_OBJECT)
    for _ in range(_MAX_ENVELOPES + 1):
        task_id, word = _task_id_in(data), _status_in(data)
        if task_id is not None and word is not None:
            return data, task_id, word
        inner = data.get("data")
        if isinstance(inner, list):
            if len(inner) > 1:
                raise UnreadableError(Flaw.SEVERAL_TASKS)
            inner = inner[0] if inner else None
        if not isinstance(inner, dict):
            break
        data = inner
    raise UnreadableError(Flaw.NO_TASK_ID if task_id is None else Flaw.NO_STATUS)


def _task_id_in(task: dict[str, Any]) -> str | None:
    return read_identifier(task.get("task_id")) or read_identifier(task.get("id"))


def _status_in(task: dict[str, Any]) -> str | None:
    word = task.get("task_status")
    if not isinstance(word, str) or not word:
        word = task.get("status")
    return word if isinstance(word, str) and word else None


def _read_external_id(task: dict[str, Any]) -> str | None:
    given = read_label(task.get("external_id")) or read_label(task.get("external_task_id"))
    if given is not None:
        return given
    info = task.get("task_info")
    return read_label(info.get("external_task_id")) if isinstance(info, dict) else None


def _generation_of(task: dict[str, Any], endpoint: str | None) -> Generation:
    """Return the generation of the endpoint, else the one whose words the object uses."""
    if endpoint is not None:
        return endpoint_of(endpoint).generation
    return Generation.NEW if _LEGACY_KEYS.isdisjoint(task) else Generation.LEGACY


def _reason_of(state: JobState | None, word: str, message: str) -> FailureReason | None:
    return reason_of(word, message) if state is JobState.FAILED else None
