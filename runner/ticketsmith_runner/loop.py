"""The training loop: any nn.Module, plain torch, one thread. The same for dense, ticket and controls.

A *state* holds the tensors a training starts from: `weights/<name>` for everything in the state dict, and
`optimizer/<slot>/<name>` for the optimizer's memory, where there is one.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ticketsmith.lottery.schedule import learning_rate
from ticketsmith.lottery.spec import Training

from .optimizer import Optimizer

State = dict[str, Tensor]
Batches = Callable[[int], tuple[Tensor, Tensor]]
Look = Callable[[nn.Module], tuple[float, float]]


@dataclass
class Trace:
    """What a training saw on the way. Losses are nats, accuracies fractions, steps updates done."""

    final: State
    early: State
    """The state at the look with the least validation loss."""
    kept: State | None = None
    """The state after update k."""
    early_stop_step: int = 0
    looks: list[int] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)
    accuracies: list[float | None] = field(default_factory=list)
    diverged_at: int | None = None


def train(
    network: nn.Module,
    state: State,
    mask: Mapping[str, Tensor],
    training: Training,
    *,
    span: range,
    keep: int | None,
    batches: Batches,
    look: Look,
) -> Trace:
    """Make the updates in `span`, starting from `state`; weights outside `mask` start at zero and stay there.

    `batches(update)` gives inputs (B, ...) and labels (B,); `look(network)` gives validation loss and accuracy.
    A loss that is not finite ends the training at the next look, with the weights of the look before.
    """
    network.load_state_dict(weights(state))
    optimizer = Optimizer(network, training, _memory(state))
    masked = [(p, mask[name].to(p.dtype)) for name, p in network.named_parameters() if name in mask]
    trace = Trace(final=_copy(state), early=_copy(state))
    network.train()
    for update in span:
        if update == keep:
            trace.kept = capture(network, optimizer)
        inputs, labels = batches(update)
        network.zero_grad()
        cross_entropy(network(inputs), labels).backward()  # type: ignore[no-untyped-call]
        # With a zero gradient, momentum and Adam's moments stay zero too: a pruned weight never moves again.
        for parameter, ones in masked:
            parameter.grad.mul_(ones)  # type: ignore[union-attr]
        optimizer.step(learning_rate(training, update))
        done = update + 1
        if (done % training.evaluate_every == 0 or done == span.stop) and not _note(trace, done, network, look):
            trace.kept = trace.kept or capture(network, optimizer)
            break
    return trace


def capture(network: nn.Module, optimizer: Optimizer) -> State:
    """Weights, buffers and the optimizer's memory, by name."""
    state = {f"weights/{name}": value.detach().clone() for name, value in network.state_dict().items()}
    return state | {f"optimizer/{slot}/{name}": value.clone() for slot, name, value in optimizer.memory()}


def weights(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict inside a state."""
    return {name.removeprefix("weights/"): value for name, value in state.items() if name.startswith("weights/")}


def _memory(state: State) -> Iterator[tuple[str, str, Tensor]]:
    for key, value in state.items():
        if key.startswith("optimizer/"):
            _, slot, name = key.split("/", 2)
            yield slot, name, value


def _note(trace: Trace, done: int, network: nn.Module, look: Look) -> bool:
    """Look at the validation split after `done` updates; False if the training has diverged."""
    network.eval()
    loss, accuracy = look(network)
    network.train()
    finite = math.isfinite(loss)
    trace.looks.append(done)
    trace.losses.append(loss if finite else None)
    trace.accuracies.append(accuracy if finite else None)
    if not finite:
        trace.diverged_at = done
        return False
    trace.final = {f"weights/{name}": value.detach().clone() for name, value in network.state_dict().items()}
    if loss == min(seen for seen in trace.losses if seen is not None) and loss not in trace.losses[:-1]:
        trace.early, trace.early_stop_step = trace.final, done
    return True


def _copy(state: State) -> State:
    return {name: value.clone() for name, value in state.items()}
