"""Networks as ONNX models by torch's exporter: the same nodes as from our own tracer, and none that is not needed."""

from collections.abc import Callable, Sequence

import onnx
import pytest
import torch
from torch import Tensor, nn

from ticketsmith_runner.applicable import NotApplicable
from ticketsmith_runner.backends import Forward, onnxruntime, openvino
from ticketsmith_runner.backends.admission import compare
from ticketsmith_runner.backends.onnx_model import model
from ticketsmith_runner.backends.onnxruntime import served
from ticketsmith_runner.exporting import Models, exported, exporter
from ticketsmith_runner.tracing import graph
from ticketsmith_tasks.mlp import chain


def _nodes(data: bytes) -> list[str]:
    return [node.op_type for node in onnx.ModelProto.FromString(data).graph.node]


def _shapes(data: bytes) -> list[list[int]]:
    made = onnx.ModelProto.FromString(data).graph
    return [[axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in (*made.input, *made.output)]


@pytest.fixture(scope="module")
def quickstart() -> nn.Module:
    return chain(64, 16, 8, 10).eval().requires_grad_(False)


def test_the_quickstart_network_is_products_and_rectifiers_alone_for_all_who_run_it(quickstart):
    nodes = ["Gemm", "Relu", "Gemm", "Relu", "Gemm"]

    assert _nodes(exported(quickstart, torch.randn(4, 1, 8, 8)).at(256)) == nodes
    assert _nodes(model(graph(quickstart, {}, (1, 8, 8)))) == nodes


def test_a_network_of_convolutions_has_its_own_flatten_and_no_other(residual):
    dense, _, _ = residual(1.0)
    ours, theirs = (
        _nodes(model(graph(dense, {}, (3, 12, 12)))),
        _nodes(exported(dense, torch.randn(4, 3, 12, 12)).at(1)),
    )

    assert [node for node in theirs if node in ("Reshape", "Flatten")] == ["Reshape"]
    assert [node for node in ours if node in ("Reshape", "Flatten")] == ["Reshape", "Flatten"]  # the first for `pack`


def test_a_model_holds_its_batch_size_as_a_number(quickstart):
    assert _shapes(exported(quickstart, torch.randn(4, 1, 8, 8)).at(7)) == [[7, 64], [7, 10]]


class Reading(nn.Module):
    """A value in place and in names; the one at `unused` is there for others, as attention masks of ones often are."""

    def __init__(self, unused: int) -> None:
        super().__init__()
        self.unused = unused

    def forward(self, *given: Tensor | dict[str, Tensor]) -> dict[str, Tensor | None]:
        tokens, weights = (value for place, value in enumerate(given) if place != self.unused)
        return {"loss": None, "sums": tokens * weights["each"].cumsum(1), "tokens": tokens}


@pytest.mark.parametrize("serve", [onnxruntime.served, lambda models: openvino.served(models, "f32")])
@pytest.mark.parametrize("unused", [1, 2])
def test_several_inputs_and_outputs_go_by_their_order(serve: Callable[[Models], Forward], unused: int):
    given = [torch.randint(0, 9, (5, 4)), {"each": torch.randn(5, 4)}]
    inputs = (*given[:unused], torch.randn(5), *given[unused:])
    network = Reading(unused).eval()

    forward = serve(exported(network, inputs))

    compare(forward(inputs), network(*inputs))
    assert len(forward(inputs)) == 1


class Pinned(nn.Module):
    """A network whose answers depend on how many examples there are."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * 2 if len(inputs) > 2 else inputs * 3


@pytest.mark.parametrize("size", [1, 5])
def test_a_network_that_depends_on_the_batch_size_is_exported_for_each(size):
    network, inputs = Pinned().eval(), torch.randn(size, 4)

    forward = served(exported(network, torch.randn(5, 4)))

    with torch.inference_mode():  # as in a benchmark, where a batch size is exported with its first call
        compare(forward(inputs), network(inputs))


class Branching(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs if inputs.sum() > 0 else -inputs


def test_a_network_that_depends_on_its_values_is_refused_in_a_line_and_nothing_is_printed(capfd):
    with pytest.raises(NotApplicable, match=r"^torch\.onnx\.export cannot take it: [^\n]+$"):
        exported(Branching().eval(), torch.randn(5, 4))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("shape", [(1, 8, 8), (64,), (4, 16)])
def test_a_flatten_that_comes_first_is_done_before_the_clock_starts(shape: Sequence[int]):
    network, inputs = nn.Sequential(nn.Flatten(), nn.Linear(64, 3)).eval(), torch.randn(5, *shape)

    models = exported(network, inputs)

    assert _nodes(models.at(5)) == ["Gemm"]
    assert [array.shape for array in models.arrays(inputs)] == [(5, 64)]


def test_an_input_that_is_read_otherwise_too_stays_as_it_is():
    class Twice(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs.flatten(1) + inputs.mean((1, 2), keepdim=True)[:, :, 0]

    network, inputs = Twice().eval(), torch.randn(5, 4, 2)

    assert list(exported(network, inputs).flat) == [False]
    compare(served(exported(network, inputs))(inputs), network(inputs))


def test_an_export_serves_other_weights_of_the_same_network(residual):
    """Norms are fused and constants folded after the weights are there."""
    first, _, _ = residual(1.0, seed=0)
    other, _, _ = residual(1.0, seed=1)
    inputs = torch.randn(4, 3, 12, 12)
    export = exporter(first, inputs)

    for network in (first, other, first):
        compare(served(export(network))(inputs), network(inputs))


class Tied(nn.Module):
    """A weight that two layers share."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.head(self.embed(tokens))
        return logits


def test_other_weights_come_into_a_network_with_a_shared_one_too():
    first, other = (Tied().eval().requires_grad_(False) for _ in range(2))
    tokens = torch.randint(0, 11, (4, 5))
    export = exporter(first, tokens)

    for network in (first, other):
        compare(served(export(network))(tokens), network(tokens))


def test_a_layer_of_torchs_own_transformer_is_exported_in_its_parts():
    """In eval mode, without gradients, it is one operation of torch's, which no other runtime has."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, norm_first=True)
    network = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False).eval().requires_grad_(False)
    inputs = torch.randn(4, 5, 8)

    compare(served(exported(network, inputs))(inputs), network(inputs))
