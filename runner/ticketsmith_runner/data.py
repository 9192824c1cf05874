"""Examples, and which of them a replicate trains on, validates on and is tested on.

N: examples of the data set.  n: examples of one split.
"""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ticketsmith.errors import Conflict
from ticketsmith.lottery.task import Task
from ticketsmith.names import load

from .seeds import permutation


@dataclass(frozen=True, kw_only=True)
class Examples:
    """A data set in memory. Inputs are (pixels / peak - mean) / std, after which an image may be scaled to length 1."""

    pixels: NDArray[np.uint8]
    """(N, H, W), grey levels from 0 to `peak`."""
    labels: NDArray[np.uint8]
    """(N,)"""
    peak: int
    mean: float = 0.0
    std: float = 1.0
    unit_length: bool = False


@dataclass(frozen=True, eq=False)
class Data:
    """A task's examples as tensors, resident in memory."""

    examples: Examples
    inputs: Tensor
    """(N, 1, H, W), float32."""
    labels: Tensor
    """(N,), int64."""

    def on(self, device: str) -> "Data":
        """The same, resident in that device's memory; brought there once."""
        return self if device == "cpu" else _brought(self, device)


@dataclass(frozen=True)
class Split:
    """Indices into the data set, disjoint."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def digest(examples: Examples) -> str:
    """SHA-256 over shape, pixels and labels: the data's part in the run id."""
    head = f"{examples.pixels.shape}{examples.peak}{'/length' if examples.unit_length else ''}".encode()
    return sha256(head + examples.pixels.tobytes() + examples.labels.tobytes()).hexdigest()


@lru_cache(maxsize=1)
def read(dataset: str, expected: str, root: str) -> Data:
    """Load a data set. Raises Conflict if its digest is not the expected one, which is part of the run id."""
    examples = load("ticketsmith_runner.datasets", dataset).load(root)
    if (got := digest(examples)) != expected:
        raise Conflict(
            f"data set {dataset!r} has digest {got[:16]}…, the task expects {expected[:16]}…",
            "the run id stands for other data: remove the copy below --data-root and fetch it anew",
        )
    inputs = (torch.from_numpy(examples.pixels).float() / examples.peak - examples.mean) / examples.std
    if examples.unit_length:
        inputs /= inputs.flatten(1).norm(dim=1)[:, None, None].clamp(min=torch.finfo(torch.float32).tiny)
    return Data(examples, inputs.unsqueeze(1), torch.from_numpy(examples.labels.astype(np.int64)))


@lru_cache(maxsize=1)
def _brought(data: Data, device: str) -> Data:
    return Data(data.examples, data.inputs.to(device), data.labels.to(device))


def split(task: Task, seed: int, replicate: int) -> Split:
    """The split of one replicate. Cross-fitted: replicates with equal r // folds share one shuffle of all examples."""
    if task.folds:
        block, fold = divmod(replicate, task.folds)
        folds = np.array_split(permutation(task.examples, seed, block, "folds"), task.folds)
        rest = np.concatenate(folds[fold + 1 :] + folds[:fold])
        return Split(rest[task.validation :], rest[: task.validation], folds[fold])
    pool = permutation(task.examples - task.test, seed, replicate, "validation")
    return Split(pool[task.validation :], pool[: task.validation], np.arange(task.examples - task.test, task.examples))
