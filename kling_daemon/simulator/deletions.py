"""Where voices and elements are deleted at the simulated Kling, and what it answers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kling_daemon.kling.endpoints import Kind, endpoint_of
from kling_daemon.simulator.accounts import Account
from kling_daemon.simulator.needs import check_needs
from kling_daemon.simulator.refusals import RefusalError

DELETIONS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        "/v1/general/delete-voices": (Kind.VOICE, "voice_id"),
        "/v1/general/delete-elements": (Kind.ELEMENT, "element_id"),
        "/v1/general/delete-advanced-elements": (Kind.ELEMENT, "element_id"),
    }
)
"""By path, what is deleted there and the field that names it. Of elements Kling's pages name both paths."""


def delete(account: Account, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Delete what a body names and return the answer's `data`. RefusalError 1201 when there is no such thing.

    Its job has succeeded for all that; only the result's own status tells.
    """
    kind, field = DELETIONS[path]
    check_needs(endpoint_of(path), body)
    job = account.delete(kind, str(body[field]))
    if job is None:
        raise RefusalError(1201, f"{field} {body[field]} does not exist")
    return {"task_id": job.id, "task_status": "succeed"}
