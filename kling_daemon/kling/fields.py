"""Which fields the body of a create can have, as far as that is known.

Kling ignores a field that it does not know and bills the task all the same, so a misspelt or misplaced one is better
found before. It adds fields monthly: what is told here is a suspicion, and nobody is refused for it by the daemon.
"""

from collections.abc import Mapping
from typing import Any

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, endpoint_of
from kling_daemon.spelling import did_you_mean

OF_NEW = ("prompt", "contents", "settings", "options")
"""All that the body of the new generation has at its top, solutions included."""
OF_OPTIONS = ("callback_url", "external_task_id", "watermark_info")
"""All that its `options` have."""
_OF_NEW_ALONE = ("contents", "settings", "options")
_IN_THE_PATH = ("model", "model_name")


def strange_fields(path: str, body: Mapping[str, Any]) -> list[str]:
    """Return what Kling would ignore in a body, a phrase for each field; nothing for a path that is not listed."""
    endpoint = endpoint_of(path)
    if endpoint not in REGISTRY:
        return []
    if endpoint.generation is Generation.LEGACY:
        return [f"'{name}' is a field of Kling's new API; {path} ignores it" for name in _OF_NEW_ALONE if name in body]
    options = body.get("options")
    inner = [name for name in options if name not in OF_OPTIONS] if isinstance(options, Mapping) else []
    return [
        *(_stranger(name, endpoint.names_model) for name in body if name not in OF_NEW),
        *(f"Kling does not know 'options.{name}' and ignores it{did_you_mean(name, OF_OPTIONS)}" for name in inner),
    ]


def _stranger(name: str, names_model: bool) -> str:  # noqa: FBT001 - one flag, named where it is given
    said = f"Kling does not know '{name}' here and ignores it"
    if name in OF_OPTIONS:
        return f"{said}; it belongs into 'options'"
    if name in _IN_THE_PATH and names_model:
        return f"{said}; the model stands at the end of the path"
    return f"{said}{did_you_mean(name, OF_NEW)}"
