"""What a create asks for: read from its path and body, or refused in Kling's words."""

import json
import re
from collections.abc import Mapping
from typing import Any

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import Endpoint, Slots, endpoint_of, model_of
from kling_daemon.simulator.catalog import product_of
from kling_daemon.simulator.needs import check_needs
from kling_daemon.simulator.refusals import SERVICE_ERRORS, RefusalError
from kling_daemon.simulator.simulated_jobs import Order

MAX_IMAGES = 9
WISHED_REFUSAL = "[simulate: refused]"
"""What a prompt may contain so that its create is refused by content security (400/1301)."""
_WISHED_CODE = re.compile(r"\[simulate: (\d{4})\]")
"""The same for any of Kling's codes."""

_PARENT_DURATION = "5.0"
_LONGEST_TEXT = 10_000
"""What is longer is no text that a person wrote, but a picture as base64."""


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
    if not isinstance(body.get("prompt", ""), str):
        raise RefusalError(1201, "prompt must be a string")
    check_needs(endpoint, body)
    text = _text_of(body)
    _check_wishes(text)
    return Order(
        endpoint=endpoint,
        path=path,
        model=model_of(path, body),
        prompt=text,
        external_id=_text(body, endpoint.external_id_field) if endpoint.takes_external_id else None,
        callback_url=_text(body, endpoint.callback_field),
        sorts=_sorts(endpoint, body),
        watermark=_watermark(endpoint, body),
        host=host,
        name=_text(body, ("voice_name",)) or _text(body, ("element_name",)) or "",
        description=_text(body, ("element_description",)) or "",
        parent_video=_parent_video(body) if "audio" in product_of(endpoint).sorts else None,
    )


def _text_of(body: Mapping[str, Any]) -> str:
    """Return all that a person may have written into a create, where a wish may stand."""
    texts = [value for value in body.values() if isinstance(value, str) and len(value) <= _LONGEST_TEXT]
    contents = body.get("contents")
    return " ".join([*texts, json.dumps(contents)] if contents else texts)


def _check_wishes(text: str) -> None:
    if WISHED_REFUSAL in text:
        raise RefusalError(1301)
    wish = _WISHED_CODE.search(text)
    if wish is not None and int(wish[1]) in SERVICE_ERRORS:
        raise RefusalError(int(wish[1]))


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


def _sorts(endpoint: Endpoint, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the sort of each result that is wanted."""
    sorts = product_of(endpoint).sorts
    if endpoint.slots is not Slots.EACH_IMAGE:
        return sorts
    if body.get("result_type") == "series":
        return ("series_image",) * _images(body, "series_amount")
    return sorts * _images(body, "n")


def _images(body: Mapping[str, Any], name: str) -> int:
    wanted = body.get(name, 1)
    if type(wanted) is not int or not 1 <= wanted <= MAX_IMAGES:
        raise RefusalError(1201, f"{name} must be an integer from 1 to {MAX_IMAGES}")
    return wanted


def _watermark(endpoint: Endpoint, body: Mapping[str, Any]) -> bool:
    place = body if endpoint.generation is Generation.LEGACY else body.get("options")
    info = place.get("watermark_info") if isinstance(place, Mapping) else None
    return isinstance(info, Mapping) and info.get("enabled") is True


def _parent_video(body: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the earlier video that a sound is made for; None when there is none."""
    id_, url = _text(body, ("video_id",)) or "", _text(body, ("video_url",)) or ""
    return {"id": id_, "url": url, "duration": _PARENT_DURATION} if id_ or url else None
