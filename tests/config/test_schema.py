"""Editors are told by the JSON Schema what the daemon itself would say of a file."""

import re
import tomllib
from pathlib import Path
from typing import Annotated

import jsonschema_rs
import pydantic
import pytest

from kling_daemon.config import load
from kling_daemon.config.schema import config_schema
from kling_daemon.handlers import HandlerConfig

SHIPPED = Path(__file__).parents[2] / "config.toml"


class Target(pydantic.BaseModel):
    host: str


class Shipping(HandlerConfig):
    """What a shipper wants to know."""

    target: Target
    password: pydantic.SecretStr | None = None


class Unwritable(HandlerConfig):
    """A model that pydantic has no schema for."""

    call: Annotated[object, pydantic.PlainValidator(lambda value: value)]
    back: type[int] | None = None


SCHEMA = config_schema({"ship": Shipping, "odd": Unwritable})


def mistakes(text):
    return [error.message for error in jsonschema_rs.validator_for(SCHEMA).iter_errors(tomllib.loads(text))]


def test_it_is_a_schema_of_its_dialect():
    jsonschema_rs.meta.validate(SCHEMA)


def test_the_shipped_file_with_all_its_keys_is_valid():
    text = re.sub(r"^#(?=[a-z_\[])", "", SHIPPED.read_text(), flags=re.MULTILINE)
    assert mistakes(text.replace('type = "download"', 'type = "ship"\ntarget = { host = "h" }')) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[handlers.a]\ntype = "ship"\ntarget.host = "h"\npassword = { env = "P" }\nconcurrency = 2',
        '[handlers.hooks]\nenabled = false\nevents = ["notice"]',
        '[handlers.a]\ntype = "odd"\ncall = 1\nback = "x"',
        "[receiver]\nmax_body = 4096",
    ],
)  # fmt: skip
def test_what_is_right_is_valid(text):
    assert mistakes(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "[receivr]",
        "[poller]\ninterval = 15",
        '[trust]\nadopt = "everything"',
        '[kling]\napi_key = "literally"',
        '[kling]\napi_key = { file = "f", env = "e" }',
        '[handlers.a]\ntype = "shp"',
        '[handlers.a]\ntype = "ship"',
        '[handlers.a]\ntype = "ship"\ntarget = { host = 1 }',
        '[handlers.a]\ntype = "ship"\ntarget.host = "h"\ntarg = 1',
        '[handlers.a]\nevents = ["job.done"]',
        "[delivery]\nmax_attempts = 0",
    ],
)
def test_what_is_wrong_is_invalid_as_it_is_for_the_daemon(text, tmp_path):
    assert mistakes(text)
    if "handlers.a" not in text or "job.done" in text:  # the others are found once the plugins are known
        (tmp_path / "wrong.toml").write_text(text)
        assert load(tmp_path / "wrong.toml", {"HOME": str(tmp_path)}).problems


def test_defaults_are_told_as_they_are_written():
    poller, api = SCHEMA["$defs"]["PollerSettings"], SCHEMA["$defs"]["ApiSettings"]
    assert poller["properties"]["interval"]["default"] == "15s"
    assert api["properties"]["listen"]["default"] == "127.0.0.1:8766"


def test_a_plugins_own_keys_come_with_their_descriptions():
    sections = SCHEMA["properties"]["handlers"]["additionalProperties"]["anyOf"]
    (section,) = [each for each in sections if each["properties"].get("type") == {"const": "ship"}]
    assert section["description"] == "What a shipper wants to know."
    assert section["required"] == ["type", "target"]
