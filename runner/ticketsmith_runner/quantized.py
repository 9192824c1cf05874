"""Dense and ticket in int8, judged as a ticket is: the task scores every replicate on its test split.

The gate is the ticket's: paired with dense in fp32 by replicate and by example, the same margin, the same confidence.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import nn

from ticketsmith.errors import Diverged, UsageError
from ticketsmith.lottery.choices import TICKET_IN_INT8
from ticketsmith.lottery.results import Quantized, Speed
from ticketsmith.lottery.steps import Benchmark, Prune, Train
from ticketsmith_runtime.int8.quantization import Scheme, ranges

from .applicable import NotApplicable
from .arms import Arm, arm
from .backends import Backend, every
from .context import Context
from .evaluate import Evaluation, Records, of_test, score_of
from .inputs import CHUNK, Inputs, chunks, tensors
from .judgement import seen
from .replicate import network, weights
from .roles import TEST
from .served.ways import DENSE_INT8, TICKET_INT8
from .splits import Numbers, Split
from .standing_in import alike, asked, standing_in
from .steps.gate import ruling, score
from .subject import Networks, Subject
from .tensors import member

WATCHED = 16
"""Examples at a time whose values between all layers are in memory."""


@dataclass(frozen=True)
class Cohort:
    """Replicates that were trained together."""

    dense: Train
    ticket: Train
    mask: Prune


def cohorts(step: Benchmark) -> list[Cohort]:
    """All that the gate has seen, the step's own the last."""
    before = zip(step.earlier, step.earlier_tickets, step.earlier_masks, strict=True)
    return [*(Cohort(*steps) for steps in before), Cohort(step.dense, step.ticket, step.mask)]


@dataclass(frozen=True, kw_only=True)
class Member:
    """A replicate of the gate's, with what measures its networks."""

    measure: Evaluation
    split: Split
    subject: Subject


def judged(speed: Speed, backends: Mapping[str, Backend], subject: Subject, step: Benchmark, context: Context) -> Speed:
    """The same with verdicts on int8: the ticket, then dense, the fastest first; after a PASS, none on slower ones.

    What makes an arm's tokens or images may be none of these, and has its own verdict.
    """
    verdicts: list[Quantized] = []
    reasons: list[str] = []
    for ticket in (True, False):
        named = {name for name in backends if backends[name].KIND.ticket is ticket}
        try:
            for name in waiting(speed, named):
                verdicts.append(_judged(name, backends[name], subject, speed.headline.batch_size, step, context))
                if verdicts[-1].status == "PASS":
                    break
            server = serving(speed, ticket=ticket)
            if server and server not in {verdict.backend for verdict in verdicts}:
                verdicts.append(_judged(server, every()[server], subject, speed.headline.batch_size, step, context))
        except (NotApplicable, Diverged, UsageError) as error:
            reason = error.__cause__ if isinstance(error.__cause__, NotApplicable) else error
            reasons.append(f"{'the ticket' if ticket else 'dense'}: {reason}")
    return speed.model_copy(update={"quantized": verdicts, "unjudged": "; ".join(reasons) or None})


def waiting(speed: Speed, names: Collection[str]) -> Iterator[str]:
    """Those in int8, in the headline's batch: the fastest, and then those that are faster than what was chosen."""
    size, whole = speed.headline.batch_size, {name for name in names if speed.precisions.get(name) == "int8"}
    rows = [row for row in speed.rows if row.batch_size == size and row.backend in whole]
    for place, row in enumerate(sorted(rows, key=lambda row: row.p50)):
        if not place or row.p50 < speed.headline.p50:
            yield row.backend


def serving(speed: Speed, *, ticket: bool) -> str | None:
    """The back-end that makes what is served in int8, of the ticket or of dense; None where nothing is."""
    row = speed.served.row(TICKET_INT8 if ticket else DENSE_INT8) if speed.served else None
    return row.backend if row else None


def _judged(name: str, backend: Backend, subject: Subject, size: int, step: Benchmark, context: Context) -> Quantized:
    """One back-end's verdict. Raises NotApplicable."""
    ticket = backend.KIND.ticket
    trained = arm([cohort.ticket if ticket else cohort.dense for cohort in cohorts(step)], context.ledger)
    dense = arm([cohort.dense for cohort in cohorts(step)], context.ledger)
    answers = list(_records(backend, subject, size, step, context))
    scores = [score_of(records, context.metric) for records in answers]
    metrics = trained.metrics.model_copy(update={"test_score": scores})
    columns = {column: _replaced(trained, column, answers) for column in trained.columns}
    what = "the ticket" if ticket else "dense"
    case = seen(
        dense, Arm(name=f"{what} in int8 by {name}", metrics=metrics, columns=columns), context.spec, context.metric
    )
    status, reason = ruling(case)
    return Quantized(
        backend=name,
        ticket=ticket,
        status=status,
        reason=reason,
        left=list(subject.scheme.left) if ticket else [],
        replicates=metrics.replicates,
        score=score(case, case.candidate),
        difference=case.bounds(case.confidence)[0],
    )


def _records(backend: Backend, subject: Subject, size: int, step: Benchmark, context: Context) -> Iterator[Records]:
    """Records of each replicate in int8. Raises NotApplicable.

    Of both splits: what a task draws goes by an example's place among all of them, and is to be what dense was given.
    """
    for replicate in members(subject, step, context):
        yield replicate.measure.records(_in_int8(replicate, backend, size), replicate.split)


def records(member: Member, backend: Backend, numbers: Numbers, size: int) -> Records:
    """Records of some examples, as those of a test split. Raises NotApplicable."""
    return plain(member, _in_int8(member, backend, size), numbers)


def _in_int8(member: Member, backend: Backend, size: int) -> nn.Module:
    own = member.subject
    return standing_in(own.masked if backend.KIND.ticket else own.dense, backend.build(own), own.inputs, size)


def ticket_in_int8(subject: Subject, trained: Arm, size: int, step: Benchmark, context: Context) -> Arm:
    """The ticket of one replicate with what it answers in int8 in the place of its records. Raises NotApplicable."""
    backend = every()[TICKET_IN_INT8]
    answers = [
        replicate.measure.records(_in_int8(replicate, backend, size), replicate.split)
        for replicate in members(subject, step, context, [subject.replicate])
    ]
    columns = {column: _replaced(trained, column, answers) for column in trained.columns}
    return replace(trained, columns=columns)


def plain(member: Member, model: nn.Module, numbers: Numbers) -> Records:
    """The same of a network that answers for itself."""
    return member.measure.records(model, replace(member.split, validation=numbers[:0], test=numbers))


def members(
    like: Subject, step: Benchmark, context: Context, chosen: Collection[int] | None = None
) -> Iterator[Member]:
    """Replicates by their numbers, or all, with the layers of `like` left in fp32. Raises NotApplicable."""
    for cohort in cohorts(step):
        for r, number in enumerate(context.replicates(cohort.dense)):
            if chosen is not None and number not in chosen:
                continue
            measure = Evaluation(context.task, context.examples, context.spec.seed, number)
            split, networks = context.split(number), _networks(cohort, r, number, context)
            yield Member(measure=measure, split=split, subject=_own(networks, like, measure, split, context))


def fixed(subject: Subject, left: Collection[str], validation: Inputs) -> Subject:
    """The same with the ranges of some examples, and these layers in fp32. Raises NotApplicable."""
    batches = [[tensor.numpy() for tensor in tensors(part)] for part in chunks(validation, WATCHED)]
    return subject.with_scheme(Scheme(left=tuple(left), ranges=ranges(subject.network, batches)))


def _networks(cohort: Cohort, r: int, number: int, context: Context) -> Networks:
    dense, ticket = (network(weights(training, context, r), context) for training in (cohort.dense, cohort.ticket))
    masks = member(context.tensors(cohort.mask, "mask.safetensors"), r)
    return Networks(replicate=number, dense=dense, masked=ticket, masks=masks)


def _own(networks: Networks, like: Subject, measure: Evaluation, split: Split, context: Context) -> Subject:
    """A replicate with the arguments that the task's functions call its network with: a text's, without the last token.

    Where these are of the same kind as the other one's, that is where export and trace come from.
    """
    tested, trained = split.test[:CHUNK], context.calibrating(measure.replicate)
    inputs, calibration = (
        asked(networks.dense, partial(measure.columns, numbers=numbers, recorded=True)) for numbers in (tested, trained)
    )
    similar, left = (like if alike(inputs, like.inputs) else None), like.scheme.left
    own = Subject(**vars(networks), inputs=inputs, calibration=calibration, alike=similar, scheme=Scheme(left=left))
    if context.spec.benchmark.ranges == "dynamic":
        return own
    validation = context.validating(measure.replicate)
    return fixed(own, left, asked(networks.dense, partial(measure.columns, numbers=validation, recorded=True)))


def _replaced(trained: Arm, column: str, answers: Sequence[Records]) -> np.ndarray:
    """A column of records, with other values on the test split."""
    values = trained.columns[column].copy()
    for row, role, records in zip(values, trained.columns["role"], answers, strict=True):
        if column in records:
            row[role == TEST] = of_test(records, column).numpy()
    return values
