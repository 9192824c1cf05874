"""The error on the straight line between two trainings that share their first updates."""

import torch
from torch import Tensor

from ticketsmith.documents import canonical
from ticketsmith.lottery.results import Connectivity
from ticketsmith.lottery.stability import CONNECTIVITY, POINTS
from ticketsmith.lottery.steps import Stability

from .. import trainers
from ..context import Artifacts, Context
from ..network import restore
from ..order import evaluation, fed
from ..planner import settled
from ..statistics import summary
from ..trainers import State, weights

SHARED, ENDS = "order", ("order-a", "order-b")  # streams: the first is that of the dense training


def run(step: Stability, context: Context) -> Artifacts:
    """`connectivity.json`: errors on the validation split, which may choose; the test split may not."""
    errors = context.each(line, step)
    rises = [max(curve) - (curve[0] + curve[-1]) / 2 for curve in errors]
    connectivity = Connectivity(
        after=step.after, replicates=list(context.replicates(step)), errors=errors, instability=summary(rises)
    )
    return Artifacts(files={CONNECTIVITY: canonical(connectivity.model_dump(mode="json"))})


def line(context: Context, step: Stability, r: int) -> list[float]:
    """Errors of one replicate at `POINTS` points from one end to the other."""
    number = context.replicates(step)[r]
    trunk = _train(context, number, context.start(number).state, range(step.after), SHARED)
    a, b = (weights(_train(context, number, trunk, range(step.after, step.stop), end)) for end in ENDS)
    look, held_out = evaluation(context, number).look, context.split(number).validation
    network, errors = context.network().eval(), []
    for share in torch.linspace(0, 1, POINTS, dtype=torch.float64).tolist():
        restore(network, {name: _between(a[name], b[name], share) for name in a})
        _, score = look(network, held_out)
        errors.append(1 - score if context.metric.higher_is_better else score)
    return errors


def _train(context: Context, number: int, state: State, span: range, stream: str) -> State:
    """The state after the updates in `span`, dense, in the order of one stream."""
    training = context.spec.training
    file = trainers.trainer(settled(context)[0])
    trained = file.start(context.network(), state, {}, training, context.task.loss)
    if span:
        trained.advance(span, fed(context, number, context.split(number), training, stream))
    return trained.capture()


def _between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Counters, which are integers, are those of the first end."""
    return torch.lerp(a, b, share) if a.is_floating_point() else a
