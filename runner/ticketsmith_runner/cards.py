"""Makes the card of a task, and holds data to it."""

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_map
from torch.utils.data import TensorDataset

from ticketsmith.datafiles import Manifest, manifest
from ticketsmith.errors import Conflict, UsageError
from ticketsmith.lottery.card import Card

from .examples import Examples
from .splits import sizes
from .tasks import Task, options


def card(task: Task, name: str, data_root: str, *, engine: str, code: str) -> Card:
    """All that is known of a task by those who do not import it. Raises UsageError for whatever is wrong with it."""
    examples = task.examples(data_root)
    whole, test, validation = sizes(examples.splits)
    files = named(examples, data_root)
    return Card(
        name=name,
        module=task.module,
        summary=_first_line(task.code.__doc__ or name),
        metric=task.metric,
        defaults=dict(task.code.DEFAULTS),
        options=options(task),
        examples=whole,
        test=test,
        folds=examples.splits.folds,
        validation=validation,
        grouped=examples.groups is not None,
        smaller=hasattr(task.code, "smaller"),
        engine=engine,
        code=code,
        data=digest(examples, data_root),
        files=files.luggage.digest if files and files.luggage else None,
    )


def steady(examples: Examples) -> None:
    """Raises UsageError for examples that draw from a generator which nobody seeds."""
    first, again = ([leaf_bytes(leaf) for leaf in tree_flatten(examples.item(0))[0]] for _ in "12")
    if first != again:
        raise UsageError(
            "example 0 is another each time that it is read from one seed",
            "let it draw from the streams of torch, numpy.random or random, which the runner seeds; none of its own",
        )


@lru_cache(maxsize=2)
def verified(task: Task, data_root: str, expected: str) -> Examples:
    """The examples of a task. Raises Conflict if their digest is not the expected one, which is part of the run id."""
    examples = task.examples(data_root)
    if (got := digest(examples, data_root)) != expected:
        steady(examples)
        raise Conflict(
            f"the data of task {task.module} has digest {got}, the run expects {expected}",
            f"bring back the data that the run began with (--data-root is {data_root}), or begin a run with this data",
        )
    return examples


@lru_cache(maxsize=2)
def digest(examples: Examples, data_root: str) -> str:
    """SHA-256 of the examples with their splits: of the files that they come from, else of each example read once."""
    splits = examples.splits
    told = f"{splits.test}/{splits.folds}/{splits.validation}/{examples.count}"
    whole = sha256(told.encode())
    if examples.groups is not None:
        whole.update(examples.groups.astype("<i8").tobytes())
    if files := named(examples, data_root):
        whole.update(files.digest.encode())
    else:
        for leaf in _leaves(examples):
            whole.update(leaf_bytes(leaf))
    return whole.hexdigest()


@lru_cache(maxsize=2)
def named(examples: Examples, data_root: str) -> Manifest | None:
    """The manifest of the files that the task names; None where it names none."""
    files = [Path(file) for file in examples.splits.files]
    return manifest(Path(data_root), files) if files else None


def _leaves(examples: Examples) -> Any:
    """Tensors, or whatever else examples consist of, in their order."""
    dataset = examples.splits.examples
    if type(dataset) is TensorDataset:
        yield from dataset.tensors
        return
    for number in range(examples.count):
        item = examples.item(number, number)
        yield from tree_flatten(item)[0]
        yield _plain(tree_map(lambda _: 0, item))  # names of a dict, and where one list ends and the next begins


def leaf_bytes(leaf: Any) -> bytes:
    """The bytes of one part of an example."""
    if isinstance(leaf, Tensor):
        array = leaf.detach().contiguous().cpu().numpy()
        return f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
    if isinstance(leaf, np.ndarray):
        return f"{leaf.dtype.str}{leaf.shape}".encode() + np.ascontiguousarray(leaf).tobytes()
    if isinstance(leaf, bool | int | float | str | bytes | type(None)):
        return repr(leaf).encode() + b"\n"  # or 1, 23 would be 12, 3
    pixels = getattr(leaf, "tobytes", None)  # an image of PIL
    return pixels() if callable(pixels) else _plain(leaf).encode()


def _plain(value: object) -> str:
    """A value in words, without the place in memory that it has."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip().rstrip(".")
