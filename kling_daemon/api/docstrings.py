"""What the source says of each field of a model and each member of an enum: the text that stands below it."""

import ast
import inspect
import re
import textwrap

_WORDS = {"None": "null", "True": "true", "False": "false"}


def field_docstrings(model: type) -> dict[str, str]:
    """Return the texts below a class's fields or members, by name, those of its bases included; in words of JSON.

    Only for making the document: reading sources takes longer than a command line may take to start.
    """
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if cls.__module__.startswith(__name__.partition(".")[0]):
            found |= _of_class(cls)
    return found


def _of_class(cls: type) -> dict[str, str]:
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    except (OSError, TypeError):  # made while the program runs, as a generic model's parts are
        return {}
    if not isinstance(tree, ast.ClassDef):
        return {}
    return {
        name: in_words_of_json(inspect.cleandoc(second.value.value))
        for first, second in zip(tree.body, tree.body[1:], strict=False)
        if (name := _name(first)) is not None
        if isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant)
        if isinstance(second.value.value, str)
    }


def in_words_of_json(text: str) -> str:
    """Return a docstring as it is told to readers of JSON."""
    return re.sub(r"\b(None|True|False)\b", lambda found: _WORDS[found[0]], text)


def _name(statement: ast.stmt) -> str | None:
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None
