"""Back-ends that may be timed: those whose outputs are right. Decided before any time is compared.

Otherwise another network might be timed (NNI PR 2559, llm-compressor PR 1153), or one that is wrong at some batch size
(DeepSparse 1.8 at 16).

N: examples.  F: all numbers of an example's output.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ticketsmith.lottery.results import Refusal

from ..inputs import CHUNK, Inputs, batches, call, changed, chunks, count, outputs, rows, tensors
from ..subject import Subject
from . import Backend, Forward, Kind, NotApplicable

TOLERANCE = 1e-4
"""Tolerance of outputs, as a share of an example's largest one, or of 1: fp32 rounds in proportion to its sums."""
TOLERANCES = {"bfloat16": 0.1, "float16": 0.02}
"""Tolerance of other precisions, whose decisions may differ: they are named, and no ratio is to them."""
LOOSE = 0.25
"""Distance of int8 from fp32: root mean squares of differences over those of outputs, both over all examples at once.

Networks that were tried are within 0.08; wrong ones are at 1 or beyond. Predictions may differ: that is for the gate.
"""
TAILS = (3, 17)
"""Batches that no tile is made for."""
EXACT = 256
"""Examples that are held against float64, which takes long."""
REASON = 240  # characters of what a runtime says: OpenVINO says it in its last line
CALLS = 4096
"""Calls of a back-end at one batch size, at most: a network may take a tenth of a second for an example."""


class Unequal(Exception):
    """The outputs are not those of the reference. The message says how they differ."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Back-ends that may be timed, how far off those of the ticket were, and those that were refused."""

    forwards: dict[str, Forward]
    differences: dict[str, float]
    """Largest absolute difference to the masked network's outputs, of the back-ends that run the ticket."""
    refused: list[Refusal]
    cold: dict[str, float]
    """Seconds until the first outputs: everything is built, and one example answered."""

    def without(self, refused: Iterable[Refusal]) -> "Admission":
        """The same, less what another process has refused."""
        new = {refusal.backend: refusal for refusal in refused if refusal.backend in self.forwards}
        return replace(
            self,
            forwards={name: forward for name, forward in self.forwards.items() if name not in new},
            differences={name: difference for name, difference in self.differences.items() if name not in new},
            refused=[*self.refused, *new.values()],
            cold={name: seconds for name, seconds in self.cold.items() if name not in new},
        )


def admit(
    backends: Mapping[str, Backend],
    subject: Subject,
    batch_sizes: Sequence[int],
    tell: Callable[[int], None] = lambda done: None,
) -> Admission:
    """Build each back-end and check it on all inputs of the subject, at every batch size that is to be timed.

    One that runs the dense network has to equal it, any other one the masked network: in fp32, and in float64 on some
    examples; one in int8 has to be near it. What runs the ticket is tried on tails and on NaN as well. `tell` hears how
    many have been tried.
    """
    forwards, differences, refused, cold = {}, {}, [], {}
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        references = {
            True: _Reference(subject.dense, subject.inputs),
            False: _Reference(subject.masked, subject.inputs),
        }
        for tried, (name, backend) in enumerate(backends.items()):
            tell(tried)
            kind = backend.KIND
            check = _checked(kind, references[kind.dense])
            try:
                began = time.perf_counter()
                forward = _built(backend, subject)
                forward(rows(subject.inputs, slice(1)))
                seconds = time.perf_counter() - began
                difference = max(check.whole(forward, size) for size in batch_sizes)
                if kind.ticket:
                    check.odd(forward)
            except (NotApplicable, Unequal) as reason:
                refused.append(Refusal(backend=name, reason=str(reason)))
                continue
            except Exception as error:  # of whatever runtime: one that fails may not take the others with it
                text = " ".join(str(error).split())[:REASON]
                refused.append(Refusal(backend=name, reason=f"it failed: {type(error).__name__}: {text}"))
                continue
            forwards[name], cold[name] = forward, seconds
            if not kind.dense:
                differences[name] = difference
    return Admission(forwards=forwards, differences=differences, refused=refused, cold=cold)


def _checked(kind: Kind, reference: "_Reference") -> "_Check":
    if kind.judged:
        return _Near(reference, LOOSE)
    return _Check(reference, TOLERANCES.get(kind.precision, TOLERANCE))


def _built(backend: Backend, subject: Subject) -> Forward:
    with torch.inference_mode(False):  # what is traced or compiled there would be for inference mode alone
        return backend.build(subject)


class _Reference:
    """A network's answers to all examples; from a seed, for each batch size, if it draws random numbers."""

    def __init__(self, network: nn.Module, inputs: Inputs) -> None:
        self.network, self.inputs = network, inputs
        self._by_size: dict[int, list[Tensor]] = {}

    @cached_property
    def random(self) -> bool:
        """The network answers otherwise where torch's stream is elsewhere."""
        few, torch_state = rows(self.inputs, slice(TAILS[0])), torch.get_rng_state()
        call(self.network, few)
        return not torch.equal(torch_state, torch.get_rng_state())

    @cached_property
    def exact(self) -> list[Tensor] | None:
        """Some answers in float64; None where the network cannot be in it, or draws."""
        if self.random:
            return None
        try:
            few = changed(rows(self.inputs, slice(EXACT)), lambda x: x.double() if x.is_floating_point() else x)
            return outputs(call(deepcopy(self.network).double(), few))
        except RuntimeError:  # it names float32 somewhere
            return None

    def at(self, size: int) -> list[Tensor]:
        """All answers, from batches of a size where that matters."""
        if not self.random:
            size = CHUNK
        if size not in self._by_size:
            parts = batches(self.inputs, size) if self.random else chunks(self.inputs, size)
            self._by_size[size] = self.joined(lambda part: call(self.network, part), parts)
        return self._by_size[size]

    def joined(self, function: Callable[[Any], Any], parts: Iterable[Inputs]) -> list[Tensor]:
        """Outputs for several batches, one after the other."""
        answers = [self.answer(function, part) for part in parts]
        return [torch.cat(leaves) for leaves in zip(*answers, strict=True)]

    def answer(self, function: Callable[[Any], Any], inputs: Inputs) -> list[Tensor]:
        """Outputs by example. For a network that draws, torch's stream begins anew."""
        if self.random:
            torch.manual_seed(0)
        return [leaf for leaf in outputs(function(inputs)) if len(leaf) == count(inputs)]


@dataclass(frozen=True)
class _Check:
    reference: _Reference
    tolerance: float

    def whole(self, forward: Forward, size: int) -> float:
        """Examples in batches of one size. The largest absolute difference; raises Unequal."""
        parts = batches(self.reference.inputs, size)[:CALLS]
        answers = self.reference.joined(forward, parts)
        examples = min(count(self.reference.inputs), size * len(parts))
        try:
            if exact := self.reference.exact:
                compare(_first(answers, min(EXACT, examples)), _first(exact, examples), self.tolerance)
            return compare(_first(answers, examples), _first(self.reference.at(size), examples), self.tolerance)
        except Unequal as reason:
            drawn = ": the network draws random numbers, and here others" if self.reference.random else ""
            raise Unequal(f"at batch size {size}: {reason}{drawn}") from None

    def odd(self, forward: Forward) -> None:
        """Batches of odd sizes; and a sample that is no number, which may not touch its neighbours. Raises Unequal."""
        for size in TAILS:
            few = rows(self.reference.inputs, slice(size))
            before = self.reference.answer(forward, few)
            try:
                compare(before, _first(self.reference.at(size), count(few)), self.tolerance)
            except Unequal as reason:
                raise Unequal(f"at batch size {count(few)}: {reason}") from None
            if any(x.is_floating_point() for x in tensors(few)):
                self.spoilt(before, self.reference.answer(forward, changed(few, _spoilt)), size)

    def spoilt(self, before: list[Tensor], after: list[Tensor], size: int) -> None:
        """Outputs for a batch whose last sample is no number, against those before. Raises Unequal."""
        for clean, dirty, reference in zip(before, after, self.reference.at(size), strict=True):
            if not torch.equal(dirty[:-1], clean[:-1]):
                raise Unequal("a sample that is no number changes the outputs of others")
            reads = (reference != reference[:1]).any(0)
            if not bool(dirty[-1][reads].isnan().all()):
                raise Unequal("a sample that is no number gets outputs that are")


@dataclass(frozen=True)
class _Near(_Check):
    """The check of int8, whose numbers are others: they are judged by the gate, once it is the same network."""

    def whole(self, forward: Forward, size: int) -> float:
        """Examples in batches of one size, and beside other neighbours. Raises Unequal, also if the network draws."""
        if self.reference.random:
            raise Unequal("the network draws random numbers, and here others")
        parts = batches(self.reference.inputs, size)[:CALLS]
        answers = self.reference.joined(forward, parts)
        examples = min(count(self.reference.inputs), size * len(parts))
        try:
            difference = near(_first(answers, examples), _first(self.reference.at(size), examples), self.tolerance)
        except Unequal as reason:
            raise Unequal(f"at batch size {size}: {reason}") from None
        self.moved(forward, parts[0], size // 2)
        return difference

    def moved(self, forward: Forward, batch: Inputs, half: int) -> None:
        """The first half of a batch beside copies of itself. Raises Unequal if it is another one's business."""
        if not half:
            return
        beside = changed(batch, lambda x: torch.cat([x[:half], x[: len(x) - half].flip(0)]))
        ours, theirs = (_first(self.reference.answer(forward, inputs), half) for inputs in (beside, batch))
        try:
            near(ours, theirs, self.tolerance)
        except Unequal as reason:
            raise Unequal(f"an example's outputs depend on its neighbours: {reason}") from None


def near(answer: Any, reference: Any, tolerance: float = LOOSE) -> float:
    """The largest absolute difference of any output. Raises Unequal for one that is farther off than the tolerance."""
    ours, theirs = _paired(answer, reference)
    return max(_distance(*pair, tolerance) for pair in zip(ours, theirs, strict=True))


def _distance(values: Tensor, reference: Tensor, tolerance: float) -> float:
    _same_form(values, reference)
    differences = values.double() - reference.double()
    size = reference.double().square().mean().sqrt().clamp(min=torch.finfo(torch.float32).tiny)
    apart = float(differences.square().mean().sqrt() / size)
    if not apart <= tolerance:
        raise Unequal(f"outputs are {apart:.3g} of their size from the reference, {tolerance:g} is allowed")
    return float(differences.abs().max())


def _first(answers: list[Tensor], examples: int) -> list[Tensor]:
    return [leaf[:examples] for leaf in answers]


def _spoilt(values: Tensor) -> Tensor:
    values = values.clone()
    if values.is_floating_point():
        values[-1] = torch.nan
    return values


def compare(answer: Any, reference: Any, tolerance: float = TOLERANCE) -> float:
    """The largest absolute difference of any output. Raises Unequal, also if one decides otherwise in no tie."""
    return max(_compare(*pair, tolerance) for pair in zip(*_paired(answer, reference), strict=True))


def _paired(answer: Any, reference: Any) -> tuple[list[Tensor], list[Tensor]]:
    ours, theirs = outputs(answer), outputs(reference)
    if len(ours) != len(theirs) or not theirs:
        raise Unequal(f"it has {len(ours)} outputs of floats by example, expected {len(theirs) or 'one at least'}")
    return ours, theirs


def _same_form(values: Tensor, reference: Tensor) -> None:
    if values.shape != reference.shape:
        raise Unequal(f"outputs have shape {tuple(values.shape)}, expected {tuple(reference.shape)}")
    if not bool(values.isfinite().all()):
        raise Unequal("outputs are not finite")


def _compare(values: Tensor, reference: Tensor, tolerance: float) -> float:
    _same_form(values, reference)
    values_NF, reference_NF = values.reshape(len(values), -1), reference.reshape(len(reference), -1)
    allowed_N = tolerance * reference_NF.double().abs().amax(1).clamp(min=1)
    differences_N = (values_NF.double() - reference_NF.double()).abs().amax(1)
    if not bool((differences_N <= allowed_N).all()):  # also where the reference is NaN
        worst = float((differences_N / allowed_N).max()) * tolerance
        raise Unequal(f"outputs differ from the reference by up to {worst:.3g} of its scale, {tolerance:g} is allowed")
    if values.dim() == 2 and (changed := _decided_otherwise(values, reference, allowed_N)):
        raise Unequal(f"{changed} of {len(values)} predictions differ from the reference")
    return float(differences_N.max())


def _decided_otherwise(values_NF: Tensor, reference_NF: Tensor, allowed_N: Tensor) -> int:
    """Examples whose largest output is another one, and not by a tie."""
    chosen_N = reference_NF.gather(1, values_NF.max(1, keepdim=True).indices).squeeze(1)
    return int((reference_NF.amax(1) - chosen_N > allowed_N).sum())
