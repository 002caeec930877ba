"""Writes the document of the local API anew: `python -m kling_daemon.api`, or `make openapi`."""

from pathlib import Path

from kling_daemon.api.application import declared_routes
from kling_daemon.api.description import DOCUMENT
from kling_daemon.api.document import as_text, describe

if __name__ == "__main__":
    Path(__file__).with_name(DOCUMENT).write_text(as_text(describe(declared_routes())), encoding="utf-8")
