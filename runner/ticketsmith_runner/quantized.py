"""Dense in int8, judged as a ticket is: every replicate is quantized, and the task scores it on its test split.

The gate is the ticket's: paired with dense in fp32 by replicate and by example, the same margin, the same confidence.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from torch import nn

from ticketsmith.errors import Diverged, UsageError
from ticketsmith.lottery.results import Quantized, Speed
from ticketsmith.lottery.steps import Benchmark

from .applicable import NotApplicable
from .arms import Arm, arm
from .backends import Backend
from .context import Context
from .evaluate import Evaluation, Records, of_test, score_of
from .inputs import CHUNK
from .judgement import seen
from .replicate import network, weights
from .roles import TEST
from .splits import Split
from .standing_in import alike, asked, standing_in
from .steps.gate import ruling, score
from .subject import Subject


def judged(speed: Speed, backends: Mapping[str, Backend], subject: Subject, step: Benchmark, context: Context) -> Speed:
    """The same with verdicts on int8, the fastest first; after a PASS, none on what is slower than that."""
    said: list[Quantized] = []
    size = speed.headline.batch_size
    try:
        for name in waiting(speed):
            dense = arm([*step.earlier, step.dense], context.ledger)
            said.append(_judged(name, dense, _records(backends[name], subject, size, step, context), context))
            if said[-1].status == "PASS":
                break
    except (NotApplicable, Diverged, UsageError) as error:
        reason = error.__cause__ if isinstance(error.__cause__, NotApplicable) else error
        return speed.model_copy(update={"quantized": said, "unjudged": str(reason)})
    return speed.model_copy(update={"quantized": said})


def waiting(speed: Speed) -> Iterator[str]:
    """Back-ends in int8 in the headline's batch: the fastest, and then those that are faster than what was chosen."""
    size = speed.headline.batch_size
    rows = [row for row in speed.rows if row.batch_size == size and speed.precisions.get(row.backend) == "int8"]
    for place, row in enumerate(sorted(rows, key=lambda row: row.p50)):
        if not place or row.p50 < speed.headline.p50:
            yield row.backend


def _records(backend: Backend, subject: Subject, size: int, step: Benchmark, context: Context) -> Iterator[Records]:
    """Records of each replicate in int8, on its test split. Raises NotApplicable."""
    for train in (*step.earlier, step.dense):
        for r, number in enumerate(context.replicates(train)):
            measure = Evaluation(context.task, context.examples, context.spec.seed, number)
            split, dense = context.split(number), network(weights(train, context, r), context)
            subject = _own(dense, subject, measure, split, context)
            model = standing_in(dense, backend.build(subject), subject.inputs, size)
            yield measure.records(model, replace(split, validation=split.validation[:0]))


def _own(dense: nn.Module, like: Subject, measure: Evaluation, split: Split, context: Context) -> Subject:
    """A replicate with the arguments that the task's functions call its network with: a text's, without the last token.

    Where these are of the same kind as the other one's, that is where the export comes from.
    """
    tested, trained = split.test[:CHUNK], context.calibrating(measure.replicate)
    inputs, calibration = (
        asked(dense, partial(measure.columns, numbers=numbers, recorded=True)) for numbers in (tested, trained)
    )
    return Subject(
        replicate=measure.replicate,
        dense=dense,
        masked=dense,
        masks={},
        inputs=inputs,
        calibration=calibration,
        alike=like if alike(inputs, like.inputs) else None,
    )


def _judged(name: str, dense: Arm, records: Iterator[Records], context: Context) -> Quantized:
    found = list(records)
    columns = {column: _replaced(dense, column, found) for column in dense.columns}
    scores = [score_of(each, context.metric) for each in found]
    metrics = dense.metrics.model_copy(update={"test_score": scores})
    case = seen(
        dense, Arm(name=f"dense in int8 by {name}", metrics=metrics, columns=columns), context.spec, context.metric
    )
    status, reason, _ = ruling(case)
    return Quantized(
        backend=name,
        status=status,
        reason=reason,
        replicates=metrics.replicates,
        score=score(case, case.candidate),
        difference=case.bounds(case.confidence)[0],
    )


def _replaced(dense: Arm, column: str, found: Sequence[Records]) -> np.ndarray:
    """A column of dense, with other values on the test split."""
    values = dense.columns[column].copy()
    for row, role, records in zip(values, dense.columns["role"], found, strict=True):
        if column in records:
            row[role == TEST] = of_test(records, column).numpy()
    return values
