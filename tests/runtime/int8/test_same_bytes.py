"""Every kernel, on whatever instructions, puts out the bytes that numpy does."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.runtime.int8.machines import machine
from torch import Tensor, nn

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.int8.instructions import KNOWN, Instructions
from ticketsmith_runtime.int8.quantization import PLAIN, Scheme, precision, quantized, ranges
from ticketsmith_runtime.network import Network, evaluate

Floats = NDArray[Any]
each_kind = pytest.mark.parametrize("own", KNOWN, ids=[each.name for each in KNOWN])


class Residual(nn.Module):
    """Padding, stride, dilation, groups, depthwise, a sum, pooling, and a Linear over places."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 20, 3, 2, 1), nn.BatchNorm2d(20), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.grouped = nn.Sequential(nn.Conv2d(20, 40, (3, 5), (1, 2), (2, 0), (2, 1), groups=4), nn.GELU())
        self.each = nn.Conv2d(40, 40, 3, padding=1, groups=40)
        self.mixed, self.head = nn.Linear(40, 24), nn.Linear(24, 7, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.stem(x))
        x = torch.relu(x + self.each(x))
        places = torch.nn.functional.gelu(self.mixed(x.flatten(2).transpose(1, 2)))
        return self.head(places.mean(1))


def chain() -> nn.Module:
    """Widths that are no whole groups, and a unit of one."""
    return nn.Sequential(nn.Flatten(), nn.Linear(65, 33), nn.ReLU(), nn.Linear(33, 100), nn.GELU(), nn.Linear(100, 1))


def pruned(module: nn.Module, sparsity: float) -> tuple[nn.Module, dict[str, Tensor]]:
    torch.manual_seed(0)
    masks = {name: torch.rand_like(each) >= sparsity for name, each in module.named_parameters() if each.dim() > 1}
    with torch.no_grad():
        for name, each in module.named_parameters():
            each.copy_(torch.randn_like(each) * masks.get(name, torch.ones(())))
    return module.eval(), masks


def drawn(*shape: int) -> Floats:
    """Rows that are signed, positive, of other sizes, zero, tiny, and one that is no number."""
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x[1], x[2], x[3], x[4] = np.abs(x[1]), 1e6 * x[2], 0, 1e-36 * x[4]
    x[5].flat[3], x[6].flat[-1] = np.nan, np.inf
    return x


NETWORKS = {"chain": (chain, (65,)), "residual": (Residual, (3, 19, 30))}


@cache
def made(name: str, sparsity: float, held: bool = False) -> tuple[Network, Floats]:
    make, shape = NETWORKS[name]
    module, masks = pruned(make(), sparsity)
    real, x = network(module, masks, torch.zeros(2, *shape)), drawn(9, *shape)
    return quantized(real, Scheme(ranges=ranges(real, [[x[:2]]])) if held else PLAIN), x


@each_kind
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("sparsity", "held"), [(0.0, False), (0.8, False), (0.98, False), (0.8, True)])
def test_code_and_numpy_put_out_the_same_bytes(name: str, sparsity: float, held: bool, own: Instructions) -> None:
    """Also where ranges are held to those of two rows, and others are far beyond."""
    net, x = made(name, sparsity, held)
    run, expected = Execution(net, machine(own)), evaluate(net, [x], np.float32)[0]
    assert precision(net) == "int8"
    assert np.array_equal(run(x)[0], expected, equal_nan=True)
    assert np.isnan(expected[5:7]).all()
    assert np.isfinite(expected[[0, 1, 2, 3, 4, 7, 8]]).all()


@each_kind
@pytest.mark.parametrize("count", range(1, 19))
def test_every_size_of_a_batch_and_its_tail(count: int, own: Instructions) -> None:
    net, _ = made("chain", 0.8)
    x = np.random.default_rng(1).standard_normal((18, 65)).astype(np.float32)
    run = Execution(net, machine(own))
    assert np.array_equal(run(x[:count])[0], evaluate(net, [x], np.float32)[0][:count])


@each_kind
def test_threads_share_the_units_of_a_layer(own: Instructions) -> None:
    module, masks = pruned(nn.Sequential(nn.Linear(1000, 1100), nn.ReLU(), nn.Linear(1100, 1000)), 0.5)
    net = quantized(network(module, masks, torch.zeros(2, 1000)))
    x = np.random.default_rng(1).standard_normal((40, 1000)).astype(np.float32)
    for count in (1, 40):
        alone, shared = (Execution(net, machine(own), threads)(x[:count])[0] for threads in (1, 3))
        assert np.array_equal(alone, shared)


def test_nothing_is_answered_for_nobody() -> None:
    for name, (_, shape) in NETWORKS.items():
        net, _ = made(name, 0.8)
        assert len(Execution(net, machine(KNOWN[-1]))(np.zeros((0, *shape), np.float32))[0]) == 0


@pytest.mark.parametrize("name", NETWORKS)
def test_numbers_are_near_those_of_floats(name: str) -> None:
    make, shape = NETWORKS[name]
    module, masks = pruned(make(), 0.5)
    real = network(module, masks, torch.zeros(2, *shape))
    x = np.random.default_rng(2).standard_normal((64, *shape)).astype(np.float32)
    expected, found = evaluate(real, [x])[0], evaluate(quantized(real), [x], np.float32)[0]
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.05 * np.sqrt(np.mean(expected**2))
