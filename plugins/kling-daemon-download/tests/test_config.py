from pathlib import Path

import pytest

from kling_daemon.testing import ConfigError, make_event, run_handler
from kling_daemon_download import plugin
from kling_daemon_download.config import DownloadConfig


async def test_every_mistake_is_named_with_its_key_and_the_nearest_name():
    config = {
        "director": "/srv",
        "path": "{jobid}/{index}",
        "sidecar": "perhaps",
        "watermarked": None,
        "keep_free": "1 heap",
    }
    with pytest.raises(ConfigError) as caught:
        await run_handler(plugin, make_event(), config=config)
    text = str(caught.value)
    assert "handlers.tested.director: unknown key; did you mean 'directory'?" in text
    assert "handlers.tested.path: unknown field {jobid}; did you mean {job_id}?" in text
    assert "handlers.tested.sidecar: must be true or false" in text
    assert "handlers.tested.watermarked: must be true or false" in text
    assert 'handlers.tested.keep_free: must be a size such as "64 KiB", or a number of bytes' in text


def test_a_tilde_is_the_home_directory(monkeypatch):
    monkeypatch.setenv("HOME", "/home/kling")
    assert DownloadConfig.model_validate({"directory": "~/archive"}).directory == Path("/home/kling/archive")


def test_an_unknown_home_is_a_mistake_not_a_crash():
    with pytest.raises(ValueError, match="write the path out"):
        DownloadConfig.model_validate({"directory": "~nobody-of-that-name/archive"})


def test_the_readme_documents_every_key():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for key, field in DownloadConfig.model_fields.items():
        default = "required" if field.is_required() else str(field.default).lower()
        assert any(line.startswith(f"| `{key}` |") and default in line.lower() for line in readme.splitlines()), (
            f"{key} with its default {default}"
        )
