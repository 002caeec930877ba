import pytest

from kling_daemon.config import load


@pytest.mark.parametrize("kept", ["34d", "0s", "1h"])
def test_what_kling_may_still_speak_of_cannot_be_forgotten(tmp_path, kept):
    (tmp_path / "config.toml").write_text(f'[store]\nretention = "{kept}"\n')
    (problem,) = load(tmp_path / "config.toml", {"HOME": "/home/someone"}).problems
    assert "store.retention" in str(problem)
    assert "35d or more" in str(problem)
