"""Networks as the ticket runtime's graph; what it cannot hold is named."""

import numpy as np
import pytest
import torch
from torch import nn

from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.backends import every
from ticketsmith_runner.backends.admission import compare
from ticketsmith_runner.compaction import compact
from ticketsmith_runner.packing import checked
from ticketsmith_runner.tracing import graph
from ticketsmith_runtime.graph import Conv, evaluate
from ticketsmith_runtime.samples import flat

from ..runtime.machines import WIDE, WITH_AVX512
from .test_backends import built


def test_the_graph_computes_what_the_network_does(residual):
    _, masked, masks = residual(0.4)
    x = torch.randn(3, 3, 12, 12)

    outputs = evaluate(graph(masked, masks, (3, 12, 12)), x.flatten(1).numpy())

    np.testing.assert_allclose(outputs, masked(x).numpy(), rtol=0, atol=1e-5)


def test_masks_outlive_the_normalization_that_is_folded_in(residual):
    _, masked, masks = residual(0.4)

    traced = graph(masked, masks, (3, 12, 12))

    stem = traced.nodes[0]
    assert isinstance(stem, Conv) and np.array_equal(stem.layer.alive_OI, masks["stem.0.weight"].flatten(1).numpy())
    assert not stem.layer.weight_OI[~stem.layer.alive_OI].any()
    assert sum(layer.kept for layer in traced.layers()) == sum(int(mask.sum()) for mask in masks.values())


class Curved(nn.Module):
    """GELU as a module and as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.gelu = nn.Conv2d(1, 3, 3), nn.GELU()
        self.flat, self.inner, self.end = nn.Flatten(), nn.Linear(108, 7), nn.Linear(7, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = self.inner(self.flat(self.gelu(self.conv(inputs))))
        return self.end(torch.nn.functional.gelu(x))


def test_gelu_is_known_in_both_forms():
    network, x = Curved().eval().requires_grad_(False), torch.randn(3, 1, 8, 8)

    traced = graph(network, {}, (1, 8, 8))

    assert [layer.gelu for layer in traced.layers()] == [True, True, False]
    np.testing.assert_allclose(evaluate(traced, x.flatten(1).numpy()), network(x).numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "compact", "compact-onnxruntime", "codegen", "pytorch"])
def test_back_ends_know_gelu(name, subject_for):
    network, x = Curved().eval().requires_grad_(False), torch.randn(3, 1, 8, 8)
    with torch.inference_mode():
        compare(every()[name].build(subject_for(network, network, {}, x))(x), network(x))


def test_a_chain_of_gelu_is_compacted():
    network = nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)).eval().requires_grad_(False)
    masks = {"0.weight": torch.rand(5, 6) < 0.3, "2.weight": torch.rand(3, 5) < 0.5}
    for name, mask in masks.items():
        network.get_parameter(name).mul_(mask)
    x = torch.randn(4, 6)
    torch.testing.assert_close(compact(network, masks)(x), network(x), atol=1e-6, rtol=0)


class Twice(nn.Module):
    """Reads a sum before and after its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.end = nn.Conv2d(1, 2, 3), nn.Linear(2, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        x = self.conv(inputs)
        return self.end(torch.flatten(x + torch.relu(x), 1))


class Aliased(nn.Module):
    """Its sum reads a convolution behind whose back Dropout has given it another name."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.drop, self.c = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 2, 1), nn.Dropout(), nn.Conv2d(2, 1, 1)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        h = self.a(inputs)
        return self.c(self.b(torch.relu(self.drop(h))) + h)


class Branching(nn.Module):
    """A network that takes another way for other inputs."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs if inputs.sum() > 0 else -inputs


class Halved(nn.Linear):
    """Looks like a Linear."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs) / 2


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), "module '1' is a Tanh"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.GELU("tanh")), "another function than GELU"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, dilation=2)), "dilation"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding="same")), "paddings"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, stride=(1, 2))), "strides"),
        (nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect")), "groups, dilation"),
        (nn.Sequential(nn.MaxPool2d(2, padding=1)), "pools with padding"),
        (nn.Sequential(nn.MaxPool2d((1, 2))), "rectangles"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(2)), "no mean of a whole"),
        (nn.Sequential(nn.BatchNorm2d(1)), "follows no convolution"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2, track_running_stats=False)), "cannot be folded"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Linear(6, 2)), "not flattened"),
        (nn.Sequential(nn.Flatten(2), nn.Linear(64, 2)), "flattens other axes"),
        (nn.Sequential(nn.Flatten(), Halved(64, 2)), "1.weight"),
        (Twice(), "serves it alone"),
        (Aliased(), "serves it alone"),
        (Branching(), "cannot be traced"),
    ],
)
def test_what_a_graph_cannot_hold_is_named(network, reason):
    with pytest.raises(NotApplicable, match=reason):
        graph(network.eval(), {}, (1, 8, 8))


def test_a_sample_of_four_axes_is_none_of_ours():
    with pytest.raises(NotApplicable, match="4 axes"):
        graph(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)), {}, (1, 1, 4, 4))


class Skipping(nn.Module):
    """A sum of vectors: between two Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.a, self.b, self.c = nn.Flatten(), nn.Linear(16, 9), nn.Linear(9, 9), nn.Linear(9, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.a(self.flat(inputs)))
        return self.c(torch.relu(self.b(h) + h))


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "compact", "codegen", "datadriven", "pell", "windows"])
def test_back_ends_know_a_sum_of_vectors(name, subject_for):
    network, x = Skipping().eval().requires_grad_(False), torch.randn(5, 1, 4, 4)
    forward = built(name, subject_for(network, network, {}, x))
    assert (forward is None) == (name == ("windows" if WIDE else "pell"))
    if forward:
        with torch.inference_mode():
            compare(forward(x), network(x))


def test_code_for_a_sum_of_vectors_is_made_for_one_sample_on_any_machine():
    traced = graph(Skipping().eval().requires_grad_(False), {}, (1, 4, 4))

    assert len(flat(traced, WITH_AVX512).sizes) == 3


def test_a_weight_that_layers_share_is_under_one_mask():
    network = nn.Sequential(nn.Flatten(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 9), nn.ReLU(), nn.Linear(9, 2))
    network[3].weight = network[1].weight
    mask = torch.rand(9, 9) < 0.5
    network.requires_grad_(False)[1].weight.mul_(mask)

    first, second, _ = graph(network.eval(), {"1.weight": mask}, (9,)).layers()

    assert np.array_equal(first.alive_OI, mask.numpy()) and np.array_equal(second.alive_OI, mask.numpy())


def test_a_graph_that_computes_something_else_is_not_packed():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval().requires_grad_(False)
    traced = graph(network, {}, (4,))
    assert checked(traced, network) is traced
    network[1].weight[0, 0] += 1
    with pytest.raises(NotApplicable, match="computes something else"):
        checked(traced, network)
