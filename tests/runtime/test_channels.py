"""Compaction of a graph changes no output, and leaves nothing that could be removed."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from ticketsmith_runtime.channels import compact
from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool, evaluate

from .graphs import ended, layer, residual


def _dead(conv: Conv, units: list[int]) -> Conv:
    """Without what these units read."""
    alive_OI = conv.layer.alive_OI.copy()
    alive_OI[[unit for unit in units if unit < len(alive_OI)]] = False
    weight_OI = np.where(alive_OI, conv.layer.weight_OI, 0).astype(np.float32)
    return replace(conv, layer=replace(conv.layer, alive_OI=alive_OI, weight_OI=weight_OI))


def _close(graph: Graph, small: Graph) -> None:
    x = np.random.default_rng(1).standard_normal((3, graph.inputs.size))
    expected = evaluate(graph, x)
    np.testing.assert_allclose(evaluate(small, x), expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@given(
    units=st.lists(st.integers(1, 6), min_size=1, max_size=4),
    dead=st.lists(st.integers(0, 5), max_size=4),
    padding=st.integers(0, 1),
    stride=st.integers(1, 2),
    pool=st.sampled_from(["max", "mean", None]),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_outputs_stay(units, dead, padding, stride, pool, density, seed):
    rng, nodes, plane = np.random.default_rng(seed), [], Plane(2, 9, 8)
    for count in units:
        channels = Graph(plane, nodes).shapes()[-1].channels
        conv = Conv(
            layer=layer(count, 9 * channels, density, rng),
            kernel=(3, 3),
            padding=padding,
            stride=stride,
            reads=len(nodes),
        )
        if min(conv.shape(Graph(plane, nodes).shapes()[-1])) > 0:
            nodes.append(_dead(conv, dead))
    if pool and min(Graph(plane, nodes).shapes()[-1][1:]) > 1:
        nodes.append(Pool(pool, 2, 1, len(nodes)))
    graph = ended(plane, nodes, density, rng)

    _close(graph, compact(graph))


@pytest.mark.parametrize("density", [0.0, 0.02, 0.1, 0.5])
@pytest.mark.parametrize("dead", [[], [0, 3], list(range(35))])
def test_outputs_stay_where_values_are_added(density, dead):
    graph = residual(density)
    nodes = [
        _dead(node, dead) if isinstance(node, Conv) and n in (1, 2, 3) else node for n, node in enumerate(graph.nodes)
    ]
    graph = Graph(graph.inputs, nodes)

    _close(graph, compact(graph))


def test_a_channel_that_nobody_reads_goes_and_what_fed_it_alone_goes_with_it():
    rng = np.random.default_rng(0)
    first = Conv(layer=layer(4, 9, 1.0, rng), kernel=(3, 3), padding=1, reads=0)
    second = Conv(layer=layer(3, 36, 1.0, rng), kernel=(3, 3), padding=1, reads=1)
    second.layer.alive_OI[:, 9:18] = False  # channel 1 is read by nobody
    second.layer.alive_OI[:2, 27:] = False  # channel 3 by unit 2 alone
    second.layer.weight_OI[~second.layer.alive_OI] = 0
    graph = ended(Plane(1, 6, 6), [first, second], 1.0, rng)
    third = graph.nodes[2]
    assert isinstance(third, Conv)
    third.layer.alive_OI[:, 72:] = False  # unit 2 by nobody
    third.layer.weight_OI[~third.layer.alive_OI] = 0

    small = compact(graph)

    assert [shape.channels for shape in small.shapes()] == [1, 2, 2, 9, 4]
    _close(graph, small)


def test_a_constant_is_folded_where_nothing_is_padded_and_stays_where_zeros_lie_beside_it():
    rng = np.random.default_rng(0)
    first = _dead(Conv(layer=layer(3, 9, 1.0, rng), kernel=(3, 3), reads=0), [1])
    first.layer.bias_O[1] = 0.7
    for padding, channels in ((0, 2), (1, 3)):
        second = Conv(layer=layer(2, 27, 1.0, rng), kernel=(3, 3), padding=padding, reads=1)
        graph = ended(Plane(1, 8, 8), [first, second], 1.0, rng)
        assert compact(graph).shapes()[1].channels == channels
        _close(graph, compact(graph))
    first.layer.bias_O[1] = -0.7  # behind the ReLU it is zero, as the border is
    assert compact(Graph(graph.inputs, graph.nodes)).shapes()[1].channels == 2


def test_what_is_added_keeps_the_channels_of_what_it_is_added_to():
    graph = residual(1.0)
    nodes = list(graph.nodes)
    assert isinstance(nodes[3], Conv)
    nodes[3] = _dead(nodes[3], list(range(10)))  # its sum is what it adds

    small = compact(Graph(graph.inputs, nodes))

    assert [shape.channels for shape in small.shapes()][4] == 35
    _close(Graph(graph.inputs, nodes), small)


def test_a_network_that_reads_nothing_keeps_a_channel_everywhere():
    small = compact(residual(0.0))
    assert [shape.channels for shape in small.shapes()][1:-1] == [1] * 7
    _close(residual(0.0), small)
