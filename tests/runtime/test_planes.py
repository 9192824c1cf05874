"""Convolutions give what the weights say, whatever the network is made of. On each instruction set that is here."""

from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from ticketsmith_runtime.batches import planar
from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool, Unsuited, evaluate
from ticketsmith_runtime.kernels._isa import AVX2, AVX512, widest
from ticketsmith_runtime.program import Program
from ticketsmith_runtime.samples import SINGLES, flat

from .graphs import ended, layer, residual
from .machines import HOST, ONE_BY_ONE, WITH_AVX2, WITH_AVX512

MAKERS: dict[str, Callable[[Graph], Program]] = {
    f"{kernel}-{isa.name}": lambda graph, kernel=kernel, isa=isa, machine=machine: planar(graph, kernel, isa, machine)
    for kernel in ("codegen", "datadriven")
    for isa, machine in ((AVX512, HOST), (AVX2, WITH_AVX2))
    if HOST.has(*isa.features)
}
for each in ("pell", "vectors", "windows"):
    for machine in (WITH_AVX512, WITH_AVX2):
        if machine.has(*SINGLES[each].isa.features) and HOST.has(*widest(machine).features):
            name = f"flat-{each}-{widest(machine).name}"
            MAKERS[name] = lambda graph, kernel=each, machine=machine: flat(graph, machine, kernel)

makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())


def _held(graph: Graph, make: Callable[[Graph], Program], batch: int) -> None:
    x = np.random.default_rng(batch).standard_normal((batch, graph.inputs.size)).astype(np.float32)
    expected = evaluate(graph, x)
    outputs = make(graph)(x)
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("kernel", ["pell", "vectors", "windows"])
def test_code_for_one_sample_is_made_on_any_machine(kernel):
    """Code that this machine cannot run is assembled at least."""
    graph = residual()
    assert len(flat(graph, ONE_BY_ONE[kernel], kernel).sizes) == len(graph.layers())


@pytest.mark.parametrize("kernel", ["pell", "vectors"])
def test_a_kernel_is_not_made_of_what_the_machine_lacks(kernel):
    with pytest.raises(Unsuited, match="has no AVX-512"):
        flat(residual(), WITH_AVX2, kernel)


@makers
@given(
    inputs=st.tuples(st.integers(1, 4), st.integers(6, 11), st.integers(6, 11)),
    units=st.lists(st.integers(1, 40), min_size=1, max_size=3),
    kernels=st.lists(st.integers(1, 3), min_size=3, max_size=3),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    pool=st.sampled_from(["max", "mean", None]),
    density=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    batch=st.integers(1, 40),
)
@settings(max_examples=20, deadline=None)
def test_any_chain_of_convolutions(make, inputs, units, kernels, stride, padding, pool, density, batch):
    rng, nodes, plane = np.random.default_rng(batch), [], Plane(*inputs)
    for count, size in zip(units, kernels, strict=False):
        grown_layer = layer(count, Graph(plane, nodes).shapes()[-1].channels * size * size, density, rng)
        grown = Conv(layer=grown_layer, kernel=(size, size), stride=stride, padding=padding, reads=len(nodes))
        if min(grown.shape(Graph(plane, nodes).shapes()[-1])) > 0:
            nodes.append(grown)
    if pool and min(Graph(plane, nodes).shapes()[-1][1:]) > 1:
        nodes.append(Pool(pool, 2, 2, len(nodes)))

    _held(ended(plane, nodes, density, rng), make, batch)


@makers
@pytest.mark.parametrize("batch", [1, 16, 17, 70])
def test_sums_over_a_shortcut(make, batch):
    _held(residual(), make, batch)


@makers
def test_what_is_not_finite_stays_in_its_sample(make):
    graph = residual(1.0)
    program, x = make(graph), np.ones((20, graph.inputs.size), np.float32)
    before = program(x)
    x[3, 7] = np.nan

    outputs = program(x)

    assert np.isnan(outputs[3]).all()
    assert np.array_equal(np.delete(outputs, 3, 0), np.delete(before, 3, 0))
    x[3, 7] = 1
    assert np.array_equal(program(x), before)


@makers
def test_the_largest_of_a_square_with_nan_is_nan(make):
    rng = np.random.default_rng(0)
    graph = ended(Plane(1, 4, 4), [Pool("max", 2, 2, 0)], 1.0, rng)
    x = np.ones((1, 16), np.float32)
    x[0, 5] = np.nan

    assert np.isnan(make(graph)(x)).all()


@makers
def test_what_does_not_end_in_a_linear_says_so(make):
    conv = Conv(layer=layer(2, 9, 1.0, np.random.default_rng(0)), kernel=(3, 3), padding=1, reads=0)
    with pytest.raises(Unsuited, match="does not end in a Linear"):
        make(Graph(Plane(1, 5, 5), [conv]))


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (Pool("max", 9, 9, 0), "does not fit"),
        (Pool("max", 2, 2, 1), "not there yet"),
        (Conv(layer=layer(2, 8, 1.0, np.random.default_rng(0)), kernel=(3, 3), reads=0), "weights for other inputs"),
    ],
)
def test_nodes_that_do_not_fit(node, message):
    with pytest.raises(ValueError, match=message):
        Graph(Plane(1, 5, 5), [node]).shapes()
