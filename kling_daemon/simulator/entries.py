"""How each sort of result is worded in both dialects: templates, filled with ids, names and addresses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kling_daemon.simulator.catalog import MAIN, WATERMARK
from kling_daemon.simulator.results import Result

DURATION = "5.0"
_OWNER = "123456"


class _Number(str):
    """A template of what is a number in the JSON."""

    __slots__ = ()


_FILE = {"url": "{main}", "watermark_url": "{watermark}"}
_SHOTS = {"url_1": "{1}", "url_2": "{2}", "url_3": "{3}"}
_INDEX = {"index": _Number("{index}")}

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
            "element_id": _Number("{id}"),
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
    entry: dict[str, Any] = _filled(templates[result.sort], words)
    if WATERMARK in result.urls:
        entry["watermark_url"] = result.urls[WATERMARK]
    return entry


def _filled(template: Any, words: Mapping[str, str]) -> Any:
    if isinstance(template, _Number):
        return int(words[template[1:-1]])
    if isinstance(template, str):
        # Only a whole field is one: what stands between others would be a place for a name to be misread.
        return words[template[1:-1]] if template.startswith("{") else template
    if isinstance(template, Mapping):
        return {key: _filled(value, words) for key, value in template.items()}
    return [_filled(value, words) for value in template] if isinstance(template, list) else template
