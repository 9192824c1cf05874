"""One batch through `loss`, `score`, `record`, `inputs` and `sample`: shapes, types, finite values."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..declared import NAMES, SCALES, classes, scaling
from ..evaluate import RESERVED, moved
from ..inputs import call, outputs
from ..objectives.whole import complete
from ..samples import CHANNELS
from ..seeds import seeded
from ..splits import Numbers
from ..wording import FIX, vocabulary
from .findings import Sentence, note, problem, some
from .trial import Trial, tensors

ONE_EACH = "return one number for each example"


def inputs_are_finite(trial: Trial) -> Iterator[Sentence]:
    """Every number of the batch that goes in, and of all examples where they are in memory."""
    numbers, held = trial.numbers, trial.examples.tensors
    every = np.arange(trial.examples.count)
    for place, leaf in enumerate(tensors(trial.batch)):
        if not len(leaf.shape) or len(leaf) != len(numbers):
            yield problem(
                f"part {place} of a batch of {len(numbers)} examples has the shape {tuple(leaf.shape)}",
                "the examples are the first axis of each tensor of a batch: mend `collate`",
            )
        elif bad := _bad(leaf, numbers) if held is None else _bad(tensors(held)[place], every):
            yield problem(f"the data is NaN or infinite in {bad}", "leave such examples out, or fill them in")


def losses(trial: Trial) -> Iterator[Sentence]:
    """(B,), or a scalar where there is a score; a network in training and one in evaluation."""
    loss = trial.asks("loss", trial.fresh().train(), trial.batch)
    if isinstance(loss, Tensor) and not loss.dim():
        if not hasattr(trial.task.code, "score"):
            yield problem(
                "loss() gives one number for a batch, and the task has no score()",
                "take reduction='none' and the mean over all axes but the first, or write a score() of (B,)",
            )
        if not loss.isfinite():
            yield problem(f"loss() gives {float(loss)} for the first batch", _look(trial))
        return
    yield from _column(
        trial, "loss", loss, "take reduction='none' and the mean over all axes but the first, as in loss.mean((1, 2))"
    )


def scores(trial: Trial) -> Iterator[Sentence]:
    """(B,) in units of the metric."""
    if hasattr(trial.task.code, "score"):
        score = trial.asks("score", trial.network.eval(), trial.batch)
        yield from _column(trial, "score", score, ONE_EACH)


def columns(trial: Trial) -> Iterator[Sentence]:
    """Whatever the task records besides, and what a score of the whole test set is made of."""
    record = {} if trial.task.record is None else trial.asks("record", trial.network.eval(), trial.batch)
    if not isinstance(record, Mapping):
        yield problem(f"record() returns a {type(record).__name__}", "return a dict: a name, and a tensor of (B,)")
        return
    if taken := sorted({*record} & {*RESERVED}):
        yield problem(f"record() has columns that are the runner's: {some(taken)}", "give them other names")
    for name, value in record.items():
        yield from _column(trial, f"record()[{name!r}]", value, ONE_EACH, finite=False)
    complete(trial.task.metric, {"score", *record})


def answers(trial: Trial) -> Iterator[Sentence]:
    """The best answer without a network, fitted to one batch and asked about the same."""
    if (fit := trial.task.baseline) is None:
        return
    with seeded(0), torch.no_grad(), trial.task.told("baseline"):
        scores = fit(trial.batch)(trial.batch)
    yield from _column(trial, "baseline", scores, ONE_EACH)
    if trial.task.metric.whole == "f1":
        yield problem(
            "baseline() gives scores, and F1 is made of predictions", "leave it out: F1 has the best constant"
        )


def arguments(trial: Trial) -> Iterator[Sentence]:
    """The network answers what `inputs` gives."""
    network, where = trial.network.eval(), trial.task.told("inputs")
    with seeded(0), torch.no_grad(), where:
        given = trial.task.inputs(moved(trial.batch, torch.device("cpu")))
        try:
            if isinstance(given, dict):
                network(**given)
            else:
                network(*(given if isinstance(given, tuple) else (given,)))
        except TypeError as error:
            yield problem(
                f"the network does not take what inputs() gives: {error}",
                "write inputs(batch): a tensor, a tuple, or a dict by name; a benchmark calls the network with it",
            )


def sampled(trial: Trial) -> Iterator[Sentence]:
    """Texts, or images in [0, 1], the same for one stream."""
    if (sample := trial.task.sample) is None:
        return

    def drawn(seed: int) -> list[Any]:
        with seeded(seed), torch.inference_mode(), trial.task.told("sample"):
            return list(sample(trial.network.eval(), torch.Generator().manual_seed(1)))

    first, again = drawn(0), drawn(0)
    if any(not isinstance(one, str | Tensor) for one in first):
        yield problem(f"sample() gives {type(first[0]).__name__}s", "give texts, or images (C, H, W) in [0, 1]")
        return
    if images := [one for one in first if isinstance(one, Tensor)]:
        wrong = [tuple(one.shape) for one in images if one.dim() != 3 or one.shape[0] not in CHANNELS]
        if wrong:
            yield problem(f"sample() gives an image of shape {wrong[0]}", "give (C, H, W) with 1 or 3 channels")
        elif any(float(one.min()) < 0 or float(one.max()) > 1 for one in images):
            yield note("sample() gives images outside [0, 1], which are cut off there", "apply a sigmoid, or clamp")
    if any(not _same(a, b) for a, b in zip(first, again, strict=True)):
        yield problem(
            "sample() draws others from the same stream", "draw from the generator that it is given, and from it alone"
        )


def worded(trial: Trial) -> Iterator[Sentence]:
    """A string for each token, as many as the network has outputs, or a tokenizer that has no more tokens."""
    if (words := vocabulary(trial.task)) is None:
        return
    with seeded(0), torch.no_grad(), trial.task.told("inputs"):
        given = trial.task.inputs(moved(trial.batch, torch.device("cpu")))
        shape = tuple(outputs(call(trial.network.eval(), given))[0].shape)
    try:
        words.matches(shape)
    except ValueError as error:
        yield problem(f"VOCABULARY of task {trial.task.module}: {error}", FIX)


def declared(trial: Trial) -> Iterator[Sentence]:
    """A scaling that fits the network's input, and a name for each output."""
    with seeded(0), torch.no_grad(), trial.task.told("inputs"):
        given = trial.task.inputs(moved(trial.batch, torch.device("cpu")))
        answer = outputs(call(trial.network.eval(), given))
    for name, made, parts, fix in (("SCALING", scaling, tensors(given), SCALES), ("CLASSES", classes, answer, NAMES)):
        try:
            if (declaration := made(trial.task)) is not None:
                declaration.fits(tuple(parts[0].shape[1:]) if len(parts) == 1 else ())
        except (TypeError, ValueError) as error:
            yield problem(f"{name} of task {trial.task.module}: {error}", fix)


def _column(trial: Trial, name: str, value: Any, fix: str, finite: bool = True) -> Iterator[Sentence]:
    count = len(trial.numbers)
    name = name if "(" in name else f"{name}()"
    if not isinstance(value, Tensor) or value.shape != (count,):
        shape = f"the shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        yield problem(f"{name} gives {shape} for a batch of {count} examples, not ({count},)", fix)
    elif finite and (bad := _bad(value, trial.numbers)):
        yield problem(f"{name} is NaN or infinite at the first batch, in {bad}", _look(trial))


def _bad(values: Tensor, numbers: Numbers) -> str:
    """The examples whose numbers are not finite."""
    if not values.is_floating_point():
        return ""
    wrong = ~values.detach().flatten(1).isfinite().all(1) if values.dim() > 1 else ~values.detach().isfinite()
    rows = numbers[wrong.cpu().numpy()]
    return f"{len(rows)} of {len(numbers)} examples: {some(rows)}" if len(rows) else ""


def _look(trial: Trial) -> str:
    return "look for a logarithm, a root or a division by zero, and at the scale of the data"


def _same(first: Any, second: Any) -> bool:
    return torch.equal(first, second) if isinstance(first, Tensor) else bool(first == second)
