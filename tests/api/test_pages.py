import json
import re

import aiohttp
from fakes.local_api import local_api

from kling_daemon.api.description import read_document
from kling_daemon.api.pages import docs_page

DOCUMENT = json.loads(read_document())


async def test_the_page_is_served_without_a_token_and_may_load_nothing(tmp_path):
    async with local_api(tmp_path) as api, aiohttp.ClientSession() as session:
        answer = await session.get(f"{api.target.url}/docs")
        html = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<link|<img|<iframe|@import|url\(|https?://|\son\w+=", html)


def test_it_tells_of_everything_that_the_document_tells_of():
    html = docs_page(read_document()).html
    anchors = set(re.findall(r' id="(\w+)"', html))
    for path, methods in DOCUMENT["paths"].items():
        assert f">{path}</span>" in html
        for operation in methods.values():
            assert operation["operationId"] in anchors
            for parameter in operation.get("parameters", []):
                assert f"<code>{parameter['name']}</code>" in html
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert name in anchors
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in html
    assert set(re.findall(r'href="#(\w+)"', html)) <= anchors


def test_what_the_document_says_is_text_and_not_markup():
    document = DOCUMENT | {"info": DOCUMENT["info"] | {"description": "<b>`<i>`</b>"}}
    html = docs_page(json.dumps(document)).html
    assert "&lt;b&gt;<code>&lt;i&gt;</code>&lt;/b&gt;" in html
