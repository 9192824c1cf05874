"""Linears in one call."""

import numpy as np
import pytest
import torch
from tests.runtime.int8.machines import HOST, machine
from tests.runtime.int8.test_same_bytes import chain, each_kind, pruned
from torch import nn

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.graph import Unsuited
from ticketsmith_runtime.int8.chain import Chain, links
from ticketsmith_runtime.int8.instructions import Instructions
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.network import Network, evaluate


def lowered(module: nn.Module, *shape: int) -> Network:
    pruned_module, masks = pruned(module, 0.7)
    return quantized(network(pruned_module, masks, torch.zeros(2, *shape)))


@each_kind
def test_one_call_puts_out_the_same_bytes(own: Instructions) -> None:
    net = lowered(chain(), 65)
    run = Chain(net, machine(own))
    for count in (0, 1, 2, 7, 16, 300):
        x = np.random.default_rng(count).standard_normal((count, 65)).astype(np.float32)
        x[count // 2 :: 5] = np.nan
        assert np.array_equal(run(x)[0], evaluate(net, [x], np.float32)[0], equal_nan=True)


def test_a_sample_of_several_axes_is_flattened() -> None:
    net = lowered(nn.Sequential(nn.Flatten(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5)), 2, 3, 5)
    x = np.random.default_rng(0).standard_normal((4, 2, 3, 5)).astype(np.float32)
    assert np.array_equal(Chain(net, HOST)(x)[0], evaluate(net, [x], np.float32)[0])
    for wrong, said in (((x[:, :1],), "expected"), ((x[0, 0, 0, 0],), "expected"), ((x, x), "not 2"), ((), "not 0")):
        with pytest.raises(ValueError, match=said):
            Chain(net, HOST)(*wrong)


class Twice(nn.Module):
    """Two Linears that read the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(x) + self.second(x)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (Twice(), (8,)),
        (nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8)), (8,)),
        (nn.Sequential(nn.ReLU(), nn.Linear(8, 8)), (8,)),
        (nn.Sequential(nn.Linear(8, 8), nn.ReLU()), (3, 8)),
        (nn.Sequential(nn.Conv2d(2, 3, 3)), (2, 8, 8)),
    ],
    ids=["twice", "norm", "relu first", "rows", "convolution"],
)
def test_other_networks_are_refused(module: nn.Module, shape: tuple[int, ...]) -> None:
    with pytest.raises(Unsuited):
        links(lowered(module, *shape))
