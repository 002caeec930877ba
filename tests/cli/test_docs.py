import re
from pathlib import Path

import click
import pytest

from kling_daemon.cli import main

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def commands(group, path=("kling-daemon",)):
    """Yield every command that does something, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = [((), main), *commands(main)]


def sections():
    parts = re.split(r"^## `(kling-daemon[^`]*)`$", DOCS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def heading(words, command):
    arguments = [parameter for parameter in command.params if isinstance(parameter, click.Argument)]
    return " ".join(
        [*(words or ("kling-daemon",)), *(argument.make_metavar(click.Context(command)) for argument in arguments)]
    )


def test_every_verb_is_documented_and_nothing_else():
    assert set(sections()) == {heading(words, command) for words, command in COMMANDS}


@pytest.mark.parametrize(("words", "command"), COMMANDS)
def test_every_option_of_a_verb_is_documented_and_nothing_else(words, command):
    section = sections()[heading(words, command)]
    table = "\n".join(line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `"))
    documented = set(re.findall(r"--?[a-z][a-z-]*", table))
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    offered = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    if not words:
        offered |= {"-h", "--help"}
    assert documented == offered


@pytest.mark.parametrize(("words", "command"), COMMANDS[1:])
def test_every_verb_tells_its_exit_codes(words, command):
    assert "Exits with 0" in sections()[heading(words, command)]
