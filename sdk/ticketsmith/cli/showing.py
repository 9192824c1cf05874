"""One piece of the runner's work while it is done: a bar on a terminal, messages anywhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import Progress, TimeElapsedColumn

from .consoles import console as console_of
from .consoles import redraws
from .voice import aside


@contextmanager
def showing(title: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """The share that is done; at the end, its seconds for who wants to know."""
    console, began = console_of(stderr=True), time.monotonic()
    columns = (*Progress.get_default_columns(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not redraws(console)) as bar:
        task = bar.add_task(title, total=None)

        def listen(event: dict[str, Any]) -> None:
            complain(event)
            if event["event"] == "replicate":
                bar.update(task, completed=event["done"], total=event["of"])

        yield listen
    aside(f"{title}: {time.monotonic() - began:.1f} s")


def complain(event: dict[str, Any]) -> None:
    """Show messages only."""
    if event["event"] == "text":
        console_of(stderr=True).print(event["text"], markup=False, highlight=False, soft_wrap=True)
