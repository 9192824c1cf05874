"""Splits of examples: numbers of those that train, validate and test a replicate; and what `data()` may not return."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import ConcatDataset

from ticketsmith.errors import UsageError
from ticketsmith.task import Splits

Numbers = NDArray[np.int64]
TENTH = 10  # of the training examples, held out where a task says nothing


@dataclass(frozen=True)
class Split:
    """Numbers of examples, disjoint."""

    train: Numbers
    validation: Numbers
    test: Numbers


def joined(data: Mapping[str, Any]) -> Splits:
    """Data sets by the names of their splits, as a Hugging Face `DatasetDict` is, one after the other."""
    if missing := [name for name in ("train", "test") if name not in data]:
        raise UsageError(
            f"data() returns {', '.join(map(str, data)) or 'nothing'}, without {' and '.join(missing)}",
            "return Splits(…), or a dict with train, test and, where wanted, validation",
        )
    parts = [data[name] for name in ("train", "validation", "test") if name in data]
    ends = np.cumsum([len(part) for part in parts])
    held_out = range(ends[0], ends[1]) if "validation" in data else len(parts[0]) // TENTH
    test = range(ends[-2], ends[-1])
    return Splits(examples=ConcatDataset(parts), test=test, validation=held_out)


def refuse(splits: Splits) -> None:
    """Raises UsageError for splits that are empty, overlap, or leave nothing to train on."""
    whole = len(splits.examples) if hasattr(splits.examples, "__len__") else None
    if whole is None:
        raise UsageError(
            "data() returns examples without a length", "return a map-style data set: __len__ and __getitem__"
        )
    if not whole:
        raise UsageError("data() returns no example", "give the folder of the data sets with --data-root")
    if bool(splits.folds) == (splits.test is not None):
        raise UsageError(
            "data() returns both test and folds, or neither", "Splits(…, folds=5) or Splits(…, test=range(…))"
        )
    test = {*splits.test} if splits.test is not None else set[int]()
    held_out = {*splits.validation} if isinstance(splits.validation, range) else set[int]()
    if outside := [number for number in (*test, *held_out) if not 0 <= number < whole]:
        raise UsageError(f"data() puts example {outside[0]} into a split, of {whole}", "count from 0")
    if both := test & held_out:
        raise UsageError(f"data() has example {min(both)} in test and validation", "each example lies in one split")
    if splits.folds and (splits.folds < 2 or splits.folds > whole):
        raise UsageError(f"data() returns {splits.folds} folds of {whole} examples", "2 folds at least")
    if splits.folds and isinstance(splits.validation, range):
        raise UsageError("data() returns folds and a range of validation", "with folds, validation is a number")
    if splits.groups is not None and len(splits.groups) != whole:
        raise UsageError(f"data() returns {len(splits.groups)} groups of {whole} examples", "one for each example")
    if splits.groups is not None:
        _refuse_broken(splits, test, held_out)
    fold = -(-whole // splits.folds) if splits.folds else len(test)
    kept = len(held_out) if held_out else int(splits.validation if isinstance(splits.validation, int) else 0)
    if splits.test is not None and not test:
        raise UsageError("data() returns no test example", "name their numbers: Splits(…, test=range(900, 1000))")
    if kept < 1:
        raise UsageError("data() holds out no validation example", "Splits(…, validation=100)")
    if fold + kept >= whole:
        raise UsageError(f"data() leaves nothing to train on: {fold} test, {kept} validation, {whole} in all", "fewer")


def _refuse_broken(splits: Splits, test: set[int], held_out: set[int]) -> None:
    """Raises UsageError for a group that lies in two splits, or too few of them."""
    groups = [hashable(group) for group in splits.groups or ()]
    if splits.folds > len({*groups}) - 1:
        raise UsageError(
            f"data() returns {splits.folds} folds of {len({*groups})} groups", "a group lies in one split: fewer folds"
        )
    sides: dict[Any, int] = {}
    for number, group in enumerate(groups):
        side = 2 if number in test else 1 if number in held_out else 0
        if sides.setdefault(group, side) != side:
            raise UsageError(
                f"data() has group {group!r} in two splits: example {number} is one of it",
                "a group lies in one split: move the border to where one ends, or take folds",
            )


def hashable(group: Any) -> Any:
    """A group's name as a key: of a tensor or array its number."""
    return group.item() if hasattr(group, "item") else group


def sizes(splits: Splits) -> tuple[int, int, int]:
    """Examples in all, of the largest test split, and of validation."""
    whole = len(splits.examples)  # type: ignore[arg-type]
    test = -(-whole // splits.folds) if splits.folds else len(splits.test or ())
    return whole, test, splits.validation if isinstance(splits.validation, int) else len(splits.validation)
