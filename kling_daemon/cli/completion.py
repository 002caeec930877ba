"""`kling-daemon completion`: the scripts by which a shell completes verbs, options, and what the daemon knows."""

import click

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "kling-daemon"
VARIABLE = "_KLING_DAEMON_COMPLETE"
"""By this variable the script asks the program for what may come next; it is what click makes of the program's name."""


@click.command()
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes SHELL (bash, zsh or fish) complete verbs, options, jobs, deliveries and handlers.

    For bash: eval "$(kling-daemon completion bash)", in ~/.bashrc.
    """
    from click.shell_completion import get_completion_class

    from kling_daemon.cli.main import main

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows these shells
    click.echo(kind(main, {}, PROGRAM, VARIABLE).source())
