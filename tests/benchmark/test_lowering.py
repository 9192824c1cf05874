"""Networks of torch as the ticket runtime's: every operator, against torch, by numpy and by sparse code."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.inputs import Inputs, call, outputs, rows, tensors
from ticketsmith_runner.lowering import network
from ticketsmith_runtime import network_form, numerics
from ticketsmith_runtime.execution import Execution
from ticketsmith_runtime.folding import folded
from ticketsmith_runtime.network import Network, evaluate
from ticketsmith_runtime.operators import OPERATORS

from ..runtime.machines import HOST, WITH_AVX2


class Does(nn.Module):
    """A function as a network, beside layers that it may use."""

    def __init__(self, function: Callable[..., Any], *layers: nn.Module) -> None:
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs, *self.layers)


def floats(*shape: int) -> Tensor:
    return torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))


def wholes(*shape: int) -> Tensor:
    return torch.randint(0, 5, (3, *shape), generator=torch.Generator().manual_seed(0))


def windows(x: Tensor) -> Tensor:
    """Windows of a plane, moved round, as in Swin."""
    b, c, h, w = x.shape
    x = torch.roll(x, (1, -1), (2, 3)).view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(b * h // 2 * w // 2, c, 4).mean(-1).view(b, -1)


def written(x: Tensor) -> Tensor:
    """Parts of a tensor replaced, in place."""
    x = x.clone()
    x[:, 1:3] = 7.0
    x[..., ::2] = x[..., 1::2]
    return x


def heads(q: Tensor, k: Tensor) -> Tensor:
    """Two heads of keys and values for four of queries."""
    return F.scaled_dot_product_attention(q, k, k, is_causal=True, enable_gqa=True)


CASES: dict[str, tuple[Callable[..., Any], Inputs, list[nn.Module]]] = {
    "activations": (
        lambda x: [
            f(x)
            for f in (F.relu, F.gelu, torch.sigmoid, F.silu, F.hardswish, F.hardsigmoid, F.softplus, F.elu, torch.tanh)
        ],
        floats(7),
        [],
    ),
    "more activations": (
        lambda x: [
            F.gelu(x, approximate="tanh"),
            F.leaky_relu(x, 0.2),
            F.relu6(4 * x),
            F.hardtanh(x),
            F.mish(x),
            x.erf(),
        ],
        floats(7),
        [],
    ),
    "powers": (
        lambda x: [
            x.exp(),
            x.abs().log1p(),
            (x.abs() + 1).log(),
            x.abs().sqrt(),
            (x.abs() + 1).rsqrt(),
            x**2,
            x**3,
            (x.abs() + 1) ** 0.3,
            2.0**x,
        ],
        floats(7),
        [],
    ),
    "signs": (lambda x: [-x, x.abs(), x.sign(), x.floor(), x.ceil(), x.round(), x.sin(), x.cos()], floats(7), []),
    "sums": (
        lambda x, y: [
            x + y,
            x - 2 * y,
            x * y,
            x / (y.abs() + 1),
            1 - x,
            torch.add(x, y, alpha=0.5),
            x.fmod(0.3),
            x.remainder(0.3),
        ],
        (floats(7), floats(7)),
        [],
    ),
    "extremes": (
        lambda x, y: [torch.minimum(x, y), torch.maximum(x, y), x.clamp(-0.5, 0.5), x.clamp(min=0.1)],
        (floats(7), floats(7)),
        [],
    ),
    "comparisons": (
        lambda x, y: [(f(x, y)).float() for f in (torch.eq, torch.ne, torch.ge, torch.gt, torch.le, torch.lt)],
        (floats(7), floats(7)),
        [],
    ),
    "logic": (
        lambda x, y: [
            ((x > 0) & (y > 0)).float(),
            ((x > 0) | ~(y > 0)).float(),
            torch.logical_and(x > 0, y > 0).float(),
            torch.logical_or(x > 0, torch.logical_not(y > 0)).float(),
            x.isnan().float(),
        ],
        (floats(7), floats(7)),
        [],
    ),
    "choices": (
        lambda x, y: [torch.where(x > 0, x, y), x.masked_fill(y > 0, -2.0), torch.where(x > 0, 1.0, y)],
        (floats(7), floats(7)),
        [],
    ),
    "whole numbers": (
        lambda n: [(n + 1).float(), (n / 2), (n * 0.5), (n // 2).float(), n.cumsum(1).float(), n.sum(1).float()],
        wholes(7),
        [],
    ),
    "shares": (lambda x: [x.softmax(-1), x.log_softmax(1), x.cumsum(1)], floats(4, 5), []),
    "norms": (
        lambda x, *norms: [norm(x) for norm in norms],
        floats(4, 6),
        [nn.LayerNorm(6), nn.LayerNorm((4, 6)), nn.RMSNorm(6), nn.GroupNorm(2, 4), nn.BatchNorm1d(4)],
    ),
    "a norm without gains": (lambda x, norm: norm(x), floats(4, 6), [nn.LayerNorm(6, elementwise_affine=False)]),
    "sums along axes": (
        lambda x: [
            x.sum(1),
            x.mean((1, 2)),
            x.amax(-1),
            x.amin(1, keepdim=True),
            x.var(-1),
            x.std(1),
            (x > 0).any(1).float(),
            (x > 0).all(-1).float(),
            x.argmax(-1).float(),
        ],
        floats(4, 5),
        [],
    ),
    "largest": (
        lambda x, *pools: [pool(x) for pool in pools],
        floats(2, 9, 8),
        [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, 1, ceil_mode=True), nn.MaxPool2d(2, 2, dilation=2)],
    ),
    "means": (
        lambda x, *pools: [pool(x) for pool in pools],
        floats(2, 9, 8),
        [
            nn.AvgPool2d(2),
            nn.AvgPool2d(3, 2, 1),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            nn.AvgPool2d(3, 2, 1, ceil_mode=True),
            nn.AdaptiveAvgPool2d(1),
            nn.AdaptiveAvgPool2d((3, 5)),
        ],
    ),
    "sizes": (
        lambda x: [
            F.interpolate(x, scale_factor=2),
            F.interpolate(x, (7, 3)),
            F.interpolate(x, (9, 4), mode="bilinear"),
            F.interpolate(x, (9, 4), mode="bilinear", align_corners=True),
        ],
        floats(2, 5, 4),
        [],
    ),
    "borders": (lambda x: [F.pad(x, (1, 2)), F.pad(x, (0, 0, 1, 0), value=3.0), F.pad(x, (-1, 0))], floats(2, 5), []),
    "axes": (
        lambda x: [
            x.transpose(1, 2).flatten(1),
            x.flip(1),
            x[:, None],
            x[:, 1],
            x[:, :, 1:-1:2],
            x.unflatten(1, (2, 2)),
            x.expand(-1, 4, 5),
            torch.stack([x, x], 1),
            x.repeat(1, 2, 1),
            x.mT,
        ],
        floats(4, 5),
        [],
    ),
    "parts": (
        lambda x: [torch.cat([b, a], 1) for a, b in (x.chunk(2, 1), x.split([1, 3], 1))] + list(x.unbind(1)),
        floats(4, 5),
        [],
    ),
    "windows": (windows, floats(2, 4, 6), []),
    "written": (written, floats(4, 6), []),
    "looked up": (
        lambda n, table: [table(n), table(n).gather(1, n[..., None].expand(-1, -1, 4) % 3), table.weight[n]],
        wholes(6),
        [nn.Embedding(5, 4)],
    ),
    "indexed": (
        lambda x: [
            x[:, torch.tensor([2, 0])],
            x.index_select(2, torch.tensor([1, 1])),
            x[torch.arange(x.shape[0]), :, torch.zeros(x.shape[0], dtype=torch.long)],
        ],
        floats(4, 5),
        [],
    ),
    "places": (
        lambda x: [
            x + torch.arange(5),
            x * torch.ones(5),
            x + torch.zeros_like(x) + torch.full((5,), 2.0),
            torch.arange(0, 1, 0.2) + x,
            x + 0.1 * torch.arange(x.shape[0])[:, None],
        ],
        floats(5),
        [],
    ),
    "products": (
        lambda x, y: [
            x @ y.mT,
            torch.einsum("B i j, B k j -> B i k", x, y),
            torch.bmm(x, y.mT),
            torch.baddbmm(x @ y.mT, x, y.mT),
        ],
        (floats(4, 5), floats(4, 5)),
        [],
    ),
    "weights": (
        lambda x, a, b: [a(x), b(x), x @ a.weight.T, torch.addmm(a.bias, x, a.weight.T)],
        floats(6),
        [nn.Linear(6, 4), nn.Linear(6, 3, bias=False)],
    ),
    "attention": (
        lambda x: [
            F.scaled_dot_product_attention(x, x, x),
            F.scaled_dot_product_attention(x, x, x, is_causal=True),
            F.scaled_dot_product_attention(x, x, x, attn_mask=torch.ones(4, 4, dtype=torch.bool).tril(), scale=0.3),
            F.scaled_dot_product_attention(x, x, x, attn_mask=torch.arange(16.0).view(4, 4)),
        ],
        floats(2, 4, 6),
        [],
    ),
    "grouped heads": (heads, (floats(4, 5, 6), floats(2, 5, 6)), []),
    "a layer of a transformer": (
        lambda x, layer: layer(x),
        floats(5, 8),
        [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)],
    ),
}


def made(
    function: Callable[..., Any], layers: list[nn.Module], density: float = 0.3
) -> tuple[nn.Module, dict[str, Tensor]]:
    """The network in eval mode, its weights under masks."""
    torch.manual_seed(0)
    module = Does(function, *layers).eval().requires_grad_(False)
    masks = {name: torch.rand(w.shape) < density for name, w in module.named_parameters() if w.dim() > 1}
    for name, mask in masks.items():
        module.get_parameter(name).mul_(mask)
    for buffer in module.buffers():  # means and variances that do something
        buffer.add_(torch.rand(buffer.shape).to(buffer.dtype))
    return module, masks


def packed(lowered: Network) -> Network:
    """The network through the door of a package."""
    manifest = json.loads(json.dumps(network_form.described(lowered)))
    return network_form.filled(network_form.skeleton(manifest)[0], network_form.tensors(lowered))


def assert_equal(lowered: Network, module: nn.Module, inputs: Inputs) -> None:
    """At several batch sizes, in float64, by AVX2 and by whatever the machine has; as it comes out of a package."""
    lowered = packed(lowered)
    for size in (1, 2, 3):
        few = rows(inputs, slice(size))
        expected = [each.numpy() for each in outputs(call(module, few))]
        arrays = [each.numpy() for each in tensors(few)]
        runs = [evaluate(lowered, arrays), Execution(lowered, HOST)(*arrays), Execution(lowered, WITH_AVX2)(*arrays)]
        for found in runs:
            assert [each.shape for each in found] == [each.shape for each in expected]
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=2e-5 * max(1, np.abs(theirs).max()))


@cache
def lowered_case(case: str) -> tuple[Network, nn.Module]:
    """A case of the table, traced."""
    function, inputs, layers = CASES[case]
    module, masks = made(function, layers)
    return network(module, masks, inputs), module


@pytest.mark.parametrize("case", CASES)
def test_an_operator_does_what_torch_does(case: str) -> None:
    lowered, module = lowered_case(case)

    assert not lowered.single
    assert_equal(lowered, module, CASES[case][1])


@pytest.mark.parametrize("case", ["activations", "more activations", "norms", "a norm without gains"])
def test_what_is_computed_in_blocks_is_the_same(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics, "BLOCK", 5)

    assert_equal(lowered_case(case)[0], lowered_case(case)[1], CASES[case][1])


def test_blocks_of_what_is_not_compact(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution puts out a part of its memory, channel by channel."""
    monkeypatch.setattr(numerics, "BLOCK", 5)
    module, masks = made(lambda x, conv: [F.silu(conv(x)), F.gelu(conv(x).mT)], [nn.Conv2d(2, 3, 3, padding=1)])

    assert_equal(network(module, masks, floats(2, 5, 4)), module, floats(2, 5, 4))


def test_every_operator_is_in_a_case() -> None:
    found = {"stuffed", "conv"}  # of the convolutions below
    found |= {"linear8", "conv8", "embedding8"}  # which torch has not: tests/runtime/int8
    for case in CASES:
        found |= {node.operator for node in lowered_case(case)[0].nodes}

    assert OPERATORS.keys() - found == set()


CONVOLUTIONS = [
    nn.Conv2d(4, 6, 3),
    nn.Conv2d(4, 6, 3, stride=2, padding=1),
    nn.Conv2d(4, 6, (3, 1), stride=(1, 2), padding=(1, 0), bias=False),
    nn.Conv2d(4, 6, 3, padding="same"),
    nn.Conv2d(4, 6, 3, dilation=2, padding=2),
    nn.Conv2d(4, 6, 3, stride=3, dilation=2, groups=2, padding=3),
    nn.Conv2d(4, 4, 5, stride=2, padding=2, groups=4),
    nn.Conv2d(4, 40, 1, stride=2),
    nn.ConvTranspose2d(4, 6, 2, stride=2),
    nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2),
    nn.ConvTranspose2d(4, 6, 3, dilation=2, padding=5),
]


@pytest.mark.parametrize("layer", CONVOLUTIONS, ids=str)
def test_a_convolution_of_any_geometry(layer: nn.Module) -> None:
    """Alone, before a ReLU, and before a normalization, which is folded into it: the mask stays."""
    norm = nn.BatchNorm2d(int(layer.out_channels))  # type: ignore[arg-type]
    module, masks = made(lambda x, conv, norm: [conv(x), conv(x).relu(), norm(conv(x))], [layer, norm])
    lowered = network(module, masks, floats(4, 11, 13))

    assert_equal(lowered, module, floats(4, 11, 13))
    kept = int(masks["layers.0.weight"].sum())
    assert [found for _, found in lowered.counted()] == [kept]
    assert [node.operator for node in folded(lowered).nodes if "norm" in node.operator] == []


@pytest.mark.parametrize(
    "layer",
    [nn.Conv1d(4, 6, 3, padding=1), nn.Conv1d(4, 4, 4, stride=2, groups=4), nn.ConvTranspose1d(4, 6, 4, stride=2)],
    ids=str,
)
def test_a_convolution_of_lines(layer: nn.Module) -> None:
    module, masks = made(lambda x, a: a(x).relu(), [layer])

    assert_equal(network(module, masks, floats(4, 17)), module, floats(4, 17))


@pytest.mark.parametrize("density", [0.0, 0.05, 1.0])
def test_a_mask_may_leave_nothing_or_everything(density: float) -> None:
    layers = [nn.Conv2d(3, 5, 3, padding=1), nn.Linear(5 * 36, 7), nn.Linear(7, 4)]
    module, masks = made(lambda x, a, b, c: c(b(a(x).relu().flatten(1)).relu()), layers, density)

    assert_equal(network(module, masks, floats(3, 6, 6)), module, floats(3, 6, 6))


def test_nan_stays_in_its_sample_and_on_its_paths() -> None:
    """Channel 1 reads nothing but channel 0: a NaN elsewhere is none of its business."""
    module, masks = made(lambda x, a: a(x), [nn.Conv2d(2, 2, 3, padding=1)], 1.0)
    masks["layers.0.weight"][1, 1] = False
    module.get_parameter("layers.0.weight").mul_(masks["layers.0.weight"])
    x = floats(2, 5, 5)
    x[1, 1, 2, 2] = torch.nan

    y = Execution(network(module, masks, x), HOST)(x.numpy())[0]

    assert np.isnan(y[1, 0]).sum() == 9 and np.isfinite(y[1, 1]).all() and np.isfinite(y[[0, 2]]).all()


def test_a_weight_that_is_shared_is_stored_once() -> None:
    """The head of a language model is its table, under one mask."""
    table = nn.Embedding(5, 8)
    module, masks = made(lambda n, a: F.linear(a(n), a.weight), [table])
    lowered = network(module, masks, wholes(6))

    assert_equal(lowered, module, wholes(6))
    assert [total for total, _ in lowered.counted()] == [40]


def test_a_network_that_its_batch_changes_is_run_sample_by_sample() -> None:
    module, masks = made(lambda x: x + (torch.arange(len(x) + 2).float().sum() if len(x) > 1 else 3.0), [])
    lowered = network(module, masks, floats(5))

    assert lowered.single
    np.testing.assert_allclose(Execution(lowered, HOST)(floats(5).numpy())[0], floats(5) + 3)


def test_a_normalization_of_what_others_read_too_stays() -> None:
    layers = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)]
    module, masks = made(lambda x, conv, norm: norm(y := conv(x)) + y, layers)
    lowered = network(module, masks, floats(3, 6, 6))

    assert_equal(lowered, module, floats(3, 6, 6))
    assert "batch_norm" in {node.operator for node in folded(lowered).nodes}


def test_an_operator_that_nobody_knows_is_named() -> None:
    with pytest.raises(NotApplicable, match=r"does not know aten\.linalg_inv_ex"):
        network(*made(lambda x: torch.linalg.inv(x), []), floats(4, 4))


@pytest.mark.parametrize(
    ("does", "says"),
    [
        (lambda x: x.round(decimals=1), "asks more of round"),
        (lambda x: x + x.argmax(), "largest of all samples"),
        (lambda x: torch.div(x, 0.3, rounding_mode="trunc"), "towards zero"),
        (lambda x: F.scaled_dot_product_attention(x, x, x, dropout_p=0.5), "at random"),
        (lambda x: F.interpolate(x[:, None], scale_factor=1.3), "fits no whole number"),
    ],
)
def test_what_an_operator_does_beyond_its_line_is_refused(does: Callable[[Tensor], Any], says: str) -> None:
    with pytest.raises(NotApplicable, match=says):
        network(*made(does, []), floats(4, 4))


def test_products_with_vectors_and_selu() -> None:
    """A vector on either side, and an activation with a scale of its own."""
    inputs, vectors = floats(4, 5), [nn.Embedding(1, 5)]
    module, masks = made(lambda x, v: [x @ v.weight[0], v.weight[0] @ x.mT, F.selu(x)], vectors, 1.0)

    assert_equal(network(module, masks, inputs), module, inputs)


def test_bytes_are_whole_numbers() -> None:
    images = torch.arange(0, 24, dtype=torch.uint8).view(3, 8)
    lowered = network(*made(lambda n: n.float() / 255, []), images)

    assert lowered.inputs[0].type == "int"
    np.testing.assert_allclose(evaluate(lowered, [images.numpy()])[0], images / 255, atol=1e-7)


def test_a_forward_pass_that_looks_at_numbers_is_refused() -> None:
    with pytest.raises(NotApplicable, match="cannot take it"):
        network(*made(lambda x: x if x.sum() > 0 else -x, []), floats(4))
