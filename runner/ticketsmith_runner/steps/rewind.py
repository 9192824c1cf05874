"""Put the survivors back to where they were after update k; for a control, leave or draw them anew."""

from torch import Tensor

from ticketsmith.lottery.steps import Rewind

from .. import masks
from ..context import Artifacts, Context
from ..network import state
from ..tensors import member, pack, stack


def run(step: Rewind, context: Context) -> Artifacts:
    """`start.safetensors`: the state to train from, (R, ...) each; survivors bit-equal to their source."""
    members = [_start(step, context, r) for r in range(len(context.replicates(step)))]
    return Artifacts(files={"start.safetensors": pack(stack(members))})


def _start(step: Rewind, context: Context, r: int) -> dict[str, Tensor]:
    mask = member(context.tensors(step.mask, "mask.safetensors"), r)
    if step.trained is not None:
        trained = member(context.tensors(step.trained, "weights.safetensors"), r)
        source = {f"weights/{name}": value for name, value in trained.items()}
    elif step.kept is None:
        drawn = state(context.network(f"reinit/{step.level}", context.replicates(step)[r]))
        source = {f"weights/{name}": value for name, value in drawn.items()}
    else:
        source = member(context.tensors(step.kept, "kept.safetensors"), r)
    # The optimizer's memory of a weight goes with the weight: `optimizer/<slot>/<name>` has the name's mask.
    of = {key: mask[name] for key in source if (name := _name(key)) in mask and source[key].ndim}
    return masks.apply(of, source)


def _name(key: str) -> str:
    """The tensor's name in a key of a state; a `ModuleDict` may have names with `/`."""
    return key.split("/", 1 if key.startswith("weights/") else 2)[-1]
