"""The path template: how a file's place is made from its job, without ever leaving the directory."""

import difflib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from kling_daemon_download.names import shorten

FIELDS = ("date", "job_id", "task_id", "external_id", "index", "ext", "type", "role", "model")
"""What may stand in braces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTemplate:
    """A validated template such as `{date}/{job_id}/{index}.{ext}`.

    It leads to a different place for each file: it holds `{index}`, which differs between the files of a job, and
    `{job_id}` or `{task_id}`, which differ between jobs.
    """

    components: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a template; ValueError says what is wrong with it."""
        *folders, name = components = tuple(text.split("/"))
        for component in components:
            _check_component(component, text)
        in_folders = {field for folder in folders for field in _fields(folder)}
        used = in_folders | set(_fields(name))
        if "ext" in in_folders:
            raise ValueError("{ext} is known only when the file is fetched: it may stand in the file's name alone")
        if "index" not in used:
            raise ValueError("needs {index}, else the files of one job overwrite each other")
        if not used & {"job_id", "task_id"}:
            raise ValueError("needs {job_id} or {task_id}, else jobs overwrite each other's files")
        return cls(components=components)

    def render(self, values: Mapping[str, str]) -> tuple[str, ...]:
        """Return the components of a path. The values must be safe names, one for each of FIELDS."""
        return tuple(shorten(component.format_map(values)) for component in self.components)


def _check_component(component: str, template: str) -> None:
    if not component:
        raise ValueError("must be relative, without empty parts" if template else "must not be empty")
    if component.startswith("."):
        raise ValueError(f"{component!r}: no part may begin with a dot")
    if not component.isprintable():
        raise ValueError(f"{component!r}: unprintable character")
    for field in _fields(component):
        if field not in FIELDS:
            near = difflib.get_close_matches(field, FIELDS, n=1)
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            hint = f"did you mean {{{near[0]}}}?" if near else f"there are {known}"
            raise ValueError(f"unknown field {{{field}}}; {hint}")


def _fields(component: str) -> list[str]:
    """Return the names in braces; ValueError for anything that is more than a name."""
    try:
        pieces = list(string.Formatter().parse(component))
    except ValueError as error:
        raise ValueError(f"{component!r}: {error}") from None
    for _, field, form, conversion in pieces:
        if form or conversion:
            raise ValueError(f"{component!r}: {{{field}}} takes no format")
    return [field for _, field, _, _ in pieces if field is not None]
