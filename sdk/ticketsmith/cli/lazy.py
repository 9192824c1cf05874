"""Commands by name, whose modules are imported when one is asked for: the list of all costs nothing."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer


class Lazy(MutableMapping[str, Any]):
    """Commands of `places`, such as `run:app`: a module of this folder, and a function or a Typer in it."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places, self.loaded = places, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self.loaded:
            self.loaded[name] = _load(name, self.places[name])
        return self.loaded[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self.loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self.loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def _load(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    command = getattr(import_module(f"{__package__}.{module}"), attribute)
    alone = typer.Typer(rich_markup_mode=None, add_completion=False, callback=lambda: None)
    if isinstance(command, typer.Typer):
        alone.add_typer(command, name=name)
    else:
        alone.command(name)(command)
    group: Any = typer.main.get_command(alone)
    return group.commands[name]
