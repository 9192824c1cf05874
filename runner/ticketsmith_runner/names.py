"""A folder of the runner is a registry: every file in it is a choice, named like the file, with hyphens."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from ticketsmith.errors import UsageError
from ticketsmith.lottery.choices import guess


def names(folder: str) -> list[str]:
    """The choices that a folder offers, sorted. None of its files is imported."""
    files = (Path(__file__).parent / folder).glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))


def load(folder: str, name: str) -> ModuleType:
    """The module of one choice. Raises UsageError with the choices for any other name."""
    if name not in (choices := names(folder)):
        raise UsageError(f"no {name!r} in {folder}", f"{guess(name, choices)}choose from {', '.join(choices)}")
    return import_module(f".{folder}.{name.replace('-', '_')}", __package__)
