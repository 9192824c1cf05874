"""SGD, Adam and AdamW through torch's functional API, which `torch.optim` makes its classes of: the same bytes.

Their classes import torch's compiler, which no training here uses, for more seconds than a short training takes.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from ticketsmith.lottery.spec import Training

Memory = Iterable[tuple[str, str, Tensor]]
"""(slot, parameter, value): torch's names, `momentum_buffer`, or `exp_avg`, `exp_avg_sq` and `step`."""


class Optimizer:
    """Updates of parameters by name, from their gradients. Its memory starts where `memory` left it, or empty."""

    def __init__(self, parameters: Mapping[str, Tensor], training: Training, memory: Memory = ()) -> None:
        self.training, self.parameters = training, parameters
        self.slots: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
        for slot, name, value in memory:
            # In the layout of the parameter: the fused kernels walk through memory, not through indices.
            like = parameters[name] if value.dim() else value.to(parameters[name].device)
            self.slots[slot][name] = torch.empty_like(like, requires_grad=False).copy_(value)

    def memory(self) -> Iterator[tuple[str, str, Tensor]]:
        """Tensors that the next update depends on besides weights and gradients; nothing before the first."""
        for slot, values in self.slots.items():
            yield from ((slot, name, value) for name, value in values.items())

    @torch.no_grad()
    def step(self, rate: float | Tensor) -> None:
        """One update of every parameter that has a gradient. A rate beside them on a GPU is read there."""
        live: dict[str, Tensor] = {name: weight for name, weight in self.parameters.items() if weight.grad is not None}
        gradients = [weight.grad for weight in live.values() if weight.grad is not None]
        (self._sgd if self.training.optimizer == "sgd" else self._adam)(live, gradients, rate)

    def _adam(self, live: dict[str, Tensor], gradients: list[Tensor], rate: float | Tensor) -> None:
        for name, weight in live.items():
            if name not in self.slots["step"]:
                self.slots["exp_avg"][name], self.slots["exp_avg_sq"][name] = (torch.zeros_like(weight) for _ in "12")
                self.slots["step"][name] = torch.zeros((), dtype=torch.float32, device=weight.device)
        average, square, count = ([self.slots[s][n] for n in live] for s in ("exp_avg", "exp_avg_sq", "step"))
        adam(
            list(live.values()), gradients, average, square, [], count, fused=True, lr=rate,
            beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=self.training.weight_decay, amsgrad=False, maximize=False,
            decoupled_weight_decay=self.training.optimizer == "adamw",
        )  # fmt: skip

    def _sgd(self, live: dict[str, Tensor], gradients: list[Tensor], rate: float | Tensor) -> None:
        momentum = self.training.momentum
        memory = self.slots["momentum_buffer"] if momentum else {}
        buffers: list[Tensor | None] = [memory.get(name) for name in live]
        sgd(
            list(live.values()), gradients, buffers, fused=True, lr=rate,
            momentum=momentum, weight_decay=self.training.weight_decay, dampening=0.0, nesterov=self.training.nesterov,
            maximize=False,
        )  # fmt: skip
        for name, buffer in zip(live, buffers, strict=True):
            if buffer is not None:  # `sgd` makes it at the first update
                self.slots["momentum_buffer"][name] = buffer
