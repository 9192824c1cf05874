"""A function that is written out is found, and nothing that only looks like one."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.folding import folded
from ticketsmith_runtime.numerics import Numbers
from ticketsmith_runtime.operators import OPERATORS

X = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))


class Of(nn.Module):
    def __init__(self, run: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.run = run

    def forward(self, x: Tensor) -> Tensor:
        return self.run(x)


def power(x: Tensor, axis: int = -1) -> Tensor:
    return x.square().mean(axis, keepdim=True)


NORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "a product": lambda x: x * torch.rsqrt(power(x) + 1e-3),
    "turned": lambda x: torch.rsqrt(1e-3 + power(x)) * x,
    "a quotient": lambda x: x / torch.sqrt(power(x) + 1e-3),
    "read twice": lambda x: x * torch.rsqrt(power(x) + 1e-3) + power(x),
}
GELUS: dict[str, Callable[[Tensor], Tensor]] = {
    "as GPT-2 has it": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3)))),
    "another order": lambda x: (torch.tanh((torch.pow(x, 3) * 0.044715 + x) * math.sqrt(2 / math.pi)) + 1) * (x * 0.5),
}
OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "of another axis": lambda x: x * torch.rsqrt(power(x, 1) + 1e-3),
    "of another value": lambda x: x * torch.rsqrt(power(x + 1) + 1e-3),
    "a root over x": lambda x: torch.sqrt(power(x) + 1e-3) / x,
    "a product with the root": lambda x: x * torch.sqrt(power(x) + 1e-3),
    "of another cube": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.04 * torch.pow(x, 3)))),
    "of another half": lambda x: 0.4 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3)))),
    "a mean that is no square": lambda x: x * torch.rsqrt((x * x * x * x).mean(-1, keepdim=True) + 1e-3),
}


def found(run: Callable[[Tensor], Tensor]) -> tuple[list[str], Numbers]:
    net = folded(network(Of(run), {}, X))
    values = [X.numpy(), *(each.array for each in net.constants)]
    for node in net.nodes:
        values.append(OPERATORS[node.operator].run(*(values[read] for read in node.reads), **node.sized(3)))
    return [node.operator for node in net.nodes], values[net.outputs[0]]


@pytest.mark.parametrize("name", [*NORMS, *GELUS, *OTHERS])
def test_only_what_is_the_function_becomes_it(name: str) -> None:
    run = {**NORMS, **GELUS, **OTHERS}[name]
    operators, values = found(run)
    assert ("rms_norm" in operators) is (name in NORMS)
    assert ("gelu_tanh" in operators) is (name in GELUS)
    np.testing.assert_allclose(values, run(X).numpy(), rtol=1e-5, atol=1e-6)


def test_a_view_that_changes_nothing_is_left_out() -> None:
    operators, _ = found(lambda x: x.view(-1, 5, 8).view(-1, 40).tanh())
    assert operators == ["view", "tanh"]


def test_a_number_of_several_axes_is_no_number() -> None:
    """It makes the values beside it wider."""
    half, one = torch.full((1, 1, 1, 1), 0.5), torch.ones(1, 1, 1, 1)
    operators, values = found(lambda x: half * x * (one + torch.tanh(0.7978845608 * (x + 0.044715 * torch.pow(x, 3)))))
    assert "gelu_tanh" not in operators and values.shape == (1, 3, 5, 8)
