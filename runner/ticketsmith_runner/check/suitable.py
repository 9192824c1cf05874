"""Trainers and back-ends: those that apply, and the reason of each that does not. Nothing is compiled to find out."""

from collections.abc import Callable
from shutil import which

from ticketsmith.lottery.choices import TRAINERS
from ticketsmith.lottery.examination import Suitability
from ticketsmith_runtime import batches
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.kernels.vectors import FULL, fill

from ..applicable import NotApplicable
from ..backends import Forward, every, mixed
from ..backends.ticket import foreign, instructions, one_by_one
from ..network import restore
from ..planner import _unable
from ..subject import Subject
from ..trainers import weights
from .trial import Trial

CUDA = "no GPU is here"


def trainers(trial: Trial) -> list[Suitability]:
    """Each trainer, with the rounds that it has."""
    training, choices = trial.spec.training, trial.choices
    rows = []
    for name in TRAINERS:
        levels = [level for level, choice in choices.items() if choice.trainer == name]
        reason = _unable(name, training, trial.network, trial.subject) or ""
        rows.append(Suitability(name=name, reason=reason, chosen=_rounds(levels, len(choices))))
    return rows


def backends(trial: Trial) -> list[Suitability]:
    """Each back-end of a benchmark."""
    subject = _subject(trial)
    return [Suitability(name=name, reason=_unsuited(name, subject)) for name in every()]


def _subject(trial: Trial) -> Subject:
    """theta_0 as dense network and, under the mask that the last round would have, as ticket."""
    dense, ticket, mask = trial.fresh().eval(), trial.fresh().eval(), dict(trial.last_mask)
    values = {name: value * mask[name] if name in mask else value for name, value in weights(trial.start).items()}
    restore(ticket, values)
    with trial.task.told("inputs"):
        inputs = trial.task.inputs(trial.batch)
    return Subject(replicate=0, dense=dense, masked=ticket, masks=mask, inputs=inputs)


def _unsuited(name: str, subject: Subject) -> str:
    """The reason why a back-end does not apply. A name that this function does not know is left to the benchmark."""
    try:
        if name.startswith("cuda"):
            _gpu()
        elif name == "compiled":
            _compiler()
        elif name.startswith(("onnxruntime", "openvino")):
            _library(name.partition("-")[0])
        elif look := KERNELS.get(name):
            look(subject)
    except (NotApplicable, Unsuited) as reason:
        return str(reason)
    return ""


def _gpu() -> None:
    import torch

    if not torch.cuda.is_available():
        raise NotApplicable(CUDA)


def _compiler() -> None:
    if not any(map(which, ("c++", "g++", "clang++"))):
        raise NotApplicable("torch.compile needs a C++ compiler, and none is on the PATH")


def _library(name: str) -> None:
    from importlib.util import find_spec

    if find_spec(name) is None:
        raise NotApplicable(f"{name} is not installed")


def _single(kernel: str) -> Callable[[Subject], None]:
    return lambda subject: one_by_one(subject.compacted, kernel)


def _tiled(kernel: str) -> Callable[[Subject], None]:
    return lambda subject: batches.suits(subject.compacted, kernel, instructions())


def _vectors(subject: Subject) -> None:
    if (share := fill(subject.compacted.layers())) < FULL:
        raise NotApplicable(f"its weights are no vectors of 16: they would fill {share:.0%} of the lanes")
    one_by_one(subject.compacted, "vectors")


def _compact(subject: Subject) -> None:
    _ = subject.compact


def _compact_onnxruntime(subject: Subject) -> None:
    _library("onnxruntime")
    _ = subject.compacted


def _operators(subject: Subject) -> None:
    """Traced, which takes seconds; nothing is made of it."""
    instructions()
    foreign(subject)
    _ = subject.network


def _lazy(made: Forward) -> None:
    """A back-end that makes its code at its first batch has said by then whether it applies."""


KERNELS: dict[str, Callable[[Subject], None]] = {
    "compact": _compact,
    "compact-onnxruntime": _compact_onnxruntime,
    "operators": _operators,
    "codegen": _tiled("codegen"),
    "datadriven": _tiled("datadriven"),
    "mixed": lambda subject: _lazy(mixed.build(subject)),
    "own-dense": lambda subject: batches.suits(subject.dense_graph, "datadriven", instructions()),
    "pell": _single("pell"),
    "pell19": _single("pell19"),
    "vectors": _vectors,
    "windows": _single("windows"),
}
"""Back-ends of the ticket runtime: the network is traced, and no code is made."""


def _rounds(levels: list[int], whole: int) -> str:
    """Levels in words: dense is level 0.

    >>> _rounds([0, 1, 2], 4), _rounds([0, 1], 2), _rounds([3], 4), _rounds([], 4)
    ('dense and rounds 1 to 2', 'everything', 'round 3', '')
    """
    if not levels:
        return ""
    if len(levels) == whole:
        return "everything"
    own = [level for level in levels if level]
    rounds = "" if not own else f"round {own[0]}" if len(own) == 1 else f"rounds {own[0]} to {own[-1]}"
    return " and ".join(filter(None, ["dense" if 0 in levels else "", rounds]))
