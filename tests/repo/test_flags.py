"""The flags are frozen: a new one is a decision, not an accident. The spec is the interface, not the command line."""

from collections.abc import Iterator
from pathlib import Path

import click
import typer.main

from ticketsmith.cli import app

FROZEN = Path(__file__).with_name("flags.txt")


def flags(command: click.Command, name: str) -> Iterator[str]:
    yield name
    for parameter in command.params:
        yield f"{name} {'/'.join([*parameter.opts, *parameter.secondary_opts])}"
    for child, each in getattr(command, "commands", {}).items():
        yield from flags(each, f"{name} {child}")


def test_commands_and_flags_are_those_on_the_list() -> None:
    found = "\n".join(sorted(flags(typer.main.get_command(app), "ticketsmith"))) + "\n"
    assert found == FROZEN.read_text(), f"if it is meant, write this into {FROZEN.name}:\n{found}"
