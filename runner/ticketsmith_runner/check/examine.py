"""Every check of a task, one after the other: all problems at once, and what the task would cost."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from torch.utils._pytree import keystr, tree_flatten_with_path

from ticketsmith.errors import TicketSmithError
from ticketsmith.lottery.examination import Examination, Finding, Splits

from ..events import tell
from ..importing import line_of
from ..tasks import MEND, options
from ..workers import single_thread
from . import functions, rungs, splits, streams, suitable, training, weights
from .findings import Sentence, problem
from .trial import Check, Trial

T = TypeVar("T")


def _made_of(part: Callable[[Trial], object]) -> Check:
    """A check that a part of the task can be made at all."""

    def check(trial: Trial) -> Iterator[Sentence]:
        part(trial)
        yield from ()

    return check


CHECKS: dict[str, tuple[Check, ...]] = {
    "file": (_made_of(lambda trial: trial.task.code),),
    "options": (_made_of(lambda trial: options(trial.task)),),
    "data": (_made_of(lambda trial: trial.examples),),
    "spec": (_made_of(lambda trial: trial.spec),),
    "model": (_made_of(lambda trial: trial.network),),
    "first batch": (functions.inputs_are_finite,),
    "loss": (functions.losses,),
    "score": (functions.scores,),
    "record": (functions.columns,),
    "baseline": (functions.answers,),
    "inputs": (functions.arguments,),
    "sample": (functions.sampled,),
    "vocabulary": (functions.worded,),
    "ends": (functions.declared,),
    "streams": (streams.theta, streams.noise, streams.examples),
    "weights": (weights.prunable, weights.tied, weights.frozen, weights.unused),
    "smaller": (rungs.smaller,),
    "splits": (splits.twins, splits.groups, splits.outcomes),
    "masks": (training.masked,),
    "training": (training.descends,),
    "memory": (training.room,),
}
"""Checks by the part that is looked at, in the order in which they are told."""


def examine(trial: Trial) -> Examination:
    """Make every check. None of them keeps another from being made, but for what it is made of."""
    single_thread()
    findings: list[Finding] = []
    for name, checks in CHECKS.items():
        tell({"event": "checking", "check": name})
        for check in checks:
            findings += [sentence.of(name) for sentence in _sentences(check, trial)]
    wrong = {finding.check for finding in findings if finding.kind == "problem"}
    first = {finding.text: finding for finding in reversed(findings)}
    tell({"event": "checking", "check": "back-ends"})
    return Examination(
        card=_or_none(lambda: trial.card),
        run=_or_none(lambda: trial.spec.run_id()),
        splits=_or_none(lambda: _splits(trial)),
        batch=_or_none(lambda: _parts(trial)) or [],
        findings=[finding for finding in findings if first[finding.text] is finding],
        passed=[name for name in CHECKS if name not in wrong],
        weights=_or_none(lambda: weights.table(trial)) or [],
        buffers=_or_none(lambda: len(list(trial.network.buffers()))) or 0,
        trainers=_or_none(lambda: suitable.trainers(trial)) or [],
        backends=_or_none(lambda: suitable.backends(trial)) or [],
        estimate=None if wrong else training.estimate(trial),
        files=_or_none(lambda: [str(file) for file in trial.examples.splits.files]) or [],
    )


def _sentences(check: Check, trial: Trial) -> list[Sentence]:
    """Findings of one check, up to the one that ends it. Raises what can only be a bug."""
    sentences: list[Sentence] = []
    try:
        sentences.extend(check(trial))
    except TicketSmithError as error:
        text, fix = error.args
        sentences.append(problem(text, "correct the line" if fix == MEND else fix))
    except Exception as error:
        if not (where := line_of(error, trial.task.folder)):
            raise
        sentences.append(problem(f"{type(error).__name__}{where}: {error}", "correct the line"))
    return sentences


def _or_none(make: Callable[[], T]) -> T | None:
    """The thing made, or None where a finding says already that it cannot be made."""
    try:
        return make()
    except (TicketSmithError, ValueError, RuntimeError):
        return None


def _splits(trial: Trial) -> Splits:
    split = trial.split
    folds = trial.examples.splits.folds
    return Splits(train=len(split.train), validation=len(split.validation), test=len(split.test), folds=folds)


def _parts(trial: Trial) -> list[str]:
    """`[0] float32 (64, 3, 32, 32)` for each part of a batch."""
    leaves, _ = tree_flatten_with_path(trial.batch)
    return [f"{keystr(path)} {_kind(leaf)}".strip() for path, leaf in leaves]


def _kind(leaf: object) -> str:
    shape = getattr(leaf, "shape", None)
    kind = str(getattr(leaf, "dtype", type(leaf).__name__)).removeprefix("torch.")
    return kind if shape is None else f"{kind} {tuple(shape)}"
