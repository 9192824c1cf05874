"""Fields in which specs differ."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..lottery.spec import Experiment

SHORT = 12
"""Digits of a digest."""


def leaves(section: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """Every field of a document with its path.

    >>> dict(leaves({"gate": {"margin": 0.01}, "seed": 0}))
    {'gate.margin': 0.01, 'seed': 0}
    """
    for key, value in section.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, f"{head}{key}.")
        else:
            yield head + key, value


def differences(specs: Sequence[Experiment]) -> dict[str, list[Any]]:
    """The value of each spec, by the path of a field; fields that are the same in all are left out."""
    every = [dict(leaves(spec.model_dump(mode="json"))) for spec in specs]
    paths = dict.fromkeys(path for fields in every for path in fields)
    settings = {path: [fields.get(path) for fields in every] for path in paths}
    return {path: values for path, values in settings.items() if any(value != values[0] for value in values)}


def shown(path: str, value: Any) -> str:
    """A value as it is written on a command line; a digest by its first digits."""
    if value is None:
        return "-"
    if path.startswith("sources.") and path != "sources.name":
        return str(value)[:SHORT]
    if isinstance(value, list):
        return f"[{', '.join(shown(path, item) for item in value)}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
