"""Words and numbers of a manifest, checked one by one before anything is made of them."""

import json
from collections.abc import Container, Mapping
from typing import Any

from .archive import MANIFEST, BadPackage, bad

MOST = 1000
"""Entries of a list."""
LARGEST = 1 << 28
"""Whole numbers; weights of a graph, pruned ones included: 1 GiB."""
HUGE = 1e300
"""Beyond any measurement; infinity and NaN are not below it."""


def parsed(content: bytes, formats: Container[str]) -> dict[str, Any]:
    """Raises BadPackage unless it is a manifest of one of these formats."""
    try:
        manifest = json.loads(content, parse_constant=lambda word: bad(MANIFEST, f"holds {word}"))
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, BadPackage) else BadPackage(f"{MANIFEST}: {error}") from None
    if not isinstance(manifest, dict) or manifest.get("format") not in formats:
        bad(MANIFEST, "its format is none that is known")
    return manifest


def entries_of(manifest: Mapping[str, Any], key: str, least: int = 1, most: int = MOST) -> list[Any]:
    entries = manifest.get(key)
    if not isinstance(entries, list) or not least <= len(entries) <= most:
        bad(MANIFEST, f"{key} is no list of {least} to {most}")
    return entries


def mapping(manifest: Mapping[str, Any], key: str) -> dict[str, Any]:
    entry = manifest.get(key)
    return entry if isinstance(entry, dict) else bad(MANIFEST, f"{key} is no object")


def positive(number: Any) -> bool:
    return type(number) in (int, float) and 0 < number < HUGE


def fields(entry: Mapping[str, Any], names: set[str], what: str) -> None:
    if entry.keys() != names:
        bad(MANIFEST, f"{what} has other fields than {', '.join(sorted(names))}")


def whole(entry: Mapping[str, Any], key: str, least: int) -> int:
    number = entry[key]
    if type(number) is not int or not least <= number <= LARGEST:
        bad(MANIFEST, f"{key} is no whole number from {least} to {LARGEST:,}")
    return number


def whole_numbers(entry: Mapping[str, Any], key: str, count: int, least: int) -> list[int]:
    numbers = entry.get(key)
    if not isinstance(numbers, list) or len(numbers) != count:
        bad(MANIFEST, f"{key} is no list of {count}")
    return [whole({key: number}, key, least) for number in numbers]
