"""The back-end that answers each batch, and why, in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .graph import Conv
from .provenance import said

if TYPE_CHECKING:
    from .model import Model

USUAL = (1, 16, 64, 256)
"""Batches to speak of where none was measured."""


def explain(model: "Model") -> str:
    """One line for each layer, each batch that was measured, and what each program takes of memory."""
    batches = sorted({row.batch for row in model.ticket.measured} or USUAL)
    lines = [f"{model.machine.cpu}: {model.isa.name if model.isa else 'no instruction set that code is written for'}"]
    lines += _layers(model)
    lines += [f"batch {batch}: {model.backend(batch)}, {_reason(model, batch)}" for batch in batches]
    for backend in dict.fromkeys(model.backend(batch) for batch in batches):
        for n, (code, data) in enumerate(model.sizes(backend)):
            size = f"about {code / 1024:,.0f} KiB of code, {data / 1024:,.0f} KiB of weights"
            lines.append(f"{backend}, layer {n}: {size}")
    return "\n".join([*lines, *said(model.ticket)])


def _layers(model: "Model") -> Iterator[str]:
    _, *shapes = model.graph.shapes()
    convolutions = [pair for pair in zip(model.graph.nodes, shapes, strict=True) if isinstance(pair[0], Conv)]
    for n, (node, y) in enumerate(convolutions):
        assert isinstance(node, Conv)
        units, inputs = node.layer.weight_OI.shape
        places = f" at {y.height} x {y.width} places" if y.height * y.width > 1 else ""
        yield f"layer {n}: {inputs} -> {units}{places}, {node.layer.kept:,} of {inputs * units:,} weights"


def _reason(model: "Model", batch: int) -> str:
    if not model.ticket.measured:
        return "by size, since nothing was measured"
    row = next(row for row in model.ticket.measured if row.batch == batch)
    if row.backend not in model.programs:
        return f"since {row.backend}, which was measured to be the fastest, does not run here"
    if model.backend(batch) != row.backend:
        return (
            f"which needs less time, called as often as needed, than {row.backend} measured {row.ratio:.2f}x of dense"
        )
    return f"measured {row.ratio:.2f}x of the best dense fp32 back-end on {model.ticket.machine.get('cpu', 'some CPU')}"
