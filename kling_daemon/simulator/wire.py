"""How the simulated Kling puts a job into words: both dialects, as answers and as callbacks."""

from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.jobs import Generation, JobState
from kling_daemon.kling.endpoints import Kind
from kling_daemon.simulator.catalog import SORTS, product_of
from kling_daemon.simulator.entries import DELETED, LEGACY, NEW, worded
from kling_daemon.simulator.results import results_of
from kling_daemon.simulator.simulated_jobs import SimulatedJob

_FREE = {"quota": "0", "list_price": "0"}
_SUCCESS = "succeed"


def created(job: SimulatedJob) -> dict[str, Any]:
    """Return the `data` of a create's answer."""
    if job.order.endpoint.generation is Generation.NEW:
        return _new_head(job)
    return {
        "task_id": job.id,
        "task_status": "submitted",
        "task_info": _external_id(job),
        "created_at": to_millis(job.created_at),
        "updated_at": to_millis(job.updated_at),
    }


def queried(job: SimulatedJob) -> dict[str, Any]:
    """Return an entry of `GET /tasks` or `GET /solutions`: the new dialect, whatever generation created the job."""
    status = DELETED if job.is_deleted else str(job.state)
    outputs = [worded(NEW, result, status=status) for result in results_of(job)]
    entry = _new_head(job) | {"outputs": outputs}
    if job.state.is_terminal:
        entry["billing"] = [_bill(job)]
    return entry


def legacy_queried(job: SimulatedJob) -> dict[str, Any]:
    """Return the `data` of a legacy query.

    As seen live a video's answer lacks what it cost. An image's has it in full, all others' the units alone.
    """
    entry = _legacy(job)
    kind, has_succeeded = job.order.endpoint.kind, job.state is JobState.SUCCEEDED
    if job.order.sorts[0] == "image":
        entry["watermark_info"] = {"enabled": job.order.watermark}
        return entry | (_legacy_cost(job) if has_succeeded else {})
    return entry | ({"final_unit_deduction": str(job.units)} if has_succeeded and kind is not Kind.VIDEO else {})


def legacy_listed(job: SimulatedJob) -> dict[str, Any]:
    """Return an entry of a legacy list."""
    entry = _legacy(job) | {"watermark_info": {"enabled": job.order.watermark}}
    return entry | (_legacy_cost(job) if job.state is JobState.SUCCEEDED else {})


def called_back(job: SimulatedJob) -> dict[str, Any]:
    """Return the body of the callback about a job's present state, flat, in the dialect of its generation."""
    if job.order.endpoint.generation is Generation.LEGACY:
        return _legacy(job) | (_legacy_cost(job) if job.state is JobState.SUCCEEDED else {})
    body = queried(job)
    for output in body["outputs"]:
        if output["type"] == "video":
            output.setdefault("watermark_url", "")
    return body


def _new_head(job: SimulatedJob) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": job.id,
        "status": job.word,
        "message": job.message,
        "create_time": to_millis(job.created_at),
        "update_time": to_millis(job.updated_at),
    }
    if job.order.external_id is not None:
        head["external_id"] = job.order.external_id
    return head


def _bill(job: SimulatedJob) -> dict[str, str]:
    if job.cash:
        amount = str(job.cash)
        return {
            "charge_type": "cash",
            "cash_type": "balance",
            "amount": amount,
            "currency": "USD",
            "list_price": amount,
        }
    if not job.units:
        return {"amount": "0"}
    package = product_of(job.order.endpoint).price.package
    bill = {"charge_type": "unit", "amount": str(job.units)}
    return bill | {"package_type": package} if package else bill


def _legacy(job: SimulatedJob) -> dict[str, Any]:
    return {
        "task_id": job.id,
        "task_status": _SUCCESS if job.state is JobState.SUCCEEDED else job.word,
        "task_status_msg": job.message,
        "task_info": _task_info(job),
        "task_result": _task_result(job),
        "created_at": to_millis(job.created_at),
        "updated_at": to_millis(job.updated_at),
    }


def _external_id(job: SimulatedJob) -> dict[str, Any]:
    return {} if job.order.external_id is None else {"external_task_id": job.order.external_id}


def _task_info(job: SimulatedJob) -> dict[str, Any]:
    parent = job.order.parent_video
    return _external_id(job) | ({} if parent is None else {"parent_video": dict(parent)})


def _task_result(job: SimulatedJob) -> dict[str, Any]:
    lists: dict[str, Any] = {}
    for result in results_of(job):
        entry = worded(LEGACY, result, status=DELETED if job.is_deleted else _SUCCESS)
        lists.setdefault(SORTS[result.sort].legacy_list, []).append(entry)
    return lists


def _legacy_cost(job: SimulatedJob) -> dict[str, Any]:
    return {"final_unit_deduction": str(job.units), "final_balance_deduction": dict(_FREE)}
