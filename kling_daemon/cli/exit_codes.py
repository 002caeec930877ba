"""What the exit status tells a script."""

import click

FAILED = 1
"""A job or a check failed, or the daemon refused something."""
UNREACHABLE = 69
"""No daemon answers (EX_UNAVAILABLE)."""
UNWRITABLE = 74
"""What was to be printed could not be written (EX_IOERR)."""
BAD_CONFIGURATION = 78
"""The configuration cannot be used (EX_CONFIG)."""


class UnreachableExit(click.ClickException):
    """Ends a verb because no daemon answers."""

    exit_code = UNREACHABLE


class ConfigurationExit(click.ClickException):
    """Ends a verb because the configuration cannot be used; says what is wrong, on as many lines as it takes."""

    exit_code = BAD_CONFIGURATION
