"""What a create asks for: read from its path and body, or refused in Kling's words."""

import json
from collections.abc import Mapping
from typing import Any

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import Endpoint, endpoint_of, model_of
from kling_daemon.simulator.refusals import RefusalError
from kling_daemon.simulator.simulated_jobs import Order

MAX_IMAGES = 9
_INPUTS = ("prompt", "contents", "image", "image_tail")
WISHED_REFUSAL = "[simulate: refused]"
"""What a prompt may contain so that its create is refused by content security (400/1301)."""


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a body holds. RefusalError 1201 for anything else."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise RefusalError(1201, "Request body is not valid JSON") from None
    if not isinstance(body, dict):
        raise RefusalError(1201, "Request body must be a JSON object")
    return body


def read_order(path: str, body: Mapping[str, Any], host: str) -> Order:
    """Return what a create asks for. RefusalError 1201 when that is missing or of a wrong type.

    Unknown fields are ignored, and so is a callback URL or an external id in the other generation's place: silently,
    as Kling does it.
    """
    endpoint = endpoint_of(path)
    prompt = _input(endpoint, body)
    if WISHED_REFUSAL in prompt:
        raise RefusalError(1301)
    return Order(
        endpoint=endpoint,
        path=path,
        model=model_of(path, body),
        prompt=prompt,
        external_id=_text(body, endpoint.external_id_field),
        callback_url=_text(body, endpoint.callback_field),
        images=_images(body) if endpoint.kind == "image" else 0,
        watermark=_watermark(endpoint, body),
        host=host,
    )


def _input(endpoint: Endpoint, body: Mapping[str, Any]) -> str:
    """Return the text that the job is about, empty when it is about pictures alone."""
    prompt = body.get("prompt", "")
    if not isinstance(prompt, str):
        raise RefusalError(1201, "prompt must be a string")
    if endpoint.path.endswith("/image2video"):
        if not (body.get("image") or body.get("image_tail")):
            raise RefusalError(1201, "image and image_tail cannot be empty at the same time")
    elif endpoint.generation is Generation.LEGACY:
        if not prompt.strip():
            raise RefusalError(1201, "prompt cannot be empty")
    elif not any(body.get(name) for name in _INPUTS):
        raise RefusalError(1201, "prompt and contents cannot be empty at the same time")
    return prompt or json.dumps(body.get("contents", ""))


def _text(body: Mapping[str, Any], field: tuple[str, ...]) -> str | None:
    """Return the text at a (nested) field, None when it is absent, null or empty."""
    value: Any = body
    for name in field:
        value = value.get(name) if isinstance(value, Mapping) else None
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RefusalError(1201, f"{field[-1]} must be a string")
    return value


def _images(body: Mapping[str, Any]) -> int:
    wanted = body.get("n", 1)
    if type(wanted) is not int or not 1 <= wanted <= MAX_IMAGES:
        raise RefusalError(1201, f"n must be an integer from 1 to {MAX_IMAGES}")
    return wanted


def _watermark(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    place = body if endpoint.generation is Generation.LEGACY else body.get("options")
    info = place.get("watermark_info") if isinstance(place, Mapping) else None
    return isinstance(info, Mapping) and info.get("enabled") is True
