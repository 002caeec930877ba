"""docs/endpoints.md lists every endpoint that is known with what the daemon knows of it, and no other."""

import re
from pathlib import Path

import pytest

from kling_daemon.jobs import Generation
from kling_daemon.kling.endpoints import REGISTRY, SYNCHRONOUS

TEXT = (Path(__file__).parents[2] / "docs" / "endpoints.md").read_text()
ALL = [*REGISTRY, *SYNCHRONOUS]
FAMILIES = {
    "The new generation": lambda endpoint: endpoint.names_model,
    "Solutions": lambda endpoint: endpoint.is_solution,
    "The legacy generation": lambda endpoint: endpoint.generation is Generation.LEGACY and not endpoint.is_synchronous,
    "Answered at once": lambda endpoint: endpoint.is_synchronous,
}


def code(*words):
    return ", ".join(f"`{word}`" for word in words) or "none"


def row(endpoint):
    path = f"{endpoint.path}/{{model}}" if endpoint.names_model else endpoint.path
    cells = [code(path), str(endpoint.kind), code(*endpoint.inputs)]
    if not endpoint.is_synchronous:
        look_up = "found by it" if endpoint.has_external_id else "taken" if endpoint.takes_external_id else "none"
        slots = f"`{endpoint.slots}`" if endpoint.slots == "n" else endpoint.slots or "?"
        cells += [slots, look_up]
    if endpoint.names_model:
        cells += [code(*endpoint.models)]
    return f"| {' | '.join(cells)} |"


def section(name):
    (text,) = re.findall(rf"^## {name}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    return text


def rows(text):
    return [line for line in text.splitlines() if line.startswith("| `/")]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_familys_table_is_what_the_code_says(name):
    assert rows(section(name)) == [row(endpoint) for endpoint in ALL if FAMILIES[name](endpoint)]


@pytest.mark.parametrize("endpoint", ALL, ids=lambda endpoint: endpoint.path)
def test_every_endpoint_is_in_one_family(endpoint):
    assert [belongs(endpoint) for belongs in FAMILIES.values()].count(True) == 1


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "Answered at once"])
def test_each_family_says_where_its_fields_go_and_how_it_is_asked(name):
    for endpoint in filter(FAMILIES[name], REGISTRY):
        for fact in (".".join(endpoint.callback_field), ".".join(endpoint.external_id_field)):
            assert f"`{fact}`" in section(name)
        assert f"`GET {endpoint.query.replace(endpoint.path, '{path}')}`" in section(name)
