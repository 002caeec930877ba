import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from kling_daemon.api import TokenError, ensure_token


def test_the_first_start_makes_a_token_that_only_its_owner_reads(tmp_path):
    token = ensure_token(tmp_path)
    path = tmp_path / "api-token"
    assert len(token) >= 43
    assert path.read_text().strip() == token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["api-token"]


def test_every_later_start_keeps_it(tmp_path):
    assert ensure_token(tmp_path) == ensure_token(tmp_path)


def test_two_first_starts_agree_on_one_token(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(lambda _: ensure_token(tmp_path), range(16)))) == 1


def test_a_credential_is_used_instead_and_nothing_is_written(tmp_path):
    assert ensure_token(tmp_path, f" {'c' * 32}\n") == "c" * 32
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "credential", ["", "short", "two words of more than thirty-two characters", "ä" * 40, "x" * 513]
)
def test_a_credential_that_is_no_token_is_refused_without_being_shown(tmp_path, credential):
    with pytest.raises(TokenError, match="api_token must be one word") as refused:
        ensure_token(tmp_path, credential)
    assert not credential or credential not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"short\n", b"\xff" * 40])
def test_a_damaged_file_is_named_and_not_replaced(tmp_path, content):
    path = tmp_path / "api-token"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(TokenError, match="api-token"):
        ensure_token(tmp_path)
    assert path.read_bytes() == content


def test_a_file_that_everybody_can_read_is_refused(tmp_path):
    ensure_token(tmp_path)
    (tmp_path / "api-token").chmod(0o644)
    with pytest.raises(TokenError, match="can be read by everybody"):
        ensure_token(tmp_path)


def test_a_folder_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(TokenError, match="No such file"):
        ensure_token(tmp_path / "nowhere")
