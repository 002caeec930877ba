from kling_daemon.spelling import did_you_mean


def test_only_a_near_name_is_suggested():
    assert did_you_mean("directorx", ["directory", "delay"]) == "; did you mean 'directory'?"
    assert did_you_mean("Interval", ["interval"]) == "; did you mean 'interval'?"
    assert did_you_mean("zzz", ["directory"]) == ""
