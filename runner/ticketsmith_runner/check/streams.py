"""The same stream gives the same bytes: of theta_0, of the loss, of an example."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten

from ..cards import leaf_bytes
from ..network import state
from .findings import Sentence, note, problem, some
from .trial import Trial

READ = 8
UNSEEDED = (
    "draw from torch's, NumPy's or Python's own generator, which the runner begins anew for each replicate, update and "
    "example: no default_rng() without a seed, no generator of one's own, no clock, no `set` of texts"
)


def theta(trial: Trial) -> Iterator[Sentence]:
    """`model()` twice from one stream, and once from another."""
    first, again, other = (
        state(network) for network in (trial.fresh(), trial.fresh(), trial.context.network("init", 1))
    )
    if differ := [name for name in first if name not in again or not _equal(first[name], again[name])]:
        yield problem(f"model() draws other weights from the same stream: {some(differ)}", UNSEEDED)
    elif all(_equal(first[name], other[name]) for name in first):
        yield note(
            "model() gives the same weights in every stream: all replicates begin alike",
            "fine for pretrained weights; else remove the seed in model()",
        )


def noise(trial: Trial) -> Iterator[Sentence]:
    """The loss of one batch twice from one stream."""
    values = [trial.asks("loss", trial.fresh().train(), trial.batch, seed=7) for _ in range(2)]
    if not _equal(*values):
        yield problem("loss() gives other numbers in the same stream", UNSEEDED)


def examples(trial: Trial) -> Iterator[Sentence]:
    """The first examples, each read twice from one stream."""
    numbers = [int(number) for number in trial.numbers[:READ]]
    with trial.task.told("data"):
        pairs = [[_bytes(trial.examples.item(number, seed)) for seed in (3, 3, 4)] for number in numbers]
    if differ := [n for n, (first, again, _) in zip(numbers, pairs, strict=True) if first != again]:
        yield problem(f"examples differ when they are read again in the same stream: {some(differ)}", UNSEEDED)
    elif any(first != other for first, _, other in pairs):
        yield note("examples draw numbers (augmentation): each epoch sees others; test examples draw them too")


def _bytes(item: Any) -> bytes:
    return b"".join(leaf_bytes(leaf) for leaf in tree_flatten(item)[0])


def _equal(first: Any, second: Any) -> bool:
    """Equal bytes: NaN is NaN."""
    if not isinstance(first, Tensor) or not isinstance(second, Tensor):
        return bool(first == second)
    return first.shape == second.shape and torch.equal(first.nan_to_num(7.0), second.nan_to_num(7.0))
