"""How each sort of result is worded in both dialects: templates, filled with ids, names and addresses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kling_daemon.simulator.catalog import MAIN, WATERMARK
from kling_daemon.simulator.results import Result
from kling_daemon.simulator.templates import Number, filled

DURATION = "5.0"
DELETED = "deleted"
"""The status of a voice or element that was deleted; its task has succeeded all the same."""
_OWNER = "123456"


_FILE = {"url": "{main}", "watermark_url": "{watermark}"}
_SHOTS = {"url_1": "{1}", "url_2": "{2}", "url_3": "{3}"}
_INDEX = {"index": Number("{index}")}

NEW: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "video": {"type": "video", "id": "{id}", "url": "{main}", "duration": DURATION},
        "image": {"type": "image", **_FILE, "group_id": "1"},
        "try_on": {"type": "image", **_FILE},
        "series_image": {"type": "image", **_FILE, "group_id": "1"},
        "shots": {"type": "image", **_SHOTS, "group_id": "1"},
        "audio": {
            "type": "audio",
            "id": "{id}",
            "mp3_url": "{mp3}",
            "wav_url": "{wav}",
            "mp3_duration": DURATION,
            "wav_duration": DURATION,
        },
        "voice": {
            "type": "voice",
            "id": "{id}",
            "name": "{name}",
            "url": "{main}",
            "owned_by": _OWNER,
            "status": "{status}",
        },
        "element": {
            "type": "element",
            "id": "{id}",
            "name": "{name}",
            "description": "{description}",
            "element_type": "multi_image_elements",
            "references": [
                {"type": "image", "role": "frontal", "url": "{frontal}"},
                {"type": "image", "role": "refer", "url": "{side}"},
                {"type": "image", "role": "refer", "url": "{back}"},
                {
                    "type": "voice",
                    "role": "refer",
                    "url": "{voice}",
                    "id": "{id}",
                    "name": "{name}",
                    "owned_by": _OWNER,
                },
            ],
            "owned_by": _OWNER,
            "status": "{status}",
        },
        "product_image": {"type": "product_image", **_FILE},
        "model_images": {"type": "model_images", **_FILE},
        "product_video": {"type": "product_video", **_FILE},
        "subbed_video": {"type": "subbed_video", "url": "{main}", "duration": DURATION},
        "srt": {"type": "srt", "url": "{main}"},
        "ass": {"type": "ass", "url": "{main}"},
    }
)
"""What stands in `outputs`, by sort of result."""

LEGACY: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "video": {"id": "{id}", "url": "{main}", "duration": DURATION},
        "image": {**_INDEX, **_FILE},
        "series_image": {**_INDEX, **_FILE},
        "shots": {**_INDEX, **_SHOTS},
        "audio": {
            "id": "{id}",
            "url_mp3": "{mp3}",
            "url_wav": "{wav}",
            "duration_mp3": DURATION,
            "duration_wav": DURATION,
        },
        "speech": {"id": "{id}", "url": "{main}", "duration": DURATION},
        "voice": {"voice_id": "{id}", "voice_name": "{name}", "trial_url": "{main}", "owned_by": _OWNER},
        "element": {
            "element_id": Number("{id}"),
            "element_name": "{name}",
            "element_description": "{description}",
            "reference_type": "image_refer",
            "element_image_list": {
                "frontal_image": "{frontal}",
                "refer_images": [{"image_url": "{side}"}, {"image_url": "{back}"}],
            },
            "element_voice_info": {
                "voice_id": "{id}",
                "voice_name": "{name}",
                "trial_url": "{voice}",
                "owned_by": _OWNER,
            },
            "tag_list": [{"id": 1, "name": "o_102", "description": "person"}],
            "owned_by": _OWNER,
            "status": "{status}",
        },
    }
)
"""What stands in the lists of `task_result`, by sort of result."""


def worded(templates: Mapping[str, Mapping[str, Any]], result: Result, *, status: str) -> dict[str, Any]:
    """Return a result in a dialect's words. status: that of the job; voices and elements bear it too."""
    words = {
        "id": result.id,
        "index": str(result.index),
        "name": result.name,
        "description": result.description,
        "status": status,
        "main": result.urls.get(MAIN, ""),
        "watermark": result.urls.get(WATERMARK, ""),
        **result.urls,
    }
    entry: dict[str, Any] = filled(templates[result.sort], words)
    if WATERMARK in result.urls:
        entry["watermark_url"] = result.urls[WATERMARK]
    if status == DELETED:
        # A legacy voice bears no status otherwise.
        entry["status"] = DELETED
    return entry
