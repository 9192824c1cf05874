"""Columns of the records of an arm, as numpy arrays: what the gate has, which needs neither the data nor torch.

R: replicates.  M: records of the longest of them.  Each column is (R, M).
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from .bounds import Floats
from .roles import PADDING, TEST

Columns = Mapping[str, NDArray[np.generic]]
Numbers = NDArray[np.int64]
"""Numbers of examples, groups or classes."""


def read(files: Iterable[bytes]) -> Columns:
    """The records of all cohorts, one after the other; short ones are padded."""
    cohorts = [load(data) for data in files]
    longest = max(columns["role"].shape[1] for columns in cohorts)
    shared = [name for name in cohorts[0] if all(name in columns for columns in cohorts)]
    return {name: np.concatenate([_padded(columns[name], longest) for columns in cohorts]) for name in shared}


def on_test(columns: Columns, name: str) -> list[Floats]:
    """A column on each replicate's test split, R arrays of unequal length."""
    return [row[role == TEST].astype(np.float64) for role, row in zip(columns["role"], columns[name], strict=True)]


def numbers(columns: Columns, name: str) -> list[Numbers]:
    """A column of whole numbers on each replicate's test split."""
    return [row[role == TEST].astype(np.int64) for role, row in zip(columns["role"], columns[name], strict=True)]


def unpaired(one: Columns, other: Columns) -> str | None:
    """The name of the column that shows that two arms were not tested on the same examples; None if they were."""
    return next((name for name in ("example", "role") if not np.array_equal(one[name], other[name])), None)


def _padded(column: NDArray[np.generic], longest: int) -> NDArray[np.generic]:
    return np.pad(column, ((0, 0), (0, longest - column.shape[1])), constant_values=PADDING)
