"""Parts of convolutional networks in one call: whatever stands between convolutions, the bytes are numpy's."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from tests.runtime.int8.machines import HOST, machine
from tests.runtime.int8.test_same_bytes import Floats, drawn, each_kind, pruned
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

from ticketsmith_runner.lowering import network
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.int8.instructions import Instructions
from ticketsmith_runtime.int8.part import Part
from ticketsmith_runtime.int8.part_nodes import candidates, shapes_of_samples
from ticketsmith_runtime.int8.quantization import quantized
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import Constant, Input, Network, Node, evaluate
from ticketsmith_runtime.network_model import NetworkModel
from ticketsmith_runtime.package import Ticket


def lenet() -> nn.Module:
    """Pools, and Linears that read a plane."""
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(20, 17, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(17 * 4 * 2, 33), nn.ReLU(), nn.Linear(33, 5),
    )  # fmt: skip


class Block(nn.Module):
    """A sum with what was there before, whichever of the two convolutions comes last."""

    def __init__(self, inside: int, outside: int, stride: int, *, swapped: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(inside, outside, 3, stride, 1), nn.Conv2d(outside, outside, 3, 1, 1)
        self.project = nn.Conv2d(inside, outside, 1, stride) if inside != outside or stride > 1 else nn.Identity()
        self.swapped = swapped

    def forward(self, x: Tensor) -> Tensor:
        if self.swapped:
            short = self.project(x)
            return relu(short + self.second(relu(self.first(x))))
        return relu(self.second(relu(self.first(x))) + self.project(x))


def resnet() -> nn.Module:
    blocks = [Block(16, 16, 1, swapped=False), Block(16, 40, 2, swapped=True), Block(40, 24, 1, swapped=False)]
    stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 7))


class Pools(nn.Module):
    """Every kind of window, also of the input itself."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 35, 3, padding=(2, 0)), nn.Conv2d(35, 35, 3, 2, 1, groups=35)
        self.third = nn.Conv2d(35, 8, (2, 3), dilation=(2, 1), padding=(0, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = max_pool2d(relu(x), 3, 1, 1) + x
        x = max_pool2d(self.first(x), 3, (2, 1), (1, 0), (1, 2), ceil_mode=True)
        x = avg_pool2d(nn.functional.gelu(self.second(x)), 3, 1, 1, count_include_pad=False)
        return avg_pool2d(self.third(x), (2, 3), (1, 2), (1, 0), ceil_mode=True)


class Excited(nn.Module):
    """Channels by a number for each, and what is a ramp; and that number as the input of a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.each = nn.Conv2d(3, 24, 3, 2), nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.squeeze, self.excite, self.last = nn.Conv2d(24, 8, 1), nn.Conv2d(8, 24, 1), nn.Conv2d(24, 11, 1)
        self.hidden, self.head = nn.Linear(11, 19), nn.Linear(19, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.hardswish(self.each(nn.functional.hardswish(self.first(x))))
        scale = nn.functional.hardsigmoid(self.excite(relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = self.last(x * scale).mean((2, 3))
        return self.head(nn.functional.hardswish(self.hidden(x)))


class Halved(nn.Module):
    """A value that is not zero where it has no channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(nn.functional.hardsigmoid(self.first(x) - 50))


class Broken(nn.Module):
    """Operators that parts do not have, and values that are needed again behind them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Conv2d(3, 20, 3), nn.Conv2d(20, 20, 3, padding=1), nn.Conv2d(20, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = relu(self.first(x))
        y = torch.sigmoid(self.second(x)) + x
        return self.third(y).mean((2, 3)), self.second(y * 2)


class Shared(nn.Module):
    """Readers of one value that need different borders of it, and a Linear that reads it too."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.wide = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, (5, 3), padding=(2, 1))
        self.first, self.head, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Linear(16 * 20, 9), nn.Linear(16 * 20, 9)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.first(x)
        return self.head(x.flatten(1)) + self.last(relu(x.flatten(1))), self.small(x) + self.wide(x)


NETWORKS = {
    "lenet": (lenet, (1, 24, 16)),
    "resnet": (resnet, (3, 13, 10)),
    "pools": (Pools, (3, 11, 14)),
    "excited": (Excited, (3, 15, 12)),
    "halved": (Halved, (3, 7, 6)),
    "broken": (Broken, (3, 7, 6)),
    "shared": (Shared, (3, 4, 5)),
}
WHOLE = {"lenet", "resnet", "pools", "excited", "shared"}
PARTS = {"broken": 3, "halved": 2}


@cache
def made(name: str, sparsity: float = 0.8) -> tuple[Network, Floats]:
    make, shape = NETWORKS[name]
    module, masks = pruned(make(), sparsity)
    return quantized(network(module, masks, torch.zeros(2, *shape))), drawn(19, *shape)


@each_kind
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("sparsity", [0.0, 0.8, 0.97])
def test_a_part_puts_out_the_bytes_of_numpy(name: str, sparsity: float, own: Instructions) -> None:
    net, x = made(name, sparsity)
    run = Execution(net, machine(own))
    assert [each.shape for each in run(x[:0])] == [(0, *each.shape[1:]) for each in run(x[:1])]
    for count in (1, 2, 19):
        expected = evaluate(net, [x[:count]], np.float32)
        for ours, theirs in zip(run(x[:count]), expected, strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)
    assert np.isfinite(expected[0][7:]).all()


@each_kind
@pytest.mark.parametrize("name", NETWORKS)
def test_ranges_that_are_fixed_cut_off_what_is_outside(name: str, own: Instructions) -> None:
    net, x = made(name)
    rng = np.random.default_rng(0)
    nodes = [
        replace(node, attributes={**node.attributes, "fixed": [-float(rng.random()), float(3 * rng.random())]})
        if node.operator in ("conv8", "linear8") and rng.random() < 0.8
        else node
        for node in net.nodes
    ]
    steady = replace(net, nodes=nodes)
    run = Execution(steady, machine(own))
    for given in (x, x[7:] * np.float32(1e37)):
        with np.errstate(over="ignore", invalid="ignore"):
            expected = evaluate(steady, [given], np.float32)
        for ours, theirs in zip(run(given), expected, strict=True):
            assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_one_part_where_nothing_breaks_it(name: str) -> None:
    net, _ = made(name)
    run = Execution(net, HOST)
    assert (run._whole is not None) == (name in WHOLE)
    assert len(run._parts) == PARTS.get(name, 1)
    assert run.bytes[1] > 0


@pytest.mark.parametrize(
    ("name", "said"), [("resnet", "are one call"), ("broken", "are 3 calls"), ("halved", "are 2 calls")]
)
def test_it_is_told_what_is_one_call(name: str, said: str) -> None:
    assert said in NetworkModel(Ticket(graph=made(name)[0])).explain()
    assert "call" not in NetworkModel(Ticket(graph=made(name)[0]), machine=machine_without()).explain()


def machine_without() -> Machine:
    return HOST.without("avx2", "avx512f", "avx512vnni", "avxvnni")


def test_nodes_that_follow_each_other_are_a_part() -> None:
    net, _ = made("broken")
    shapes = shapes_of_samples(net)
    assert shapes
    for nodes in candidates(net, shapes):
        assert any(net.nodes[n].operator == "conv8" for n in nodes)
        assert not {"sigmoid", "mul"} & {net.nodes[n].operator for n in nodes}


@pytest.mark.parametrize("name", NETWORKS)
def test_samples_that_are_too_large_to_be_summed_are_answered(name: str) -> None:
    net, x = made(name)
    with np.errstate(over="ignore", invalid="ignore"):
        x = x[7:] * np.float32(1e37)
        expected = evaluate(net, [x], np.float32)
    for ours, theirs in zip(Execution(net, HOST)(x), expected, strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_threads_share_samples(name: str) -> None:
    net, x = made(name)
    alone, shared = (NetworkModel(Ticket(graph=net), threads=threads).run("operators") for threads in (1, 3))
    for ours, theirs in zip(shared(x), alone(x), strict=True):
        assert np.array_equal(ours, theirs, equal_nan=True)


def test_inputs_may_lie_in_memory_in_any_way() -> None:
    net, x = made("resnet")
    run = Execution(net, HOST)
    expected = run(x)[0]
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for given in (last, x.astype(np.float64), x[::-1][::-1], x.reshape(19, -1)):
        assert np.array_equal(run(given)[0], expected, equal_nan=True)
    many = np.repeat(x, 9, 0)
    last = np.ascontiguousarray(many.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    for given in (many, last, many[::-1][::-1]):
        assert np.array_equal(run(given)[0], np.repeat(expected, 9, 0), equal_nan=True)


@pytest.mark.parametrize("shape", [(3, 13), (3, 13, 9), (3, 13, 10, 2)])
def test_inputs_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Execution(made("resnet")[0], HOST)(np.zeros((2, *shape), np.float32))


def test_a_copy_of_an_answer_is_the_callers_own() -> None:
    net, x = made("lenet")
    run = Execution(net, HOST)
    first = run(x[8:9])[0]
    kept = first.copy()
    run(x[9:10])
    assert np.array_equal(first, kept)


def test_the_network_of_one_sample_is_a_part_too() -> None:
    make, shape = NETWORKS["resnet"]
    module, masks = pruned(make(), 0.8)
    net = quantized(network(module, masks, torch.zeros(1, *shape)))
    x = drawn(9, *shape)
    run = Execution(net, HOST)
    assert any(isinstance(part, Part) for part in run._parts.values())
    assert np.array_equal(run(x)[0], evaluate(net, [x], np.float32)[0], equal_nan=True)


GEOMETRY = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}


@pytest.mark.parametrize(
    ("channels", "attributes"),
    [(1, {"padding": [8000, 8000]}), (30_000, {"groups": 30_000}), (3, {"padding": [1 << 20, 1 << 20]})],
    ids=["places", "groups", "border"],
)
def test_more_than_memory_holds_is_no_part(channels: int, attributes: dict[str, object]) -> None:
    groups = attributes.get("groups", 1)
    weights = np.ones((channels, channels if groups == 1 else 1, 1, 1), np.int8)
    constants = [Constant(weights), Constant(np.ones(channels, np.float32))]
    stride = {"stride": [1 << 20, 1 << 20]} if attributes.get("padding") == [1 << 20, 1 << 20] else {}
    node = Node(operator="conv8", reads=[0, 1, 2], attributes={**GEOMETRY, **attributes, **stride})
    net = Network(inputs=[Input((channels, 2, 2), "float")], constants=constants, nodes=[node], outputs=[3])
    assert Execution(net, HOST)._parts == {}


def test_a_long_row_of_nodes_is_a_part() -> None:
    weights = [Constant(np.ones((2, 2, 1, 1), np.int8)), Constant(np.ones(2, np.float32))]
    nodes = [Node(operator="conv8", reads=[0, 1, 2], attributes=GEOMETRY)]
    nodes += [Node(operator="gelu", reads=[3 + n]) for n in range(3000)]
    nodes.append(Node(operator="conv8", reads=[3 + 3000, 1, 2], attributes=GEOMETRY))
    net = Network(inputs=[Input((2, 3, 3), "float")], constants=weights, nodes=nodes, outputs=[3 + 3001])
    x = np.random.default_rng(0).standard_normal((1, 2, 3, 3)).astype(np.float32)
    assert np.array_equal(Execution(net, HOST)(x)[0], evaluate(net, [x], np.float32)[0])
