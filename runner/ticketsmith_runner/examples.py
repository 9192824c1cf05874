"""Examples in memory, or read by a loader, and how each replicate splits them.

N: examples of the data set.  n: examples of one split.  A batch is what the task's functions read: a tuple, list or
dict of tensors, each with the examples as its leading dimension.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate, get_worker_info

from ticketsmith.allowance import memory
from ticketsmith.errors import TicketSmithError, UsageError
from ticketsmith.task import Splits

from .seeds import drawn, permutation, seed_of, seeded, states
from .splits import Numbers, Split, hashable, joined, refuse

Batch = Any
Collate = Callable[[list[Any]], Batch]
SHARE = 0.25  # of the memory, up to which examples are held in it


@dataclass(frozen=True, eq=False)
class Examples:
    """A task's examples: in memory where they fit, else read by a DataLoader; the same bytes either way."""

    splits: Splits
    collate: Collate | None = None
    workers: int = 0
    """Processes that read examples, where these are not in memory."""
    resident: bool | None = None
    """False: never held in memory. None: where they fit."""
    _brought: dict[str, Batch] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(data: Splits | Mapping[str, Any], collate: Collate | None = None) -> "Examples":
        """Examples from what `data()` of a task returns. Raises UsageError if a split is missing or empty."""
        splits = data if isinstance(data, Splits) else joined(data)
        refuse(splits)
        return Examples(splits, collate)

    @property
    def count(self) -> int:
        """N."""
        return len(self.splits.examples)  # type: ignore[arg-type]

    @cached_property
    def groups(self) -> Numbers | None:
        """The group of each example, (N,), numbered in the order of their first examples."""
        if self.splits.groups is None:
            return None
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(hashable(group), len(numbers)) for group in self.splits.groups])

    @cached_property
    def tensors(self) -> Batch | None:
        """All examples as one batch in memory, or None where they do not fit, differ in shape, or draw numbers."""
        dataset = self.splits.examples
        if self.resident is False or self.collate is not None:
            return None
        if type(dataset) is TensorDataset:
            return list(dataset.tensors)  # as a loader would
        if self.count * size_of(self.item(0)) > SHARE * memory():
            return None
        return self._held()

    @cached_property
    def largest(self) -> int:
        """Numbers of the largest tensor of an example, at least 1."""
        leaves = tree_flatten(self.item(0))[0]
        return max([1, *(leaf.numel() for leaf in leaves if isinstance(leaf, Tensor))])

    @cached_property
    def most(self) -> int:
        """Examples that may be held in memory at a time, at least one."""
        return max(1, int(SHARE * memory()) // max(size_of(self.item(0)), 1))

    def item(self, number: int, seed: int = 0) -> Any:
        """One example, with every generator that it may draw from at the head of a stream."""
        with seeded(seed):
            return _read(self.splits.examples, number)

    def batch(self, numbers: Numbers, stream: Callable[[int], int] = lambda number: number) -> Batch:
        """The examples with these numbers; `stream(number)` is the seed of what an example draws."""
        if self.tensors is not None:
            chosen = torch.from_numpy(numbers)
            return tree_map(lambda tensor: tensor[chosen], self.tensors)
        return _Seeded(self).__getitems__([(int(number), stream(int(number))) for number in numbers])

    def on(self, device: str) -> Batch:
        """All examples, resident in a device's memory; brought there once. Only where `tensors` are."""
        if device not in self._brought:
            self._brought[device] = tree_map(lambda tensor: tensor.to(device), self.tensors)
        return self._brought[device]

    def loaded(self, keys: Iterator[list[tuple[int, int]]]) -> Iterator[Batch]:
        """A batch for each list of (number, seed), read by `workers` processes ahead of their use."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "This DataLoader will create")  # more workers than cores: so asked for
            loader = DataLoader(
                _Seeded(self),
                batch_sampler=keys,
                num_workers=self.workers,
                collate_fn=_as_it_is,
                generator=torch.Generator(),  # or the loader draws from the stream of the training
            )
            return _whole(iter(loader))

    def split(self, seed: int, replicate: int) -> Split:
        """The split of one replicate. Cross-fitted: replicates with equal r // folds share one shuffle of all examples.

        Groups stay together: whole ones are shuffled, dealt out and held out.
        """
        splits, units = self.splits, self._units
        if splits.folds:
            block, fold = divmod(replicate, splits.folds)
            order = permutation(len(units), seed, block, "folds")
            folds = np.array_split(order, splits.folds)
            rest = np.concatenate(folds[fold + 1 :] + folds[:fold])
            validation, train = self._held_out(rest)
            return Split(train, validation, self._spread(folds[fold]))
        test = np.array(splits.test, dtype=np.int64)
        outside = np.setdiff1d(np.arange(self.count), test)
        if isinstance(splits.validation, range):
            validation = np.array(splits.validation, dtype=np.int64)
            return Split(np.setdiff1d(outside, validation), validation, test)
        pool = self._pool(outside)
        validation, train = self._held_out(pool[permutation(len(pool), seed, replicate, "validation")])
        return Split(train, validation, test)

    @cached_property
    def _units(self) -> list[Numbers]:
        """The examples of each group; each by itself, where there are none."""
        if self.groups is None:
            return list(np.arange(self.count)[:, None])
        order = np.argsort(self.groups, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1)

    def _pool(self, numbers: Numbers) -> Numbers:
        """The units that these examples make up."""
        return numbers if self.groups is None else np.unique(self.groups[numbers])

    def _spread(self, units: Numbers) -> Numbers:
        if self.groups is None:
            return units
        return np.concatenate([self._units[unit] for unit in units])

    def _held_out(self, units: Numbers) -> tuple[Numbers, Numbers]:
        """Validation and training examples: as few units first as hold the number of validation examples."""
        wanted = self.splits.validation
        assert isinstance(wanted, int)
        if self.groups is None:
            return units[:wanted], units[wanted:]
        sizes = np.cumsum([len(self._units[unit]) for unit in units])
        first = int(np.searchsorted(sizes, wanted)) + 1 if wanted else 0
        return self._spread(units[:first]), self._spread(units[first:])

    def collated(self, items: list[Any]) -> Batch:
        """Raises UsageError for examples that are no tensors, or differ in shape, where a task has no `collate`."""
        try:
            return (self.collate or default_collate)(items)
        except (RuntimeError, TypeError, ValueError, KeyError, IndexError, AttributeError) as error:
            whose = "collate()" if self.collate else "torch's default_collate"
            raise UsageError(
                f"{whose} makes no batch of these examples: {type(error).__name__}: {str(error).splitlines()[0]}",
                "give the task a `collate(examples)`, or let each example be tensors and numbers of one shape",
            ) from error

    def _held(self) -> Batch | None:
        """Every example, read once; None if one of them draws numbers, or has another shape."""
        items = []
        with seeded(0):
            before = states()
            for number in range(self.count):
                items.append(_read(self.splits.examples, number))
                if drawn(before):
                    return None
        try:
            held = default_collate(items)
        except (RuntimeError, TypeError):
            return None
        return held if all(isinstance(leaf, Tensor) for leaf in tree_flatten(held)[0]) else None


class _Seeded(Dataset[Any]):
    """A data set that is asked for batches of (number, seed)."""

    def __init__(self, examples: Examples) -> None:
        self.examples = examples

    def __getitems__(self, keys: list[tuple[int, int]]) -> Batch:
        """Masks and noise that `collate` draws are of a stream too, which begins with that of the first example."""
        try:
            items = [self.examples.item(number, seed) for number, seed in keys]
            with seeded(seed_of(keys[0][1], 0, "collate")):
                return self.examples.collated(items)
        except TicketSmithError as error:
            if get_worker_info() is None:
                raise
            return error  # raised in a worker, it would come out as a RuntimeError with a traceback for a text


def _whole(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches. Raises the error that a worker gave in the place of one."""
    for batch in batches:
        if isinstance(batch, TicketSmithError):
            raise batch
        yield batch


def _as_it_is(batch: Batch) -> Batch:
    """A name, which crosses process boundaries as a lambda does not."""
    return batch


def _read(dataset: Dataset[Any], number: int) -> Any:
    """An example. Raises UsageError, which names it, for whatever the user's data set raises."""
    try:
        return dataset[number]
    except (MemoryError, TicketSmithError):
        raise
    except Exception as error:
        raise UsageError(
            f"example {number} cannot be read: {type(error).__name__}: {error}",
            "mend the file or the transform; `data()[number]` in Python shows the whole traceback",
        ) from error


def size_of(item: Any) -> int:
    """Bytes of one example."""
    leaves = tree_flatten(item)[0]
    return sum(leaf.numel() * leaf.element_size() if isinstance(leaf, Tensor) else 8 for leaf in leaves)
