"""What the simulated Kling answers at once, without a task: the result itself, by the path that it is asked at."""

from base64 import b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kling_daemon.clock import to_millis
from kling_daemon.simulator.entries import DURATION
from kling_daemon.simulator.files.media import png
from kling_daemon.simulator.results import results_of
from kling_daemon.simulator.simulated_jobs import SimulatedJob
from kling_daemon.simulator.templates import Number, filled

_EDGES = [64, 64]
_EMPTY_MASK = "PP4"
"""The run lengths, in COCO's letters, of a mask of 64 by 64 points that covers none."""
_COST = {"final_unit_deduction": "{units}"}
_FULL_COST = _COST | {"final_balance_deduction": {"quota": "0", "list_price": "0"}}
_SESSION = {"status": 0, "session_id": "{session}", **_FULL_COST}
_SELECTED = _SESSION | {
    "res": {
        "frame_index": Number("{frame}"),
        "rle_mask_list": [
            {
                "object_id": 0,
                "rle_mask": {"size": _EDGES, "counts": _EMPTY_MASK},
                "png_mask": {"size": _EDGES, "base64": "{mask}"},
            }
        ],
    }
}
_SECONDS = 5
_FPS = 30

ANSWERS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "/v1/audio/tts": {
            "task_id": "{id}",
            "task_status": "succeed",
            "task_status_msg": "",
            "task_result": {"audios": [{"id": "{result}", "url": "{url}", "duration": DURATION}]},
            **_COST,
            "created_at": Number("{time}"),
            "updated_at": Number("{time}"),
        },
        "/v1/videos/identify-face": {
            "session_id": "{id}",
            **_COST,
            "face_data": [{"face_id": "0", "face_image": "{url}", "start_time": 0, "end_time": _SECONDS * 1_000}],
        },
        "/v1/videos/image-recognize": {
            "task_result": {
                "images": [
                    {"type": f"{part}_seg", "is_contain": True, "url": f"{{{part}}}"}
                    for part in ("object", "head", "face", "cloth")
                ]
            },
            **_FULL_COST,
        },
        "/v1/videos/multi-elements/init-selection": {
            "status": 0,
            "session_id": "{id}",
            **_FULL_COST,
            "fps": float(_FPS),
            "original_duration": _SECONDS * 1_000,
            "width": 256,
            "height": 144,
            "total_frame": _SECONDS * _FPS,
            "normalized_video": "{url}",
        },
        "/v1/videos/multi-elements/add-selection": _SELECTED,
        "/v1/videos/multi-elements/delete-selection": _SELECTED,
        "/v1/videos/multi-elements/clear-selection": _SESSION,
        "/v1/videos/multi-elements/preview-selection": _SESSION
        | {"res": {"video": "{url}", "video_cover": "{cover}", "tracking_output": "{masks}"}},
    }
)
"""The `data` of each answer, as Kling's pages show them."""


def answered_at_once(job: SimulatedJob, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `data` of the answer to a body, which was carried out as a job that no query knows.

    A selection's session is believed whatever it is: the simulator keeps none.
    """
    frame = body.get("frame_index", 0)
    words = {
        "id": job.id,
        "units": str(job.units),
        "time": str(to_millis(job.created_at)),
        "session": str(body.get("session_id", "")),
        "frame": str(frame if type(frame) is int else 0),
        "mask": b64encode(png(job.id)).decode(),
    }
    for result in results_of(job):
        words |= {role or "url": url for role, url in result.urls.items()} | {"result": result.id}
    answer: dict[str, Any] = filled(ANSWERS[job.order.path], words)
    return answer
