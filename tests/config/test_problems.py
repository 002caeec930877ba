from pathlib import Path

from kling_daemon.config import ConfigError, Problem


def test_an_error_names_the_file_and_every_mistake():
    problems = [Problem(path="a.b", message="is bad"), Problem(path="c", message="unknown key")]
    assert str(ConfigError(problems, Path("/etc/x.toml"))) == (
        "2 mistakes in the configuration (/etc/x.toml):\n  a.b: is bad\n  c: unknown key"
    )
    assert str(ConfigError(problems[:1])).startswith("1 mistake in the configuration (the environment)")


def test_a_problem_has_a_json_form():
    assert Problem(path="a", message="b").as_json() == {"path": "a", "message": "b"}
