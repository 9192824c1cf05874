"""Files of tasks: a new one out of a template, and the installed ones with what their docstrings say."""

import ast
from pathlib import Path
from shlex import quote

import typer

from ..errors import Conflict, Denied, TicketSmithError, UsageError
from ..references import entry_points, find
from ..sources.imports import tree
from .commands import command
from .options import Output
from .told import tell
from .voice import hint

TEMPLATES = Path(__file__).parents[1] / "templates"


def write(name: str, kind: str) -> int:
    """Write the file and its test. Raises UsageError for a name that no task can have, Conflict for files there are."""
    file = Path(name)
    if file.suffix != ".py":
        raise UsageError(f"{name} is no name of a Python file", f"for example {file.stem or 'flowers'}.py")
    test = file.with_name(f"test_{file.name}")
    if there := [path for path in (file, test) if path.exists() or path.is_symlink()]:
        raise Conflict(f"{there[0]} is there already, and nothing is overwritten", "take another name, or move it away")
    texts = {file: _template(kind), test: _template("beside").replace("NAME", file.stem)}
    written: list[Path] = []
    try:
        for path, text in texts.items():
            with path.open("x", encoding="utf-8") as opened:
                written.append(path)
                opened.write(text)
        find(str(file))
    except TicketSmithError:
        _forget(written)
        raise
    except OSError as error:
        _forget(written)
        raise _unwritten(error, file) from error
    typer.echo(f"{file}: a task that runs as it is, {len(_template(kind).splitlines())} lines\n{test}: its test")
    hint(command("task", "check", file), command("run", "imp", "--task", file))
    return 0


def print_tasks(output: Output) -> int:
    """Name and summary of each, from its source."""
    summaries = {name: _summary(name) for name in entry_points()}
    if output is Output.json:
        tell("tasks", {"tasks": [{"task": name, "summary": text} for name, text in summaries.items()]})
        return 0
    from rich.table import Table
    from rich.text import Text

    from .consoles import console

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, text in summaries.items():
        table.add_row(Text(name, "bold"), Text(text))
    console().print(table)
    return 0


def _summary(name: str) -> str:
    try:
        text = ast.get_docstring(tree(find(name).file)) or ""
    except TicketSmithError as error:
        return str(error.args[0])
    return text.partition("\n")[0].rstrip(".")


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.py").read_text(encoding="utf-8")


def _forget(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _unwritten(error: OSError, file: Path) -> TicketSmithError:
    if isinstance(error, FileNotFoundError):
        return UsageError(f"there is no folder {file.parent}", f"`mkdir -p {quote(str(file.parent))}`")
    return Denied(f"cannot write {error.filename}: {error.strerror}", "choose another folder")
