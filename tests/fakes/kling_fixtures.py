"""Kling's own JSON, as it was captured, published or assembled (see `tests/fixtures/kling/INDEX.md`)."""

import json
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent.parent / "fixtures" / "kling"


def fixture(name: str) -> Any:
    """Return a fixture's JSON."""
    return json.loads((FIXTURES / f"{name}.json").read_text())


def shape(value: Any) -> Any:
    """Return types instead of values, through and through."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value).__name__
