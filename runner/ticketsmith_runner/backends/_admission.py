"""Which back-ends may be timed: those whose outputs are right. Decided before any time is taken.

Otherwise another network might be timed (NNI PR 2559, llm-compressor PR 1153), or one that is wrong at some batch size.

N: examples.  C: classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ticketsmith.lottery.results import Refusal

from ..timing import batches
from . import Backend, Forward, NotApplicable

TOLERANCE = 1e-4
"""Of logits, as a share of an example's largest one, or of 1: fp32 rounds in proportion to what it sums."""


class Unequal(Exception):
    """The outputs are not those of the reference. The message says how they differ."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Who may be timed, how far off each ticket back-end was, and who was refused."""

    forwards: dict[str, Forward]
    differences: dict[str, float]
    """Largest absolute difference to the masked network's logits, of the back-ends that run the ticket."""
    refused: list[Refusal]


def admit(
    backends: Mapping[str, Backend],
    dense: nn.Module,
    masked: nn.Module,
    masks: dict[str, Tensor],
    inputs: Tensor,
    batch_sizes: Sequence[int],
) -> Admission:
    """Build each back-end and check it on all `inputs` (N, ...), at every batch size that is to be timed.

    A dense back-end has to equal the dense network, any other one the masked network.
    """
    forwards, differences, refused = {}, {}, []
    for name, backend in backends.items():
        reference = dense if backend.DENSE else masked
        try:
            forward = backend.build(dense, masked, masks, inputs.shape[1:])
            difference = max(_difference(forward, reference, batches(inputs, size)) for size in batch_sizes)
        except (NotApplicable, Unequal) as reason:
            refused.append(Refusal(backend=name, reason=str(reason)))
            continue
        forwards[name] = forward
        if not backend.DENSE:
            differences[name] = difference
    return Admission(forwards=forwards, differences=differences, refused=refused)


def compare(outputs_NC: Tensor, reference_NC: Tensor) -> float:
    """The largest absolute difference. Raises Unequal beyond TOLERANCE, or if a prediction differs that is no tie."""
    if outputs_NC.shape != reference_NC.shape:
        raise Unequal(f"outputs have shape {tuple(outputs_NC.shape)}, expected {tuple(reference_NC.shape)}")
    if not bool(outputs_NC.isfinite().all()):
        raise Unequal("outputs are not finite")
    allowed_N = TOLERANCE * reference_NC.double().abs().amax(1).clamp(min=1)
    differences_N = (outputs_NC.double() - reference_NC.double()).abs().amax(1)
    if not bool((differences_N <= allowed_N).all()):  # also where the reference is NaN
        worst = float((differences_N / allowed_N).max()) * TOLERANCE
        raise Unequal(f"outputs differ from the reference by up to {worst:.3g} of its scale, {TOLERANCE:g} is allowed")
    chosen_N = reference_NC.gather(1, outputs_NC.argmax(1, keepdim=True)).squeeze(1)
    if changed := int((reference_NC.amax(1) - chosen_N > allowed_N).sum()):
        raise Unequal(f"{changed} of {len(outputs_NC)} predictions differ from the reference")
    return float(differences_N.max())


def _difference(forward: Forward, reference: nn.Module, parts: list[Tensor]) -> float:
    size = len(parts[0])
    with torch.inference_mode():
        try:
            return compare(torch.cat([forward(part) for part in parts]), reference(torch.cat(parts)))
        except Unequal as reason:
            raise Unequal(f"at batch size {size}: {reason}") from None
