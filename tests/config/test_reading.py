from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_daemon.config import ConfigError, Problem, TcpAddress, load

HOME = {"HOME": "/home/someone"}


@pytest.fixture
def read(tmp_path):
    def read(text, **environ):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load(path, {**HOME, **environ})

    return read


def told(loaded):
    return sorted(str(problem) for problem in loaded.problems)


def test_without_a_file_there_are_defaults_that_work():
    settings = load(None, HOME).settings_or_raise()
    assert settings.receiver.listen == TcpAddress(host="127.0.0.1", port=8765)
    assert settings.poller.interval == timedelta(seconds=15)
    assert settings.store.directory == Path("/home/someone/.local/state/kling-daemon")
    assert settings.handlers == {}


def test_the_file_is_read_and_the_environment_overrides_it(read):
    loaded = read('[poller]\ninterval = "1m"\nmax_interval = "2m"\n', KLING_DAEMON_POLLER__INTERVAL="90s")
    settings = loaded.settings_or_raise()
    assert settings.poller.interval == timedelta(seconds=90)
    assert settings.poller.max_interval == timedelta(minutes=2)


def test_text_from_the_environment_is_read_as_what_the_key_is(read):
    settings = read(
        "",
        KLING_DAEMON_TRUST__REQUIRE_SIGNATURE="true",
        KLING_DAEMON_DELIVERY__MAX_ATTEMPTS="3",
        KLING_DAEMON_DELIVERY__RATE="0.5",
        KLING_WEBHOOK_SECRETS="whsec_eA",
    ).settings_or_raise()
    assert settings.trust.require_signature is True
    assert settings.delivery.max_attempts == 3
    assert settings.delivery.rate == 0.5


def test_all_mistakes_are_told_at_once_with_the_nearest_name(read):
    loaded = read(
        """
        [kling]
        base_url = "ftp://x"
        [poller]
        intervalx = "5s"
        max_interval = 5
        [trust]
        adopt = "cald"
        require_signature = "perhaps"
        [delivry]
        [delivery]
        max_attempts = 0
        concurrency = "many"
        [handlers.archive]
        type = "download"
        events = ["job.complete"]
        depends_on = "x"
        [handlers."../x"]
        """,
        KLING_DAEMON_API__LISTN="x",
        KLING_DAEMON_STORRE__DIRECTORY="/x",
        KLING_DAEMON_RECEIVER__PATH="webhooks",
        KLING_DAEMON_FOO="1",
    )
    assert told(loaded) == [
        "KLING_DAEMON_API__LISTN: unknown key; did you mean 'listen'?",
        "KLING_DAEMON_FOO: unknown key",
        'KLING_DAEMON_RECEIVER__PATH: must be a path such as "/webhooks/kling", with no "/" at its end',
        "KLING_DAEMON_STORRE: unknown section; did you mean 'store'?",
        "delivery.concurrency: must be a whole number",
        "delivery.max_attempts: must be at least 1",
        "delivry: unknown section; did you mean 'delivery'?",
        "handlers.../x: a handler's name is made of letters, digits, '_', '-' and '.', and begins with no sign",
        'handlers.archive.depends_on: must be a list such as ["one", "two"]',
        "handlers.archive.events: 'job.complete' is no event; did you mean 'job.completed'?",
        'kling.base_url: must be a URL that begins with "https://" or "http://"',
        "poller.intervalx: unknown key; did you mean 'interval'?",
        'poller.max_interval: must be a duration such as "15s", "5m", "1h30m" or "250ms"',
        "trust.adopt: must be 'called', 'all' or 'none'",
        "trust.require_signature: must be true or false",
    ]


def test_with_mistakes_the_rest_is_still_there_to_find_more_of_them(read):
    loaded = read('[poller]\nx = 1\n[handlers.archive]\ntype = "download"\ntimeout = 5\ndirectorx = "/x"\n')
    assert loaded.settings.handlers["archive"].type == "download"
    assert loaded.settings.handlers["archive"].own == {"directorx": "/x"}
    more = [Problem(path="handlers.archive.directorx", message="unknown key; did you mean 'directory'?")]
    with pytest.raises(ConfigError) as caught:
        loaded.settings_or_raise(more)
    assert [problem.path for problem in caught.value.problems] == [
        "poller.x",
        "handlers.archive.timeout",
        "handlers.archive.directorx",
    ]


def test_a_section_that_is_no_table_is_a_mistake(read):
    assert told(read("poller = 5\nhandlers = []\n[handlers_]\n")) == [
        "handlers: must be a table of keys",
        "handlers_: unknown section; did you mean 'handlers'?",
        "poller: must be a table of keys",
    ]


def test_a_literal_secret_is_refused_and_never_shown(read):
    loaded = read(
        '[kling]\napi_key = "sk-leak"\n[trust]\nsecrets.a = "whsec_leak"\nsecrets.b = { fil = "whsec_leak" }\n',
        KLING_DAEMON_TRUST__SECRETS__C="whsec_leak",
    )
    assert {problem.path for problem in loaded.problems} == {
        "kling.api_key",
        "KLING_DAEMON_TRUST__SECRETS__C",
        "trust.secrets.a",
        "trust.secrets.b",
    }
    with pytest.raises(ConfigError) as caught:
        loaded.settings_or_raise()
    assert "leak" not in str(caught.value) + repr(caught.value) + repr(loaded)
    assert all("must not stand here itself" in problem.message for problem in loaded.problems)


def test_secrets_are_found_and_never_shown(read, tmp_path):
    (tmp_path / "key").write_text("sk-hidden\n")
    (tmp_path / "key").chmod(0o600)
    loaded = read(
        f'[kling]\napi_key = {{ file = "{tmp_path}/key" }}\n[trust]\nsecrets.main = {{ env = "HOOK" }}\n',
        HOOK="whsec_hidden",
        KLING_WEBHOOK_SECRETS="old:whsec_hidden2 main:whsec_hidden3",
        KLING_API_KEY="sk-hidden2",
    )
    settings = loaded.settings_or_raise()
    assert settings.kling.api_key.get_secret_value() == "sk-hidden"
    secrets = {name: secret.get_secret_value() for name, secret in settings.trust.secrets.items()}
    assert secrets == {"main": "whsec_hidden", "old": "whsec_hidden2"}
    assert "hidden" not in repr(loaded) + str(settings) + settings.model_dump_json()


def test_a_secret_that_is_not_there_is_told_where_it_was_named(read):
    loaded = read(
        '[trust]\nrequire_signature = true\nsecrets.main = { env = "NONE" }\n',
        KLING_DAEMON_KLING__API_KEY='{ file = "/nonexistent" }',
    )
    assert told(loaded) == [
        "KLING_DAEMON_KLING__API_KEY: cannot read /nonexistent: No such file or directory",
        "trust.secrets.main: the environment variable NONE is not set",
    ]


def test_toml_that_cannot_be_read_is_told_with_its_line(read):
    loaded = read("[kling]\nbase_url = \n", KLING_DAEMON_FOO="x")
    assert loaded.settings is None
    [problem] = loaded.problems
    assert problem.path.endswith("config.toml")
    assert problem.message.startswith("is not TOML: ")
    assert "line 2" in problem.message


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    [problem] = load(tmp_path, HOME).problems
    assert problem.message == "cannot be read: Is a directory"
    (tmp_path / "x").write_bytes(b"\xff")
    [problem] = load(tmp_path / "x", HOME).problems
    assert problem.message == "is not text in UTF-8"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abcfile_", min_size=1), inner, max_size=3),
    max_leaves=6,
)


@given(
    section=st.sampled_from(
        ["kling", "receiver", "trust", "poller", "store", "delivery", "api", "log", "handlers", "x"]
    ),
    key=st.sampled_from(["listen", "path", "secrets", "interval", "directory", "rate", "api_key", "confirm", "a"]),
    text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0")) | VALUES.map(str),
)
def test_no_variable_whatever_it_holds_raises(section, key, text):
    loaded = load(None, {**HOME, f"KLING_DAEMON_{section}__{key}".upper(): text})
    assert loaded.settings is not None
    assert all(problem.path and problem.message for problem in loaded.problems)
