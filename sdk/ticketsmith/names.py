"""The folder is the registry: every file in an extension folder is a choice, named like the file, with hyphens."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

from .errors import UsageError
from .lottery.choices import guess


def names(package: str) -> list[str]:
    """The choices a folder offers, sorted. Lists files and imports none of them."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise LookupError(f"{package} is not a package")
    files = Path(next(iter(spec.submodule_search_locations))).glob("*.py")
    return sorted(file.stem.replace("_", "-") for file in files if not file.stem.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """The module of one choice. Raises UsageError with the choices for any other name."""
    choices = names(package)
    if name not in choices:
        kind = package.rpartition(".")[2].removesuffix("s")
        raise UsageError(f"no {kind} {name!r}", f"{guess(name, choices)}choose from {', '.join(choices)}")
    return importlib.import_module(f"{package}.{name.replace('-', '_')}")
