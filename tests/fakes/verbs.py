"""Every verb of the command line: how it is typed, what it prints with `--json`, and how it comes to its exit codes.

Words in braces are things that the test's daemon has: `{job}` has ended, `{queued}` has not been sent, `{dead}` is a
delivery, `{old}` a token, `{nowhere}` a file that is not there.
"""

from dataclasses import dataclass, field

import pydantic

from kling_daemon.cli import local_answers as local
from kling_daemon.client import models

Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One verb."""

    words: Words
    """Typed so, it exits with 0."""
    prints: type[pydantic.BaseModel] | None
    """The model of what `--json` prints; None where there is no `--json`."""
    codes: dict[int, Words] = field(default_factory=dict)
    """Typed so, it exits with that code, besides those that are tested in the same way for every verb."""
    elsewhere: dict[int, str] = field(default_factory=dict)
    """Where an exit code is tested that takes more than typing: file and test."""
    json_elsewhere: str | None = None
    """Where what `--json` prints is tested, if that takes more than typing."""
    needs_daemon: bool = True


def local_verb(*words: str, prints: type[pydantic.BaseModel] | None, **more: object) -> Verb:
    """Return a verb that asks no daemon."""
    return Verb(words=words, prints=prints, needs_daemon=False, **more)


UNSOUND = ("--config", "{unsound}")

VERBS = {
    "run": local_verb(
        "run",
        prints=None,
        codes={78: ("run", *UNSOUND)},
        elsewhere={
            0: "test_run.py::test_a_daemon_runs_is_talked_to_and_stops_on_sigterm",
            1: "test_run.py::test_a_port_in_use_is_one_clear_line",
        },
    ),
    "demo": local_verb(
        "demo",
        prints=local.DemoModel,
        elsewhere={
            0: "test_demo.py::test_it_succeeds_and_leaves_the_results_and_nothing_else",
            1: "test_demo.py::test_a_process_that_dies_is_told_with_its_last_log_lines",
        },
        json_elsewhere="test_demo.py::test_it_succeeds_and_leaves_the_results_and_nothing_else",
    ),
    "simulate": local_verb(
        "simulate",
        prints=local.SimulatorModel,
        codes={78: ("simulate", "--scenario", "{unsound}")},
        elsewhere={
            0: "test_every_verb.py::test_a_simulator_says_where_it_is_and_stops",
            1: "test_every_verb.py::test_a_simulator_that_cannot_listen_is_1",
        },
        json_elsewhere="test_every_verb.py::test_a_simulator_says_where_it_is_and_stops",
    ),
    "init": local_verb(
        "init", "--config", "{nowhere}",
        prints=local.InitializedModel,
        codes={1: ("init", *UNSOUND), 78: ("init", "--config", "{nowhere}", "--api-key", "file:{nowhere}.key")},
    ),
    "submit": Verb(words=("submit", "/text-to-video/kling-3.0", "--prompt", "a"), prints=models.JobModel),
    "batch": Verb(
        words=("batch", "-"),
        prints=local.BatchModel,
        elsewhere={
            0: "test_batch.py::test_nothing_is_waited_for_where_that_is_said_and_time_can_be_up",
            1: "test_batch.py::test_a_batch_is_carried_out_once_however_often_it_is_run",
        },
        json_elsewhere="test_batch.py::test_a_batch_is_carried_out_once_however_often_it_is_run",
    ),
    "jobs list": Verb(words=("jobs", "list"), prints=models.Page[models.JobModel]),
    "jobs show": Verb(words=("jobs", "show", "{job}"), prints=models.JobModel, codes={1: ("jobs", "show", "no")}),
    "jobs wait": Verb(
        words=("jobs", "wait", "{job}"), prints=models.Page[models.JobModel], codes={1: ("jobs", "wait", "no")}
    ),
    "jobs track": Verb(
        words=("jobs", "track", "t1"),
        prints=models.Page[models.TrackedModel],
        codes={1: ("jobs", "track", "t1", "nobody")},
    ),
    "jobs import": Verb(
        words=("jobs", "import", "-"),
        prints=models.Page[models.TrackedModel],
        elsewhere={1: "test_importing.py::test_what_kling_does_not_know_is_named_with_its_line"},
    ),
    "jobs cancel": Verb(
        words=("jobs", "cancel", "{queued}"),
        prints=models.Page[models.JobModel],
        codes={1: ("jobs", "cancel", "{job}")},
    ),
    "jobs abandon": Verb(
        words=("jobs", "abandon", "{sent}", "--yes"),
        prints=models.Page[models.JobModel],
        codes={1: ("jobs", "abandon", "{queued}", "--yes")},
    ),
    "explain": Verb(words=("explain", "{job}"), prints=models.TimelineModel, codes={1: ("explain", "no")}),
    "events list": Verb(
        words=("events", "list"),
        prints=models.Page[models.EventModel],
        codes={1: ("events", "list", "--job", "no")},
    ),
    "events tail": Verb(
        words=("events", "tail"),
        prints=models.EventModel,
        elsewhere={
            0: "test_events.py::test_a_signal_ends_a_tail_and_that_is_no_failure",
            1: "test_events.py::test_a_refusal_ends_a_tail",
        },
        json_elsewhere="test_events.py::test_a_tail_begins_with_the_last_events_or_at_a_moment",
    ),
    "events replay": Verb(
        words=("events", "replay", "--handler", "archive", "--yes"),
        prints=local.ReplaySumModel,
        codes={1: ("events", "replay", "--handler", "nobody", "--yes")},
    ),
    "callbacks list": Verb(words=("callbacks", "list"), prints=models.Page[models.CallbackModel]),
    "callbacks verify": Verb(
        words=("callbacks", "verify", "{job}"),
        prints=local.VerifiedModel,
        codes={1: ("callbacks", "verify", "--id", "999")},
    ),
    "deliveries list": Verb(words=("deliveries", "list"), prints=models.Page[models.DeliveryModel]),
    "deliveries show": Verb(
        words=("deliveries", "show", "{dead}"),
        prints=models.DeliveryInFullModel,
        codes={1: ("deliveries", "show", "999")},
    ),
    "deliveries retry": Verb(
        words=("deliveries", "retry", "{dead}"),
        prints=models.Page[models.DeliveryModel],
        codes={1: ("deliveries", "retry", "999")},
    ),
    "deliveries drop": Verb(
        words=("deliveries", "drop", "{dead}"),
        prints=models.Page[models.DeliveryModel],
        codes={1: ("deliveries", "drop", "999")},
    ),
    "handlers list": Verb(words=("handlers", "list"), prints=models.Page[models.HandlerModel]),
    "handlers forget": Verb(
        words=("handlers", "forget", "forgotten"),
        prints=models.ForgottenModel,
        codes={1: ("handlers", "forget", "archive")},
    ),
    "tokens list": Verb(words=("tokens", "list"), prints=models.Page[models.TokenModel]),
    "tokens new": Verb(
        words=("tokens", "new", "new"), prints=models.MadeTokenModel, codes={1: ("tokens", "new", "{old}")}
    ),
    "tokens revoke": Verb(
        words=("tokens", "revoke", "{old}"),
        prints=models.Page[models.TokenModel],
        codes={1: ("tokens", "revoke", "nobody")},
    ),
    "reload": Verb(
        words=("reload",),
        prints=models.ReloadedModel,
        elsewhere={78: "test_reload.py::test_mistakes_are_78_and_each_is_told"},
    ),
    "stats": Verb(words=("stats",), prints=models.StatsModel),
    "health": Verb(
        words=("health",),
        prints=models.HealthModel,
        elsewhere={1: "test_health.py::test_one_that_is_not_ready_is_1_with_each_reason"},
    ),
    "plugins list": local_verb(
        "plugins", "list",
        prints=local.PluginListModel,
        codes={1: ("plugins", "list", "--url", "{url}"), 69: ("plugins", "list", "--url", "http://127.0.0.1:1")},
    ),
    "config check": local_verb(
        "config", "check", prints=local.CheckedModel, codes={78: ("config", "check", *UNSOUND)}
    ),
    "config show": local_verb(
        "config", "show", prints=local.ShownConfigModel, codes={78: ("config", "show", *UNSOUND)}
    ),
    "config schema": local_verb("config", "schema", prints=None),
    "completion": local_verb("completion", "bash", prints=None),
}  # fmt: skip
