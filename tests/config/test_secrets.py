import pytest
from fakes.unprivileged import unprivileged

from kling_daemon.config.secrets import SecretError, one_line, resolve

SECRET = "sk-very-secret"


def secret_file(folder, *, mode=0o600, content=SECRET + "\n"):
    path = folder / "secret"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def test_a_private_file_and_a_variable_yield_their_line(tmp_path):
    tree = {"a": {"file": str(secret_file(tmp_path))}, "deep": {"b": {"env": "X"}}, "c": 1}
    resolved, missing = resolve(tree, {"X": f" {SECRET} "})
    assert not missing
    assert resolved["a"].get_secret_value() == resolved["deep"]["b"].get_secret_value() == SECRET
    assert resolved["c"] == 1
    assert SECRET not in repr(resolved)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o620])
def test_a_file_that_others_may_open_is_refused_with_the_remedy(tmp_path, mode):
    path = secret_file(tmp_path, mode=mode)
    resolved, missing = resolve({"a": {"b": {"file": str(path)}}}, {})
    assert resolved == {"a": {}}
    assert missing == [(("a", "b"), f"{path} may be opened by others (mode {mode:04o}); run: chmod 600 {path}")]


def test_a_credential_of_systemd_may_look_as_if_its_group_could_read_it(tmp_path):
    path = secret_file(tmp_path, mode=0o440)
    resolved, missing = resolve({"a": {"file": str(path)}}, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert not missing
    assert resolved["a"].get_secret_value() == SECRET


@pytest.mark.parametrize("content", [b"", b" \n", b"one\ntwo", b"\xff\xfe", b"a\x00b", b"x" * 100_000])
def test_a_file_that_holds_no_secret_is_refused_without_showing_it(tmp_path, content):
    path = secret_file(tmp_path, content=content)
    _, [(key, message)] = resolve({"a": {"file": str(path)}}, {})
    assert key == ("a",)
    assert str(path) in message
    assert "two" not in message


def test_what_is_not_there_is_named(tmp_path):
    missing_file, folder = tmp_path / "none", tmp_path
    tree = {"a": {"file": str(missing_file)}, "b": {"env": "NONE"}, "c": {"file": str(folder)}}
    _, missing = resolve(tree, {})
    assert dict(missing) == {
        ("a",): f"cannot read {missing_file}: No such file or directory",
        ("b",): "the environment variable NONE is not set",
        ("c",): f"cannot read {folder}: Is a directory",
    }


def test_other_tables_are_left_alone():
    tree = {"a": {"file": "x", "env": "y"}, "b": {"file": 3}, "c": {}, "d": {"file": "x", "mode": 1}}
    assert resolve(tree, {}) == (tree, [])


def test_a_secret_is_one_printable_line():
    assert one_line("  abc \n", "x").get_secret_value() == "abc"
    with pytest.raises(SecretError, match="x holds more than one line"):
        one_line("a\nb", "x")


def test_a_file_of_another_user_is_told_as_such(tmp_path):
    path = secret_file(tmp_path, mode=0)
    with unprivileged():
        _, [(_, message)] = resolve({"a": {"file": str(path)}}, {})
    assert message == f"cannot read {path}: permission denied; it must belong to the user that the daemon runs as"
