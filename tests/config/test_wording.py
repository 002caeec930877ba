from typing import Annotated, Literal

import pydantic
import pytest

from kling_daemon.config import problems_of
from kling_daemon.wording import dotted


class Inner(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    depth: int


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    directory: str
    count: Annotated[int, pydantic.Field(ge=1, lt=10)] = 1
    ratio: float = 0.5
    on: bool = True
    names: tuple[Annotated[str, pydantic.Field(min_length=2)], ...] = ()
    mode: Literal["a", "b"] = "a"
    inner: Inner = Inner(depth=1)
    table: dict[str, int] = pydantic.Field(default_factory=dict)
    aliased: int = pydantic.Field(default=1, alias="also")
    address: pydantic.HttpUrl | None = None


def told(values, **options):
    with pytest.raises(pydantic.ValidationError) as caught:
        Model.model_validate(values)
    return [str(problem) for problem in problems_of(caught.value, Model, **options)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "directory: is missing"),
        ({"directory": 3}, "directory: must be text in quotes"),
        ({"directory": "/", "count": "many"}, "count: must be a whole number"),
        ({"directory": "/", "count": 1.5}, "count: must be a whole number"),
        ({"directory": "/", "count": 0}, "count: must be at least 1"),
        ({"directory": "/", "count": 10}, "count: must be less than 10"),
        ({"directory": "/", "ratio": []}, "ratio: must be a number"),
        ({"directory": "/", "on": "perhaps"}, "on: must be true or false"),
        ({"directory": "/", "names": "x"}, 'names: must be a list such as ["one", "two"]'),
        ({"directory": "/", "names": ["ab", "x"]}, "names[1]: must be at least 2 characters long"),
        ({"directory": "/", "mode": "c"}, "mode: must be 'a' or 'b'"),
        ({"directory": "/", "inner": 3}, "inner: must be a table of keys"),
        ({"directory": "/", "inner": {"depht": 1}}, "inner.depht: unknown key; did you mean 'depth'?"),
        ({"directory": "/", "inner": {"depth": 1, "zzz": 1}}, "inner.zzz: unknown key"),
        ({"directory": "/", "table": {"x": "y"}}, "table.x: must be a whole number"),
        ({"directory": "/", "alsx": 1}, "alsx: unknown key; did you mean 'also'?"),
        ({"directory": "/", "directoryx": {}}, "directoryx: unknown section; did you mean 'directory'?"),
    ],
)
def test_each_mistake_is_told_in_plain_words(values, expected):
    assert told(values) == [expected]


def test_a_required_key_under_a_misspelt_name_is_one_mistake():
    assert told({"directorx": "/"}) == ["directorx: unknown key; did you mean 'directory'?"]


def test_what_has_no_words_of_ours_is_told_in_pydantic_s_without_the_value():
    [problem] = told({"directory": "/", "address": "https://me:hidden@"})
    assert problem.startswith("address: must be a valid URL")
    assert "hidden" not in problem


def test_keys_that_stand_beside_the_model_s_own_are_looked_through():
    assert told({"directory": "/", "timeoux": 3}, also_known=["timeout"]) == [
        "timeoux: unknown key; did you mean 'timeout'?"
    ]


def test_the_operator_s_own_names_are_used():
    assert told({}, name=lambda location: dotted(location, "handlers.x")) == ["handlers.x.directory: is missing"]
