"""GELU in every program: what the C library says of erf, to what float32 can hold."""

import math
from dataclasses import replace

import numpy as np
import pytest

from ticketsmith_runtime.chain import Layer, compact
from ticketsmith_runtime.channels import compact as channels
from ticketsmith_runtime.gelu import gelu
from ticketsmith_runtime.graph import Conv, Graph, evaluate
from ticketsmith_runtime.model import Model
from ticketsmith_runtime.package import Ticket, read, write

from . import test_planes, test_programs
from .graphs import residual

ROWS = np.linspace(-9, 9, 4001)


def bent(layers: list[Layer]) -> list[Layer]:
    return [replace(layer, relu=False, gelu=layer.relu) for layer in layers]


def curved(density: float = 0.3) -> Graph:
    graph = residual(density)
    nodes = [
        replace(n, layer=replace(n.layer, relu=False, gelu=n.layer.relu)) if isinstance(n, Conv) else n
        for n in graph.nodes
    ]
    return Graph(graph.inputs, nodes)


def test_numpys_is_the_c_librarys() -> None:
    exact = np.array([x * 0.5 * (1 + math.erf(x / math.sqrt(2))) for x in ROWS])
    np.testing.assert_allclose(gelu(ROWS), exact, rtol=0, atol=1e-15)
    np.testing.assert_allclose(gelu(ROWS.astype(np.float32)), exact, rtol=0, atol=1.5e-6)
    assert np.isnan(gelu(np.float32([np.nan])))[0] and gelu(np.zeros(1, np.float32))[0] == 0


@test_programs.makers
@pytest.mark.parametrize("batch", [1, 5, 16, 70])
def test_a_chain_of_gelu(make, chain, batch):
    layers = bent(chain([30, 45, 20, 6], 0.4))
    x = 3 * np.random.default_rng(0).standard_normal((batch, 30)).astype(np.float32)

    expected = evaluate(Graph.chain(layers), x)
    np.testing.assert_allclose(make(compact(layers))(x), expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@test_programs.makers
def test_the_last_layer_may_be_bent_and_nan_stays(make, chain):
    layers = [replace(chain([20, 18], 1.0)[0], gelu=True)]
    x = np.random.default_rng(0).standard_normal((18, 20)).astype(np.float32)
    x[3, 4] = np.nan

    outputs = make(layers)(x)

    assert np.isnan(outputs[3]).all() and np.isfinite(np.delete(outputs, 3, 0)).all()


@test_planes.makers
@pytest.mark.parametrize("batch", [1, 17])
def test_convolutions_and_sums_with_gelu(make, batch):
    test_planes._held(curved(), make, batch)


def test_constants_are_folded_behind_it():
    graph = curved(0.02)
    x = np.random.default_rng(0).standard_normal((3, graph.inputs.size))
    np.testing.assert_allclose(evaluate(channels(graph), x), evaluate(graph, x), atol=1e-5)


def test_a_package_remembers_it(tmp_path):
    write(tmp_path / "a", Ticket(graph=curved()))
    graph = read(tmp_path / "a").graph
    x = np.random.default_rng(0).standard_normal((3, graph.inputs.size)).astype(np.float32)

    assert [layer.gelu for layer in graph.layers()] == [layer.gelu for layer in curved().layers()]
    np.testing.assert_allclose(Model(Ticket(graph=graph))(x), evaluate(curved(), x), atol=1e-4)
