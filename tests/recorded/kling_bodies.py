"""The bodies in `tests/fixtures/kling`, which is data only: captured from Kling, or assembled after its pages."""

import json
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "fixtures" / "kling"

NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
ERRORS = [name for name in NAMES if name.startswith("err_")]
NO_TASKS = ["account_costs", "legacy_identify_face_sync"]
"""Answers that speak of no task."""
SIGNATURES = ["new_callback_signature_rotation_headers", "new_callback_signature_vector"]
"""Headers and a wrapped body, for the signature's tests."""
SEVERAL = ["legacy_list_videos", "new_tasks_get_batch_mixed", "new_tasks_cursor_page", "new_tasks_get_empty"]
"""Lists of any number of tasks."""
SINGLE = [name for name in NAMES if name not in {*ERRORS, *NO_TASKS, *SIGNATURES, *SEVERAL}]
"""Bodies that speak of exactly one task."""


def raw(name):
    return (FOLDER / f"{name}.json").read_bytes()


def parsed(name):
    return json.loads(raw(name))
