"""Which back-ends may be timed: those whose outputs are right. Decided before any time is compared.

Otherwise another network might be timed (NNI PR 2559, llm-compressor PR 1153), or one that is wrong at some batch size
(DeepSparse 1.8 at 16).

N: examples.  C: classes.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ticketsmith.lottery.results import Refusal

from ..timing import batches
from . import Backend, Forward, NotApplicable

TOLERANCE = 1e-4
"""Of logits, as a share of an example's largest one, or of 1: fp32 rounds in proportion to what it sums."""
TOLERANCES = {"bfloat16": 0.1, "float16": 0.02}
"""Of other precisions, whose predictions may differ: they are named, and no ratio is to them."""
TAILS = (3, 17)
"""Batches that no tile is made for."""
EXACT = 256
"""Examples that are held against float64, which takes long."""


class Unequal(Exception):
    """The outputs are not those of the reference. The message says how they differ."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Who may be timed, how far off each ticket back-end was, and who was refused."""

    forwards: dict[str, Forward]
    differences: dict[str, float]
    """Largest absolute difference to the masked network's logits, of the back-ends that run the ticket."""
    refused: list[Refusal]
    cold: dict[str, float]
    """Seconds until the first outputs: everything is built, and one example answered."""


def admit(
    backends: Mapping[str, Backend],
    dense: nn.Module,
    masked: nn.Module,
    masks: dict[str, Tensor],
    inputs: Tensor,
    batch_sizes: Sequence[int],
    tell: Callable[[int], None] = lambda done: None,
) -> Admission:
    """Build each back-end and check it on all `inputs` (N, ...), at every batch size that is to be timed.

    One that runs the dense network has to equal it, any other one the masked network: in fp32, and in float64 on some
    examples. What runs the ticket is tried on tails and on NaN as well. `tell` hears how many have been tried.
    """
    forwards, differences, refused, cold = {}, {}, [], {}
    references = {True: _Reference(dense, inputs), False: _Reference(masked, inputs)}
    for tried, (name, backend) in enumerate(backends.items()):
        tell(tried)
        kind = backend.KIND
        check = _Check(references[kind.dense], inputs, TOLERANCES.get(kind.precision, TOLERANCE))
        try:
            began = time.perf_counter()
            forward = backend.build(dense, masked, masks, inputs.shape[1:])
            with torch.inference_mode():
                forward(inputs[:1])
                seconds = time.perf_counter() - began
                difference = max(check.whole(forward, size) for size in batch_sizes)
                if kind.ticket:
                    check.odd(forward)
        except (NotApplicable, Unequal) as reason:
            refused.append(Refusal(backend=name, reason=str(reason)))
            continue
        except Exception as error:  # of whatever runtime: one that fails may not take the others with it
            said = str(error).strip().partition("\n")[0]
            refused.append(Refusal(backend=name, reason=f"it failed: {type(error).__name__}: {said}"))
            continue
        forwards[name], cold[name] = forward, seconds
        if not kind.dense:
            differences[name] = difference
    return Admission(forwards=forwards, differences=differences, refused=refused, cold=cold)


class _Reference:
    """What a network says of all examples."""

    def __init__(self, network: nn.Module, inputs: Tensor) -> None:
        with torch.inference_mode():
            self.outputs_NC: Tensor = network(inputs)
            self.exact_NC: Tensor = deepcopy(network).double()(inputs[:EXACT].double())


@dataclass(frozen=True)
class _Check:
    reference: _Reference
    inputs: Tensor
    tolerance: float

    def whole(self, forward: Forward, size: int) -> float:
        """All examples in batches of one size. The largest absolute difference; raises Unequal."""
        outputs_NC = torch.cat([forward(part) for part in batches(self.inputs, size)])[: len(self.inputs)]
        try:
            compare(outputs_NC[:EXACT], self.reference.exact_NC, self.tolerance)
            return compare(outputs_NC, self.reference.outputs_NC, self.tolerance)
        except Unequal as reason:
            raise Unequal(f"at batch size {size}: {reason}") from None

    def odd(self, forward: Forward) -> None:
        """Batches of odd sizes; and a sample that is no number, which may not touch its neighbours. Raises Unequal."""
        for size in TAILS:
            few = self.inputs[:size]
            try:
                compare(before_NC := forward(few), self.reference.outputs_NC[:size], self.tolerance)
            except Unequal as reason:
                raise Unequal(f"at batch size {len(few)}: {reason}") from None
            spoilt = few.clone()
            spoilt[-1] = torch.nan
            after_NC = forward(spoilt)
            if not torch.equal(after_NC[:-1], before_NC[:-1]):
                raise Unequal("a sample that is no number changes the outputs of others")
            reads_C = (self.reference.outputs_NC != self.reference.outputs_NC[:1]).any(0)
            if not bool(after_NC[-1, reads_C].isnan().all()):
                raise Unequal("a sample that is no number gets outputs that are")


def compare(outputs_NC: Tensor, reference_NC: Tensor, tolerance: float = TOLERANCE) -> float:
    """The largest absolute difference. Raises Unequal beyond the tolerance, or if a prediction differs in no tie."""
    if outputs_NC.shape != reference_NC.shape:
        raise Unequal(f"outputs have shape {tuple(outputs_NC.shape)}, expected {tuple(reference_NC.shape)}")
    if not bool(outputs_NC.isfinite().all()):
        raise Unequal("outputs are not finite")
    allowed_N = tolerance * reference_NC.double().abs().amax(1).clamp(min=1)
    differences_N = (outputs_NC.double() - reference_NC.double()).abs().amax(1)
    if not bool((differences_N <= allowed_N).all()):  # also where the reference is NaN
        worst = float((differences_N / allowed_N).max()) * tolerance
        raise Unequal(f"outputs differ from the reference by up to {worst:.3g} of its scale, {tolerance:g} is allowed")
    chosen_N = reference_NC.gather(1, outputs_NC.argmax(1, keepdim=True)).squeeze(1)
    if changed := int((reference_NC.amax(1) - chosen_N > allowed_N).sum()):
        raise Unequal(f"{changed} of {len(outputs_NC)} predictions differ from the reference")
    return float(differences_N.max())
