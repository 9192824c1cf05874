"""Help: by topic, uncut, with an example that can be typed."""

import shlex
from importlib import import_module
from inspect import isfunction
from typing import Any

import pytest
import typer

from ticketsmith.cli import _code, app
from ticketsmith.cli.topics import EXAMPLES, TOPICS

COMMANDS = {name: summary for known in TOPICS.values() for name, (_, summary) in known.items()}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_summed_up_by_the_first_sentence_of_its_help(name: str) -> None:
    program: Any = typer.main.get_command(app)
    help = " ".join(program.commands[name].help.split("\n\n")[0].split())
    assert COMMANDS[name] == help.partition(". ")[0].partition("; ")[0].removesuffix(".")


def test_each_function_that_is_a_command_has_a_topic() -> None:
    """Public functions that return an exit code, and groups, of the modules that hold any."""
    places = {place for known in TOPICS.values() for place, _ in known.values()}
    for name in {place.partition(":")[0] for place in places}:
        module = import_module(f"ticketsmith.cli.{name}")
        groups = {f"{name}:app"} if hasattr(module, "app") else set()
        own = [each for each in vars(module).values() if getattr(each, "__module__", "") == module.__name__]
        commands = {f"{name}:{each.__name__}" for each in own if _returns_a_code(each)}
        assert (groups or commands) <= places


def _returns_a_code(function: Any) -> bool:
    public = isfunction(function) and not function.__name__.startswith("_")
    return public and function.__annotations__.get("return") is int


@pytest.mark.parametrize("words", EXAMPLES)
def test_an_example_can_be_typed(words: str) -> None:
    program, *arguments = shlex.split(EXAMPLES[words])
    command: Any = typer.main.get_command(app)
    context = command.make_context(program, arguments.copy())
    while hasattr(command, "commands"):
        name, command, arguments = command.resolve_command(context, arguments)
        context = command.make_context(name, list(arguments), parent=context)
    assert context.command_path == f"ticketsmith {words}"


@pytest.mark.parametrize(
    "asked", [["-h"], ["--help"], ["help"], ["help", "pack"], ["pack", "-h"], ["run", "imp", "-h"]]
)
def test_help_is_whole_at_80_columns(
    asked: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert _code(asked) == 0
    text = capsys.readouterr().out
    assert "..." not in text.replace("ARGS]...", "") and max(map(len, text.splitlines())) <= 80
    assert ("Example: ticketsmith pack digits-mlp" in text) is ("pack" in asked)


@pytest.mark.parametrize(("given", "code"), [("80%", 0), ("0.8", 0), ("80", 2), ("eighty", 2), ("100%", 2)])
def test_a_share_may_be_a_percentage(given: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["run", "imp", "--sparsity", given, "--dry-run"]) == code
    said = capsys.readouterr()
    assert "sparsity: 0.8" in said.out if code == 0 else "80%" in said.err or "less than 1" in said.err
