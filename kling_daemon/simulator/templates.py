"""JSON with fields that are filled later: `{name}` as a whole text stands for what is called so."""

from collections.abc import Mapping
from typing import Any


class Number(str):
    """A field whose value is a whole number in the JSON."""

    __slots__ = ()


def filled(template: Any, words: Mapping[str, str]) -> Any:
    """Return a copy of a template with its fields filled. LookupError for a field of which there is no word."""
    if isinstance(template, Number):
        return int(words[template[1:-1]])
    if isinstance(template, str):
        # Only a whole text is a field: among other letters, a name with braces in it would be misread.
        return words[template[1:-1]] if template.startswith("{") else template
    if isinstance(template, Mapping):
        return {key: filled(value, words) for key, value in template.items()}
    return [filled(value, words) for value in template] if isinstance(template, list) else template
