"""Loss and score of examples that a network was not trained on, with whatever else its task records of each.

Noise, of a VAE or a diffusion step, is drawn from a stream of (seed, replicate, place): the same for dense and ticket,
so that their differences stay paired.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from ticketsmith.errors import UsageError
from ticketsmith.lottery.metric import Metric

from .examples import Batch, Examples
from .roles import PADDING, TEST, VALIDATION
from .seeds import seed_of, seeded
from .splits import Numbers, Split
from .tasks import Task

Records = dict[str, Tensor]
PART = 1024  # examples at a time: what a layer says of more does not stay in the cache
NUMBERS = 2**20  # of the inputs at a time, where examples are large
RESERVED = ("example", "role", "group", "loss", "score", "untrained", "baseline")  # columns that are no task's


@dataclass(frozen=True)
class Evaluation:
    """Examples of one replicate, and the task that measures a network on them."""

    task: Task
    examples: Examples
    seed: int
    replicate: int

    def columns(self, model: nn.Module, numbers: Numbers, *, recorded: bool) -> Records:
        """`loss` and `score`, fp32, and if `recorded` what the task records: (n,) each, on the CPU."""
        parts = [self._part(model, place, part, recorded) for place, part in enumerate(self.parts(numbers))]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def look(self, model: nn.Module, numbers: Numbers) -> tuple[float, float]:
        """Mean loss and mean score; neither need be finite."""
        columns = self.columns(model, numbers, recorded=False)
        return float(columns["loss"].double().mean()), float(columns["score"].double().mean())

    def records(self, model: nn.Module, split: Split) -> Records:
        """The record of a network: `example` int32, `role` uint8, `loss`, `score`, and the task's own columns."""
        numbers = held_out(split)
        role = torch.full((len(numbers),), TEST, dtype=torch.uint8)
        role[: len(split.validation)] = VALIDATION
        record = {"example": torch.from_numpy(numbers.astype(np.int32)), "role": role}
        if self.examples.groups is not None:
            record["group"] = torch.from_numpy(self.examples.groups[numbers].astype(np.int32))
        return record | self.columns(model, numbers, recorded=True)

    def parts(self, numbers: Numbers) -> Iterator[Numbers]:
        """As many examples at a time as an answer is asked for."""
        size = min(PART, max(1, NUMBERS // self.examples.largest))
        return (numbers[first : first + size] for first in range(0, len(numbers), size))

    def batch(self, numbers: Numbers) -> Batch:
        """The examples with these numbers, each with what it draws at an evaluation."""
        return self.examples.batch(numbers, lambda n: seed_of(self.seed, self.replicate, f"evaluation/example/{n}"))

    def noise(self, place: int) -> int:
        """The seed of what the task's functions draw for the part at this place."""
        return seed_of(self.seed, self.replicate, f"evaluation/{place}")

    def _part(self, model: nn.Module, place: int, numbers: Numbers, recorded: bool) -> Records:
        batch, task = moved(self.batch(numbers), _device(model)), self.task
        # Not inference mode: what a network keeps of a pass, such as a mask, has to do in training as well.
        with seeded(self.noise(place)), torch.no_grad(), remembered(model) as again:
            with task.told("loss"):
                loss = task.loss(model, batch)
            again()
            with task.told("score"):
                score = loss if task.score is task.loss else task.score(model, batch)
            values = {"loss": self.column("loss", loss, len(numbers), scalar=score is not loss), "score": score}
            again()
            if recorded and task.record is not None:
                with task.told("record"):
                    columns = task.record(model, batch)
                values |= self._own(columns)
        return {
            name: self.column(name, value, len(numbers)).cpu().to(_kind(name, value)) for name, value in values.items()
        }

    def _own(self, columns: Any) -> Mapping[str, Tensor]:
        """Raises UsageError for what is no dict, and for columns that every record has."""
        if not isinstance(columns, Mapping):
            got = type(columns).__name__
            raise UsageError(f"record() of task {self.task.module} gives a {got}", "a dict: names, and (B,) tensors")
        if taken := sorted({*columns} & {*RESERVED}):
            raise UsageError(f"record() of task {self.task.module} gives {', '.join(taken)}", "take another name")
        return columns

    def column(self, name: str, value: Any, count: int, *, scalar: bool = False) -> Tensor:
        """Raises UsageError unless there is a number for each example."""
        if scalar and isinstance(value, Tensor) and value.dim() == 0:
            return value.expand(count)
        if isinstance(value, Tensor) and value.shape == (count,):
            return value.detach()
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        fix = (
            "take reduction='none' and the mean over all axes but the first; a scalar will do where `score` gives (B,)"
            if name == "loss"
            else "one number for each example"
        )
        raise UsageError(f"{name}() of task {self.task.module} gives {got} for {count} examples, not ({count},)", fix)


def held_out(split: Split) -> Numbers:
    """The examples of a record, in its order."""
    return np.concatenate([split.validation, split.test])


def moved(batch: Batch, device: torch.device) -> Batch:
    """A batch on a device."""
    if device.type == "cpu":
        return batch
    return tree_map(lambda leaf: leaf.to(device) if hasattr(leaf, "to") else leaf, batch)


def mean(values: Tensor) -> float | None:
    """In double precision; None if it is not finite."""
    average = float(values.double().mean())
    return average if math.isfinite(average) else None


def of_test(records: Records, name: str) -> Tensor:
    """A column on the test split."""
    return records[name][records["role"] == TEST]


def score_of(records: Records, metric: Metric) -> float | None:
    """The score of a test set: the mean of its examples', or what the metric makes of all; None if it is not finite.

    Raises UsageError where a metric of the whole lacks columns, or examples of a class.
    """
    scores = of_test(records, "score")
    if metric.whole is None or not bool(scores.isfinite().all()):
        return mean(scores)
    from .objectives.whole import whole  # and scipy, which no other metric waits for

    return whole(metric, {name: of_test(records, name).numpy() for name in records})


def stack_ragged(members: list[Records]) -> Records:
    """R records of unequal length (folds differ in size) to (R, M): short ones end in example -1 with role PADDING."""
    longest = max(len(member["role"]) for member in members)

    def padded(tensor: Tensor, fill: int) -> Tensor:
        return torch.cat([tensor, torch.full((longest - len(tensor),), fill, dtype=tensor.dtype)])

    fills = {"example": -1, "role": PADDING}
    rows = [{name: padded(tensor, fills.get(name, 0)) for name, tensor in member.items()} for member in members]
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


@contextmanager
def remembered(model: nn.Module) -> Iterator[Callable[[], None]]:
    """Let a network be asked once for the same tensors: loss, score and record of a batch read one forward pass.

    It is asked again where one of them, or of its answer, was changed in place since; and by a function that asks
    twice, since what the network draws is another each time. What is yielded is called between two functions.
    """
    forward: Callable[..., Any] = model.forward
    own = vars(model).get("forward")  # of a network whose forward pass was put on it
    answers: list[tuple[list[Any], Any, list[int]]] = []
    given_out: set[int] = set()  # places of the answers that the function at work has had

    def once(*args: Any, **kwargs: Any) -> Any:
        given = [model.training, *args, *kwargs, *kwargs.values()]
        for place, (known, answer, versions) in enumerate(answers):
            if place not in given_out and _same(known, given) and versions == _versions(known, answer):
                given_out.add(place)
                return answer
        answer = forward(*args, **kwargs)
        given_out.add(len(answers))
        answers.append((given, answer, _versions(given, answer)))
        return answer

    model.forward = once
    try:
        yield given_out.clear
    finally:
        del model.forward
        if own is not None:
            model.forward = own


def _same(known: list[Any], given: list[Any]) -> bool:
    return len(known) == len(given) and all(a is b for a, b in zip(known, given, strict=True))


def _versions(*trees: Any) -> list[int]:
    """Number of writes to each tensor; those of inference mode do not count theirs."""
    tensors = (leaf for leaf in tree_leaves(trees) if isinstance(leaf, Tensor))
    return [0 if tensor.is_inference() else tensor._version for tensor in tensors]


def _device(model: nn.Module) -> torch.device:
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def _kind(name: str, value: Tensor) -> torch.dtype:
    return torch.float32 if name in ("loss", "score") or value.dtype in (torch.float64, torch.bfloat16) else value.dtype
