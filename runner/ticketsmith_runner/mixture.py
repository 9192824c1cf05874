"""The layers of a ticket in int8 that are left in fp32, where all of them in int8 would cost too much.

Chosen on the validation split alone: the test split judges, and chooses nothing. A layer that costs much alone, for
each of its weights, is left first; then each that turns out not to be needed goes back to int8, the largest first.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from statistics import fmean

from ticketsmith.errors import Diverged, UsageError
from ticketsmith.lottery.steps import Benchmark
from ticketsmith_runtime.int8.quantization import PLAIN, Layer, Scheme, layers

from .applicable import NotApplicable
from .backends import Backend
from .context import Context
from .evaluate import Records, of_test, score_of
from .inputs import CHUNK
from .quantized import Member, cohorts, fixed, members, plain, records
from .splits import Numbers
from .subject import Subject

PART = 0.5
"""Share of the gate's margins that int8 may cost the ticket: the gate's bounds need the rest."""
REPLICATES, EXAMPLES = 5, 4096
"""At most; the examples those of all replicates together: what is searched has to end."""


def mixed(subject: Subject, backend: Backend, step: Benchmark, context: Context) -> Subject:
    """The subject with the scheme that its ticket is to have in int8; as it is, where there is no such ticket."""
    try:
        traced = subject.with_scheme(PLAIN)
    except NotApplicable:  # the back-end says why
        return subject
    left: tuple[str, ...] = ()
    with suppress(NotApplicable, Diverged, UsageError):  # the judgement asks the same of it, and says why
        trial = _Trial(traced, backend, step, context)
        left = searched(layers(traced.network), trial.alone, trial.enough)
    if context.spec.benchmark.ranges == "static":
        return fixed(traced, left, context.validation(subject.replicate))
    return traced.with_scheme(Scheme(left=left))


def searched(
    given: Sequence[Layer], alone: Callable[[str], float], enough: Callable[[Collection[str]], bool]
) -> tuple[str, ...]:
    """Names of the layers that are left in fp32, as few weights as this finds; none where int8 costs little enough.

    `alone`: the loss that a layer adds, the only one in int8.  `enough`: does it cost little enough with these left?
    Three questions for each layer at most, and one.
    """
    if enough(()):
        return ()
    sizes = Counter[str]()
    for layer in given:
        sizes[layer.name] += layer.weights
    costs = {name: alone(name) / max(size, 1) for name, size in sizes.items()}
    left: list[str] = []
    for name in sorted(costs, key=lambda name: -costs[name]):
        left.append(name)
        if len(left) == len(sizes) or enough(left):
            break
    for name in sorted(left, key=lambda name: -sizes[name]):
        if enough(fewer := [layer_name for layer_name in left if layer_name != name]):
            left = fewer
    return tuple(name for name in sizes if name in left)


@dataclass(frozen=True)
class _Known:
    """A replicate, with what its ticket reaches in fp32 on its validation split."""

    member: Member
    numbers: Numbers
    """Of the examples."""
    score: float
    loss: float


class _Trial:
    """Tickets of some replicates on their validation splits, with some layers in int8."""

    def __init__(self, subject: Subject, backend: Backend, step: Benchmark, context: Context) -> None:
        self._backend, self._metric, rule = backend, context.metric, context.spec.gate
        others = [r for cohort in cohorts(step) for r in context.replicates(cohort.dense) if r != subject.replicate]
        chosen = [subject.replicate, *others][:REPLICATES]
        known, dense = [], []
        for replicate in members(subject, step, context, chosen):
            numbers = replicate.split.validation[: max(1, EXAMPLES // len(chosen))]
            score, loss = self._reached(plain(replicate, replicate.subject.masked, numbers))
            of_dense, _ = self._reached(plain(replicate, replicate.subject.dense, numbers))
            if math.isfinite(score + loss + of_dense):
                known.append(_Known(replicate, numbers, score, loss))
                dense.append(of_dense)
        if not known:
            raise NotApplicable("no replicate has a score on its validation split")
        self._known = sorted(known, key=lambda replicate: chosen.index(replicate.member.measure.replicate))
        self._margin = rule.against(fmean(dense))
        self._loss_margin = math.inf if rule.loss_margin is None else rule.loss_margin

    def alone(self, name: str) -> float:
        """Loss that a layer adds to the first of the replicates, the only one in int8; infinite for no number."""
        first = self._known[0]
        others = [layer.name for layer in layers(first.member.subject.network) if layer.name != name]
        added = self._in_int8(first, others)[1] - first.loss
        return added if math.isfinite(added) else math.inf

    def enough(self, left: Collection[str]) -> bool:
        """Tell whether tickets with these layers left in fp32 cost no more than a part of the margins."""
        pairs = [(self._in_int8(replicate, left), replicate) for replicate in self._known]
        harm = fmean(self._metric.harm(score - replicate.score) for (score, _), replicate in pairs)
        added = fmean(loss - replicate.loss for (_, loss), replicate in pairs)
        return harm <= PART * self._margin and added <= PART * self._loss_margin

    def _in_int8(self, candidate: _Known, left: Collection[str]) -> tuple[float, float]:
        own = candidate.member.subject
        tried = own.with_scheme(replace(own.scheme, left=tuple(left)))
        return self._reached(records(replace(candidate.member, subject=tried), self._backend, candidate.numbers, CHUNK))

    def _reached(self, records: Records) -> tuple[float, float]:
        """Score and loss, NaN for what is not finite."""
        score = score_of(records, self._metric)
        return math.nan if score is None else score, float(of_test(records, "loss").double().mean())
