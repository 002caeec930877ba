"""A create body for each path of Kling's that makes tasks, as its page shows one."""

from typing import Any

from kling_daemon.kling.endpoints import REGISTRY

_PICTURE, _VIDEO, _SOUND = "https://example.com/a.png", "https://example.com/a.mp4", "https://example.com/a.mp3"
_PROMPT = {"prompt": "a lighthouse"}
_CONTENTS = {"contents": [{"type": "image", "url": _PICTURE}]}

_BY_PATH: dict[str, dict[str, Any]] = {
    "/text-to-video": _PROMPT,
    "/solutions/drama_subtitle": {"contents": [{"type": "video", "url": _VIDEO}]},
    "/v1/videos/image2video": {"model_name": "kling-v2-6", "image": _PICTURE},
    "/v1/videos/multi-image2video": _PROMPT | {"image_list": [{"image": _PICTURE}]},
    "/v1/videos/motion-control": {"image_url": _PICTURE, "video_url": _VIDEO},
    "/v1/videos/video-extend": {"video_id": "820000000000000901"},
    "/v1/videos/multi-elements": _PROMPT | {"session_id": "930000000000000043"},
    "/v1/videos/advanced-lip-sync": {"session_id": "930000000000000043", "face_choose": [{"face_id": "0"}]},
    "/v1/videos/lip-sync": {"input": {"video_url": _VIDEO, "audio_url": _SOUND}},
    "/v1/videos/effects": {"effect_scene": "hug", "input": {"images": [_PICTURE, _PICTURE]}},
    "/v1/videos/avatar/image2video": {"image": _PICTURE, "sound_file": _SOUND},
    "/v1/audio/video-to-audio": {"video_url": _VIDEO},
    "/v1/images/multi-image2image": {"subject_image_list": [{"subject_image": _PICTURE}]},
    "/v1/images/editing/expand": {"image": _PICTURE},
    "/v1/images/kolors-virtual-try-on": {"human_image": _PICTURE, "cloth_image": _PICTURE},
    "/v1/general/ai-multi-shot": {"element_frontal_image": _PICTURE},
    "/v1/general/custom-voices": {"voice_name": "narrator", "voice_url": _SOUND},
    "/v1/general/advanced-custom-elements": {
        "element_name": "Zhang",
        "element_description": "d",
        "reference_type": "image_refer",
        "element_image_list": {"frontal_image": _PICTURE, "refer_images": [{"image_url": _PICTURE}]},
    },
}

BODIES: dict[str, dict[str, Any]] = {
    endpoint.path + (f"/{endpoint.models[0]}" if endpoint.names_model else ""): _BY_PATH.get(
        endpoint.path, _PROMPT if endpoint.path.startswith("/v1/") else _CONTENTS
    )
    for endpoint in REGISTRY
}
"""By path, with the model where it names one."""
