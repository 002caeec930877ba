"""Which paths of Kling's create tasks, and how each one's tasks are created, found and counted: data, not code.

The source is Kling's published pages. They change monthly, so a path that is not listed works by its shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kling_daemon.jobs import Generation

LEGACY_PREFIX = "/v1/"
TASKS = "/tasks"
"""Where the new API tells of tasks, its own and legacy ones, but for those of the solutions."""
SOLUTIONS = "/solutions"
"""Where it tells of those."""
SOLUTIONS_PREFIX = f"{SOLUTIONS}/"
"""The family of the new generation whose paths name a product and no model."""


class Kind(StrEnum):
    """What an endpoint's tasks yield; also whose concurrency limit and package they count against."""

    VIDEO = "video"
    """A video, with or without subtitles."""
    IMAGE = "image"
    """One image or several."""
    AUDIO = "audio"
    """A sound or speech, or a video that got one."""
    VOICE = "voice"
    """A voice that later jobs refer to by its id."""
    ELEMENT = "element"
    """A character or thing that later jobs refer to by its id."""
    PRODUCT = "product"
    """Pictures and videos of goods, for shops."""
    OTHER = "other"
    """What no listed task yields: a finding that a later create refers to, or nobody knows yet."""


class Slots(StrEnum):
    """How many places under the account's concurrency limit a task takes, from `submitted` to its end."""

    ONE = "1"
    """One, whatever is asked for."""
    EACH_IMAGE = "n"
    """As many as images are asked for with `n`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One path that creates tasks, or that answers a create at once."""

    path: str
    """The path without the host; for the new generation up to and without the model."""
    generation: Generation
    kind: Kind
    models: tuple[str, ...] = ()
    """The models known to stand at the end of the path; others are sent all the same."""
    inputs: tuple[str, ...] = ()
    """The fields of the body that hold media: URLs, or base64 where Kling takes that. `a[].b` is `b` of each in `a`."""
    slots: Slots | None = None
    """How its tasks count against the concurrency limit; None where Kling does not say."""
    is_synchronous: bool = False
    """The create is answered with the result: there is no task to follow."""
    takes_external_id: bool = True
    """The create takes an id of the caller's own."""
    has_external_id: bool = True
    """Kling can be asked for a task by that id; else it is looked for on a list, which cannot prove its absence."""

    @property
    def callback_field(self) -> tuple[str, ...]:
        """Where in the body the callback URL belongs; elsewhere Kling ignores it silently and bills the task."""
        return ("callback_url",) if self.generation is Generation.LEGACY else ("options", "callback_url")

    @property
    def external_id_field(self) -> tuple[str, ...]:
        """Where in the body the caller's own id belongs."""
        return ("external_task_id",) if self.generation is Generation.LEGACY else ("options", "external_task_id")

    @property
    def is_solution(self) -> bool:
        """It is of the family `/solutions/…`."""
        return self.path.startswith(SOLUTIONS_PREFIX)

    @property
    def names_model(self) -> bool:
        """A create's path ends with the model."""
        return self.generation is Generation.NEW and not self.is_solution

    @property
    def is_known_to_tasks(self) -> bool:
        """`GET /tasks` answers for its tasks; for legacy ones with an API key only."""
        return not self.is_synchronous and not self.is_solution

    @property
    def query(self) -> str | None:
        """How a single task is asked for, `{id}` standing for Kling's id; None where there is no task."""
        if self.is_synchronous:
            return None
        if self.generation is Generation.LEGACY:
            return f"{self.path}/{{id}}"
        return f"{SOLUTIONS if self.is_solution else TASKS}?task_ids={{id}}"


def _new(path: str, *models: str) -> Endpoint:
    return Endpoint(
        path=path,
        generation=Generation.NEW,
        kind=Kind.VIDEO,
        models=models,
        inputs=("contents[]",),
        slots=Slots.ONE,
    )


def _solution(name: str, kind: Kind, slots: Slots | None) -> Endpoint:
    return Endpoint(
        path=SOLUTIONS_PREFIX + name,
        generation=Generation.NEW,
        kind=kind,
        inputs=("contents[]",),
        slots=slots,
    )


def _legacy(
    name: str,
    kind: Kind,
    *inputs: str,
    slots: Slots | None = None,
    takes_external_id: bool = True,
    has_external_id: bool = True,
) -> Endpoint:
    return Endpoint(
        path=LEGACY_PREFIX + name,
        generation=Generation.LEGACY,
        kind=kind,
        inputs=inputs,
        slots=slots or _SLOTS.get(kind),
        takes_external_id=takes_external_id,
        has_external_id=takes_external_id and has_external_id,
    )


def _synchronous(name: str, kind: Kind, *inputs: str) -> Endpoint:
    return Endpoint(
        path=LEGACY_PREFIX + name,
        generation=Generation.LEGACY,
        kind=kind,
        inputs=inputs,
        is_synchronous=True,
        takes_external_id=False,
        has_external_id=False,
    )


_SLOTS = {Kind.VIDEO: Slots.ONE, Kind.IMAGE: Slots.EACH_IMAGE}
_OF_VIDEO = ("kling-3.0-turbo", "kling-3.0", "kling-2.6", "kling-2.5-turbo")

REGISTRY: tuple[Endpoint, ...] = (
    _new("/text-to-video", *_OF_VIDEO),
    _new("/image-to-video", *_OF_VIDEO),
    _new("/omni-video", "kling-3.0-omni", "kling-o1"),
    _new("/motion-control", "kling-3.0", "kling-2.6"),
    _solution("e-commerce/clothing_dupe", Kind.PRODUCT, None),
    _solution("e-commerce/goods_studio", Kind.PRODUCT, None),
    _solution("talking_agent", Kind.VIDEO, Slots.ONE),
    _solution("drama_subtitle", Kind.VIDEO, Slots.ONE),
    _solution("virtual_try_on", Kind.IMAGE, Slots.ONE),
    _legacy("videos/text2video", Kind.VIDEO),
    _legacy("videos/image2video", Kind.VIDEO, "image", "image_tail", "static_mask", "dynamic_masks[].mask"),
    _legacy("videos/multi-image2video", Kind.VIDEO, "image_list[].image"),  # reported retired
    _legacy("videos/omni-video", Kind.VIDEO, "image_list[].image_url", "video_list[].video_url"),
    _legacy("videos/motion-control", Kind.VIDEO, "image_url", "video_url"),
    _legacy("videos/video-extend", Kind.VIDEO),
    _legacy("videos/multi-elements", Kind.VIDEO, "image_list[].image"),
    _legacy("videos/advanced-lip-sync", Kind.VIDEO, "face_choose[].sound_file", has_external_id=False),
    _legacy("videos/lip-sync", Kind.VIDEO, "input.video_url", "input.audio_url", "input.audio_file"),
    _legacy("videos/effects", Kind.VIDEO, "input.image", "input.images[]"),
    _legacy("videos/avatar/image2video", Kind.VIDEO, "image", "sound_file"),
    _legacy("audio/text-to-audio", Kind.AUDIO),
    _legacy("audio/video-to-audio", Kind.AUDIO, "video_url"),
    _legacy("images/generations", Kind.IMAGE, "image"),
    _legacy("images/omni-image", Kind.IMAGE, "image_list[].image"),
    _legacy("images/multi-image2image", Kind.IMAGE, "subject_image_list[].subject_image", "scene_image", "style_image"),
    _legacy("images/editing/expand", Kind.IMAGE, "image"),
    _legacy(
        "images/kolors-virtual-try-on",
        Kind.IMAGE,
        "human_image",
        "cloth_image",
        slots=Slots.ONE,
        takes_external_id=False,
    ),
    _legacy("general/ai-multi-shot", Kind.IMAGE, "element_frontal_image"),
    _legacy("general/custom-voices", Kind.VOICE, "voice_url"),
    _legacy(
        "general/advanced-custom-elements",
        Kind.ELEMENT,
        "element_image_list.frontal_image",
        "element_image_list.refer_images[].image_url",
        "element_video_list.refer_videos[].video_url",
    ),
)
"""The endpoints that make tasks."""

LEGACY_PATHS = tuple(endpoint.path for endpoint in REGISTRY if endpoint.generation is Generation.LEGACY)
"""Where legacy tasks are created, asked for and listed, product by product."""

SYNCHRONOUS: tuple[Endpoint, ...] = (
    _synchronous("audio/tts", Kind.AUDIO),
    _synchronous("videos/identify-face", Kind.OTHER, "video_url"),
    _synchronous("videos/image-recognize", Kind.OTHER, "image"),
    _synchronous("videos/multi-elements/init-selection", Kind.OTHER, "video_url"),
    _synchronous("videos/multi-elements/add-selection", Kind.OTHER),
    _synchronous("videos/multi-elements/delete-selection", Kind.OTHER),
    _synchronous("videos/multi-elements/clear-selection", Kind.OTHER),
    _synchronous("videos/multi-elements/preview-selection", Kind.OTHER),
)
"""The endpoints that make none: they answer at once."""

_LEGACY_ROOMS = {"videos": Kind.VIDEO, "images": Kind.IMAGE, "audio": Kind.AUDIO}
_LAST_WORDS = {"image": Kind.IMAGE, "audio": Kind.AUDIO}


def endpoint_of(path: str) -> Endpoint:
    """Return what is known of a create path; an unknown one is told by its shape, for Kling adds paths monthly."""
    family = path.rpartition("/")[0]
    for endpoint in (*REGISTRY, *SYNCHRONOUS):
        if endpoint.path == path or (endpoint.path == family and endpoint.names_model):
            return endpoint
    return _by_shape(path)


def _by_shape(path: str) -> Endpoint:
    if path.startswith(SOLUTIONS_PREFIX):
        return _solution(path.removeprefix(SOLUTIONS_PREFIX), Kind.OTHER, None)
    _, first, *rest = [*path.split("/"), "", ""]
    if path.startswith(LEGACY_PREFIX):
        generation, kind = Generation.LEGACY, _LEGACY_ROOMS.get(rest[0], Kind.OTHER)
    else:
        generation, kind = Generation.NEW, _LAST_WORDS.get(first.rpartition("-")[2], Kind.VIDEO)
    return Endpoint(path=path, generation=generation, kind=kind, slots=_SLOTS.get(kind))


def model_of(path: str, body: Mapping[str, Any]) -> str | None:
    """Return the model that a create asks for: in the path of the new generation, in the body of the legacy one.

    None where neither names one; `/solutions/…` never does.
    """
    if endpoint_of(path).generation is Generation.NEW:
        family, _, name = path.rpartition("/")
        return name if name and family and not path.startswith(SOLUTIONS_PREFIX) else None
    model = body.get("model_name") or body.get("model")
    return model if isinstance(model, str) else None


def with_field(body: Mapping[str, Any], field: tuple[str, ...], value: str) -> dict[str, Any]:
    """Return a copy of a create body with a value set at a (nested) field."""
    head, *rest = field
    if not rest:
        return {**body, head: value}
    inner = body.get(head)
    return {**body, head: with_field(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)}


def field_of(body: Mapping[str, Any], field: tuple[str, ...]) -> str | None:
    """Return the text at a (nested) field of a create body; None where there is none, or an empty one."""
    value: Any = body
    for key in field:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value else None
