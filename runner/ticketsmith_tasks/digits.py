"""Scikit-learn's handwritten digits (Alpaydin & Kaynak): 1,797 images of 8 x 8, which come with the package."""

from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PEAK = 16
"""Of a pixel: dots that are black."""


def files() -> list[Path]:
    """The table behind `load_digits`, without the seconds that importing scikit-learn takes."""
    return [Path(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")))]


def greys(paths: Sequence[Path]) -> Tensor:
    """Shares of black, (1797, 8, 8), sixteenths from 0 to 1."""
    return _table(paths)[:, :-1].reshape(-1, 8, 8).float() / PEAK


def labels(paths: Sequence[Path]) -> Tensor:
    """The digits, (1797,), int64."""
    return _table(paths)[:, -1].long()


def _table(paths: Sequence[Path]) -> Tensor:
    return torch.from_numpy(np.loadtxt(paths[0], delimiter=",", dtype=np.uint8))
