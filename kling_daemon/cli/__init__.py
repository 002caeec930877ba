"""The command line; each verb imports what it needs when it runs, so that `--help` is fast."""

from kling_daemon.cli.main import main

__all__ = ["main"]
