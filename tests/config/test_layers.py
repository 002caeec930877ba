from pathlib import Path

from kling_daemon.config.layers import Layer, implied, read_environment, set_by_environment


def test_variables_make_a_tree_and_lists_are_written_as_in_toml():
    tree, problems = read_environment(
        {
            "KLING_DAEMON_POLLER__INTERVAL": "30s",
            "KLING_DAEMON_HANDLERS__A__EVENTS": '["job.completed"]',
            "KLING_DAEMON_KLING__API_KEY": '{ env = "X" }',
            "KLING_DAEMON_RECEIVER__LISTEN": "[::1]:80",
            "OTHER": "x",
        }
    )
    assert not problems
    assert tree == {
        "poller": {"interval": "30s"},
        "handlers": {"a": {"events": ["job.completed"]}},
        "kling": {"api_key": {"env": "X"}},
        "receiver": {"listen": "[::1]:80"},
    }


def test_the_command_line_s_own_variables_are_no_settings():
    environ = {"KLING_DAEMON_URL": "x", "KLING_DAEMON_TOKEN": "y", "KLING_DAEMON_CONFIG": "z"}
    assert read_environment(environ) == ({}, [])


def test_a_variable_beside_the_table_around_it_is_a_mistake():
    tree, [problem] = read_environment({"KLING_DAEMON_POLLER": "x", "KLING_DAEMON_POLLER__INTERVAL": "30s"})
    assert tree == {"poller": "x"}
    assert str(problem) == (
        "KLING_DAEMON_POLLER__INTERVAL: cannot be set beside KLING_DAEMON_POLLER, which sets the table around it"
    )


def test_a_key_is_known_to_come_from_the_environment_at_and_around_its_variable():
    environ = {"KLING_DAEMON_HANDLERS__A__EVENTS": "[]"}
    assert set_by_environment(("handlers", "a", "events"), environ)
    assert set_by_environment(("handlers", "a", "events", "0"), environ)
    assert set_by_environment(("handlers", "a"), environ)
    assert not set_by_environment(("handlers", "b"), environ)
    assert not set_by_environment(("handlers", "a", "event"), environ)


def test_what_is_forgotten_leaves_the_rest():
    layer = Layer({"a": {"b": 1, "c": 2}, "d": 3})
    assert layer.forget(("a", "b"))
    assert not layer.forget(("a", "b"))
    assert not layer.forget(("x", "y"))
    assert layer.forget(("d", "e")), "what stands where a table should is in the way as a whole"
    assert layer() == {"a": {"c": 2}}


def test_the_state_folder_is_systemd_s_else_the_xdg_one():
    def directory(**environ):
        return implied(environ)["store"]["directory"]

    assert directory(STATE_DIRECTORY="/var/lib/kling-daemon:/var/lib/x", HOME="/h") == "/var/lib/kling-daemon"
    assert directory(XDG_STATE_HOME="/state", HOME="/h") == "/state/kling-daemon"
    assert directory(HOME="/h") == "/h/.local/state/kling-daemon"
    assert directory() == str(Path.home() / ".local/state/kling-daemon")
