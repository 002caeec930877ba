"""How the simulated Kling puts a job into words: both dialects, as answers and as callbacks."""

from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.jobs import Generation, JobState
from kling_daemon.simulator.results import Result, results_of
from kling_daemon.simulator.simulated_jobs import SimulatedJob

_DURATION = "5.0"
_FREE = {"quota": "0", "list_price": "0"}


def created(job: SimulatedJob) -> dict[str, Any]:
    """Return the `data` of a create's answer."""
    if job.order.endpoint.generation is Generation.NEW:
        return _new_head(job)
    return {
        "task_id": job.id,
        "task_status": "submitted",
        "task_info": _task_info(job),
        "created_at": to_millis(job.created_at),
        "updated_at": to_millis(job.updated_at),
    }


def queried(job: SimulatedJob) -> dict[str, Any]:
    """Return an entry of `GET /tasks`: the new dialect, whatever generation created the job."""
    entry = _new_head(job) | {"outputs": [_output(job, result) for result in results_of(job)]}
    if job.state.is_terminal:
        entry["billing"] = [_bill(job)]
    return entry


def legacy_queried(job: SimulatedJob) -> dict[str, Any]:
    """Return the `data` of a legacy query. As seen live a video's answer lacks what it cost; an image's has it."""
    entry = _legacy(job)
    if job.order.images:
        entry["watermark_info"] = {"enabled": job.order.watermark}
        if job.state is JobState.SUCCEEDED:
            entry |= _legacy_cost(job)
    return entry


def legacy_listed(job: SimulatedJob) -> dict[str, Any]:
    """Return an entry of a legacy list."""
    entry = _legacy(job) | {"watermark_info": {"enabled": job.order.watermark}}
    return entry | (_legacy_cost(job) if job.state is JobState.SUCCEEDED else {})


def called_back(job: SimulatedJob) -> dict[str, Any]:
    """Return the body of the callback about a job's present state, flat, in the dialect of its generation."""
    if job.order.endpoint.generation is Generation.NEW:
        body = queried(job)
        return body | {"outputs": [{"watermark_url": "", **output} for output in body["outputs"]]}
    return _legacy(job) | (_legacy_cost(job) if job.state is JobState.SUCCEEDED else {})


def _new_head(job: SimulatedJob) -> dict[str, Any]:
    head: dict[str, Any] = {
        "id": job.id,
        "status": str(job.state),
        "message": job.message,
        "create_time": to_millis(job.created_at),
        "update_time": to_millis(job.updated_at),
    }
    if job.order.external_id is not None:
        head["external_id"] = job.order.external_id
    return head


def _output(job: SimulatedJob, result: Result) -> dict[str, Any]:
    if job.order.images:
        return {"type": "image", "url": result.url, "watermark_url": result.watermark_url or "", "group_id": "1"}
    video = {"type": "video", "id": result.id, "url": result.url, "duration": _DURATION}
    return video if result.watermark_url is None else video | {"watermark_url": result.watermark_url}


def _bill(job: SimulatedJob) -> dict[str, str]:
    if not job.units:
        return {"amount": "0"}
    return {"charge_type": "unit", "amount": str(job.units), "package_type": job.order.endpoint.kind}


def _legacy(job: SimulatedJob) -> dict[str, Any]:
    return {
        "task_id": job.id,
        "task_status": "succeed" if job.state is JobState.SUCCEEDED else str(job.state),
        "task_status_msg": job.message,
        "task_info": _task_info(job),
        "task_result": _task_result(job),
        "created_at": to_millis(job.created_at),
        "updated_at": to_millis(job.updated_at),
    }


def _task_info(job: SimulatedJob) -> dict[str, Any]:
    return {} if job.order.external_id is None else {"external_task_id": job.order.external_id}


def _task_result(job: SimulatedJob) -> dict[str, Any]:
    results = results_of(job)
    if not results:
        return {}
    if job.order.images:
        return {
            "images": [
                {"index": index, "url": result.url, "watermark_url": result.watermark_url or ""}
                for index, result in enumerate(results)
            ]
        }
    return {"videos": [_legacy_video(result) for result in results]}


def _legacy_video(result: Result) -> dict[str, Any]:
    video = {"id": result.id, "url": result.url, "duration": _DURATION}
    return video if result.watermark_url is None else video | {"watermark_url": result.watermark_url}


def _legacy_cost(job: SimulatedJob) -> dict[str, Any]:
    return {"final_unit_deduction": str(job.units), "final_balance_deduction": dict(_FREE)}
