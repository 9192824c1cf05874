"""The error on the straight line between two trainings that share their first updates."""

import torch
from torch import Tensor

from ticketsmith.documents import canonical
from ticketsmith.lottery.results import Connectivity
from ticketsmith.lottery.stability import CONNECTIVITY, POINTS
from ticketsmith.lottery.steps import Stability

from .. import trainers
from ..context import Artifacts, Context
from ..data import split
from ..network import build, draw, restore
from ..planner import settled
from ..seeds import generator
from ..statistics import summary
from ..trainers import State, weights
from .train import looking, ordered

SHARED, ENDS = "order", ("order-a", "order-b")  # streams: the first is that of the dense training


def run(step: Stability, context: Context) -> Artifacts:
    """`connectivity.json`: errors on the validation split, which may choose; the test split may not."""
    errors = context.each(line, step)
    rises = [max(each) - (each[0] + each[-1]) / 2 for each in errors]
    found = Connectivity(
        after=step.after, replicates=list(context.replicates(step)), errors=errors, instability=summary(rises)
    )
    return Artifacts(files={CONNECTIVITY: canonical(found.model_dump(mode="json"))})


def line(context: Context, step: Stability, r: int) -> list[float]:
    """Errors of one replicate at `POINTS` points from one end to the other."""
    number = context.replicates(step)[r]
    theta = draw(build(context.spec.model, context.task), generator(context.spec.seed, number, "init"))
    trunk = _train(context, number, {f"weights/{k}": v for k, v in theta.items()}, range(step.after), SHARED)
    a, b = (weights(_train(context, number, trunk, range(step.after, step.stop), each)) for each in ENDS)
    look = looking(context.data, split(context.task, context.spec.seed, number))
    network = build(context.spec.model, context.task).eval()
    errors = []
    for share in torch.linspace(0, 1, POINTS, dtype=torch.float64).tolist():
        restore(network, {name: _between(a[name], b[name], share) for name in a})
        with torch.inference_mode():
            _, accuracy = look(network)
        errors.append(1 - accuracy)
    return errors


def _train(context: Context, number: int, state: State, span: range, stream: str) -> State:
    """The state after the updates in `span`, dense, in the order of one stream."""
    spec = context.spec
    parts = split(context.task, spec.seed, number)
    network = build(spec.model, context.task)
    trained = trainers.trainer(settled(context)[0]).start(network, state, {}, spec.training)
    if span:
        trained.advance(
            span,
            ordered(context.data.on(spec.training.device), parts, spec.training.batch_size, spec.seed, number, stream),
        )
    return trained.capture()


def _between(a: Tensor, b: Tensor, share: float) -> Tensor:
    """Counters, which are integers, are those of the first end."""
    return torch.lerp(a, b, share) if a.is_floating_point() else a
