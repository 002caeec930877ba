import json
import tomllib

import jsonschema_rs


def test_the_schema_knows_the_installed_plugins(typed):
    result = typed("config", "schema")
    assert result.exit_code == 0, result.output
    validator = jsonschema_rs.validator_for(json.loads(result.stdout))
    assert validator.is_valid(tomllib.loads('[handlers.archive]\ntype = "download"\ndirectory = "/srv/videos"'))
    assert not validator.is_valid(tomllib.loads('[handlers.archive]\ntype = "download"'))


def test_it_needs_no_sound_configuration(typed, tmp_path):
    (tmp_path / "config.toml").write_text("= nothing")
    assert typed("config", "schema", env={"KLING_DAEMON_CONFIG": str(tmp_path / "config.toml")}).exit_code == 0
    assert typed("config", "schema", "--no-such-option").exit_code == 2
