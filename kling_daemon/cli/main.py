"""`kling-daemon`: the verbs, and what they have in common."""

import click

from kling_daemon.cli.lazy_group import LazyGroup
from kling_daemon.cli.where import where_options

VERBS = {
    "run": "kling_daemon.cli.run:run",
    "demo": "kling_daemon.cli.demo:demo",
    "simulate": "kling_daemon.cli.simulate:simulate",
    "init": "kling_daemon.cli.init:init",
    "submit": "kling_daemon.cli.submit:submit",
    "batch": "kling_daemon.cli.batch:batch",
    "jobs": "kling_daemon.cli.jobs:jobs",
    "explain": "kling_daemon.cli.explain:explain",
    "events": "kling_daemon.cli.events:events",
    "callbacks": "kling_daemon.cli.callbacks:callbacks",
    "deliveries": "kling_daemon.cli.deliveries:deliveries",
    "handlers": "kling_daemon.cli.handlers:handlers",
    "tokens": "kling_daemon.cli.tokens:tokens",
    "stats": "kling_daemon.cli.stats:stats",
    "health": "kling_daemon.cli.health:health",
    "plugins": "kling_daemon.cli.plugins:plugins",
    "config": "kling_daemon.cli.config:config",
    "reload": "kling_daemon.cli.reload:reload",
    "completion": "kling_daemon.cli.completion:completion",
}


@click.group(cls=LazyGroup, verbs=VERBS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kling-daemon", prog_name="kling-daemon")
@where_options
def main() -> None:
    """Run the daemon that follows Kling AI jobs to their end, and talk to one that runs.

    A running daemon is found by --url (with $KLING_DAEMON_TOKEN), else by its socket, else by its configuration.
    """
