"""What a create must bring to be taken: for each endpoint the fields of which one has to be filled."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import Endpoint
from kling_daemon.simulator.refusals import RefusalError

_NEW = ("prompt", "contents", "image", "image_tail")
_LEGACY = ("prompt",)
_VIDEO = (("video_id", "video_url"),)

NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "/v1/videos/image2video": (("image", "image_tail"),),
        "/v1/videos/multi-image2video": (("image_list",),),
        "/v1/videos/omni-video": (("prompt", "multi_prompt", "image_list", "video_list", "element_list"),),
        "/v1/videos/motion-control": (("image_url", "element_list"), ("video_url",)),
        "/v1/videos/video-extend": (("video_id",),),
        "/v1/videos/multi-elements": (("session_id",),),
        "/v1/videos/advanced-lip-sync": (("session_id",), ("face_choose",)),
        "/v1/videos/lip-sync": (("input",),),
        "/v1/videos/effects": (("effect_scene",), ("input",)),
        "/v1/videos/avatar/image2video": (("image",),),
        "/v1/audio/tts": (("text",), ("voice_id",)),
        "/v1/videos/identify-face": _VIDEO,
        "/v1/videos/image-recognize": (("image",),),
        "/v1/videos/multi-elements/init-selection": _VIDEO,
        "/v1/videos/multi-elements/add-selection": (("session_id",), ("points",)),
        "/v1/videos/multi-elements/delete-selection": (("session_id",), ("points",)),
        "/v1/videos/multi-elements/clear-selection": (("session_id",),),
        "/v1/videos/multi-elements/preview-selection": (("session_id",),),
        "/v1/general/delete-voices": (("voice_id",),),
        "/v1/general/delete-elements": (("element_id",),),
        "/v1/general/delete-advanced-elements": (("element_id",),),
        "/v1/audio/video-to-audio": _VIDEO,
        "/v1/images/omni-image": (("prompt",),),
        "/v1/images/multi-image2image": (("subject_image_list",),),
        "/v1/images/editing/expand": (("image",),),
        "/v1/images/kolors-virtual-try-on": (("human_image",),),
        "/v1/general/ai-multi-shot": (("element_frontal_image",),),
        "/v1/general/custom-voices": (("voice_name",), ("voice_url", "video_id")),
        "/v1/general/advanced-custom-elements": (("element_name",),),
    }
)
"""By path: of each group one field at least. A path that is not named needs a prompt, or, in the new generation, one of
`prompt` and `contents` or a picture."""


def check_needs(endpoint: Endpoint, body: Mapping[str, Any]) -> None:
    """Pass a body that brings what its endpoint needs; RefusalError 1201 names the fields otherwise."""
    usual = _LEGACY if endpoint.generation is Generation.LEGACY else _NEW
    for group in NEEDS.get(endpoint.path, (usual,)):
        if not any(map(_is_filled, (body.get(name) for name in group))):
            raise RefusalError(1201, _missing(group))


def _is_filled(value: Any) -> bool:
    return bool(value.strip() if isinstance(value, str) else value)


def _missing(group: tuple[str, ...]) -> str:
    if len(group) == 1:
        return f"{group[0]} cannot be empty"
    return f"{', '.join(group[:-1])} and {group[-1]} cannot be empty at the same time"
