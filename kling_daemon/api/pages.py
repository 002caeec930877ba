"""The page that shows the local API to people, made of its document; it fetches nothing from anywhere."""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DocsPage:
    """The page, and what a browser may do with it."""

    html: str
    policy: str
    """The Content-Security-Policy: no script, and no style but the page's own."""


@cache
def docs_page(text: str) -> DocsPage:
    """Return the page of an OpenAPI document; the first time takes a tenth of a second, and so belongs in a thread."""
    import jinja2  # not before somebody wants to see the page

    templates = files("kling_daemon.api") / "templates"
    style = (templates / "docs.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True)
    template = environment.from_string((templates / "docs.html.j2").read_text(encoding="utf-8"))
    document = json.loads(text)
    html = template.render(**document, parts=_by_tag(document), style=style)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rest = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"
    return DocsPage(html=html, policy=policy)


def _by_tag(document: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the operations by what they are about, in the order of the document."""
    parts: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.setdefault(operation["tags"][0], []).append({**operation, "path": path, "method": method})
    return parts
