"""Every program gives what the weights say, for any net, mask and batch. On each instruction set that is here."""

from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from ticketsmith_runtime.batches import tiled
from ticketsmith_runtime.chain import Layer, compact
from ticketsmith_runtime.graph import Graph, evaluate
from ticketsmith_runtime.kernels import pell
from ticketsmith_runtime.kernels._greedy import steps
from ticketsmith_runtime.kernels._isa import AVX2, AVX512
from ticketsmith_runtime.kernels._rows import rows
from ticketsmith_runtime.program import Program
from ticketsmith_runtime.samples import SINGLES, single

from .machines import HOST, ONE_BY_ONE, WITH_AVX2, WITH_AVX512

MAKERS: dict[str, Callable[..., Program]] = {
    f"{kernel}-{isa.name}": lambda layers, kernel=kernel, isa=isa, machine=machine: tiled(
        layers, [kernel] * len(layers), isa, machine
    )
    for kernel in ("codegen", "datadriven")
    for isa, machine in ((AVX512, HOST), (AVX2, WITH_AVX2))
    if HOST.has(*isa.features)
}
for each, least in ONE_BY_ONE.items():
    if HOST.has(*SINGLES[each].isa.features):
        MAKERS[each] = lambda layers, kernel=each, machine=least: single(layers, machine, kernel)

makers = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
APART = {name: make for name, make in MAKERS.items() if name.partition("-")[0] in ("codegen", "datadriven", "windows")}
"""Those in which an output reads nothing but what its weights are for."""


def _close(outputs, expected):
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


def test_there_is_something_to_test():
    assert MAKERS, f"{HOST.cpu} has no instruction set that code is written for"


@pytest.mark.parametrize("kernel", SINGLES)
def test_code_for_one_sample_is_made_on_any_machine(chain, kernel):
    """Code that this machine cannot run is assembled at least."""
    assert len(single(chain([100, 40, 10], 0.2), ONE_BY_ONE[kernel], kernel).sizes) == 2


@pytest.mark.parametrize(("isa", "machine"), [(AVX512, WITH_AVX512), (AVX2, WITH_AVX2)], ids=["avx512", "avx2"])
@pytest.mark.parametrize("kernel", ["codegen", "datadriven"])
def test_code_for_batches_is_made_on_any_machine(chain, kernel, isa, machine):
    """Code that this machine cannot run is assembled at least."""
    assert len(tiled(chain([100, 40, 10], 0.2), [kernel] * 2, isa, machine).sizes) == 2


@makers
@given(
    widths=st.lists(st.integers(1, 70), min_size=2, max_size=4),
    density=st.sampled_from([0.0, 0.02, 0.2, 0.5, 1.0]),
    batch=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=25, deadline=None)
def test_any_net_under_any_mask(make, chain, widths, density, batch, seed):
    layers = chain(widths, density, seed)
    x = np.random.default_rng(seed).standard_normal((batch, widths[0])).astype(np.float32)

    _close(make(compact(layers))(x), evaluate(Graph.chain(layers), x))


@makers
@pytest.mark.parametrize("batch", [1, 15, 16, 17, 63, 64, 65, 129, 300])
def test_whole_tiles_and_tails(make, chain, batch):
    layers = chain([100, 40, 10], 0.2)
    x = np.random.default_rng(batch).standard_normal((batch, 100)).astype(np.float32)

    _close(make(layers)(x), evaluate(Graph.chain(layers), x))


@makers
def test_a_layer_whose_code_takes_many_blocks(make, chain):
    """More inputs than a block has, and a stretch of the data-driven loop."""
    layers = chain([900, 64, 3], 0.7)
    x = np.random.default_rng(0).standard_normal((33, 900)).astype(np.float32)

    _close(make(layers)(x), evaluate(Graph.chain(layers), x))


@makers
def test_rows_and_columns_without_weights(make, chain):
    layers = chain([40, 35, 5], 0.3)
    layers[0].alive_OI[3:20], layers[0].alive_OI[:, ::2], layers[1].alive_OI[4] = False, False, False
    for layer in layers:
        layer.weight_OI[~layer.alive_OI] = 0
    x = np.random.default_rng(0).standard_normal((20, 40)).astype(np.float32)

    _close(make(layers)(x), evaluate(Graph.chain(layers), x))
    _close(make(compact(layers))(x), evaluate(Graph.chain(layers), x))


@makers
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_not_hidden(make, chain, value):
    """One bad input of one sample: every output that a kept path leads to says so, every other sample is as before."""
    layers = chain([20, 12, 6], 1.0)
    x = np.random.default_rng(0).standard_normal((18, 20)).astype(np.float32)
    program = make(layers)
    before = program(x)
    x[5, 7] = value

    outputs = program(x)

    with np.errstate(invalid="ignore"):
        expected = evaluate(Graph.chain(layers), x)
    assert not np.isfinite(expected[5]).all()
    assert not np.isfinite(outputs[5][~np.isfinite(expected[5])]).any()
    assert np.array_equal(np.delete(outputs, 5, 0), np.delete(before, 5, 0))


@pytest.mark.parametrize("make", APART.values(), ids=APART.keys())
@pytest.mark.parametrize("density", [0.02, 0.2, 0.6])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_goes_where_a_kept_path_leads_and_nowhere_else(make, chain, density, value):
    """A weight that is kept and zero is a path too."""
    first, last = layers = chain([150, 77, 45], density)
    rng = np.random.default_rng(0)
    for each in layers:
        each.weight_OI[rng.random(each.weight_OI.shape) < 0.2] = 0
    x = rng.standard_normal((170, 150)).astype(np.float32)
    program = make(layers)
    before = program(x)
    bad = np.arange(150)
    x[bad, bad] = value

    outputs = program(x)

    reached = np.zeros(outputs.shape, bool)
    reached[bad] = (first.alive_OI.T.astype(int) @ last.alive_OI.T) > 0
    assert reached.any() and np.array_equal(outputs[~reached], before[~reached])
    if np.isnan(value):
        assert np.isnan(outputs[reached]).all()


@pytest.mark.parametrize("make", APART.values(), ids=APART.keys())
def test_zero_times_infinity_is_not_hidden(make, chain):
    layer = chain([20, 11], 0.3)[0]
    layer.weight_OI[:] = 0
    x = np.zeros((3, 20), np.float32)
    x[1] = np.inf

    assert np.array_equal(np.isnan(make([layer])(x)), np.outer([False, True, False], layer.alive_OI.any(1)))


@pytest.mark.parametrize("make", [make for name, make in MAKERS.items() if not name.startswith("codegen")])
@pytest.mark.parametrize("inputs", [65_536, 65_537])
def test_more_inputs_than_two_bytes_count(make, inputs):
    """All of them are read by one unit, the last by another, none by the third."""
    alive_OI = np.zeros((3, inputs), bool)
    alive_OI[0], alive_OI[1, -3:] = True, True
    weight_OI = (np.random.default_rng(1).standard_normal(alive_OI.shape) / 256 * alive_OI).astype(np.float32)
    layers = [Layer(weight_OI=weight_OI, alive_OI=alive_OI, bias_O=np.ones(3, np.float32), relu=False)]
    x = np.random.default_rng(2).standard_normal((2, inputs)).astype(np.float32)

    _close(make(layers)(x), evaluate(Graph.chain(layers), x))


@makers
def test_a_bad_sample_leaves_no_trace_in_the_next_call(make, chain):
    program = make(chain([50, 33, 7], 0.3))
    x = np.random.default_rng(0).standard_normal((3, 50)).astype(np.float32)
    before = program(x)

    program(np.full((40, 50), np.nan, np.float32))

    assert np.array_equal(program(x), before)


@makers
def test_outputs_are_fresh_and_inputs_stay(make, chain):
    program = make(chain([9, 8, 4], 0.5))
    x = np.ones((2, 9), np.float32)
    first = program(x)
    kept = first.copy()

    program(np.zeros((2, 9), np.float32))

    assert np.array_equal(first, kept) and np.array_equal(x, np.ones((2, 9), np.float32))


@makers
def test_a_sample_does_not_depend_on_its_batch(make, chain):
    program = make(chain([30, 20, 5], 0.3))
    x = np.random.default_rng(0).standard_normal((70, 30)).astype(np.float32)

    together = program(x)

    assert all(np.array_equal(program(x[n : n + 1])[0], together[n]) for n in range(0, 70, 7))


@makers
def test_other_types_and_layouts_are_converted(make, chain):
    program = make(chain([6, 5, 3], 0.5))
    x = np.random.default_rng(0).standard_normal((6, 4)).T

    assert np.array_equal(program(x), program(np.ascontiguousarray(x, np.float32)))


@makers
def test_nothing_in_nothing_out(make, chain):
    program = make(chain([6, 5, 3], 0.5))
    assert program(np.zeros((0, 6))).shape == (0, 3)
    with pytest.raises(ValueError, match=r"\(0, 7\), expected"):
        program(np.zeros((0, 7)))


@makers
def test_a_wrong_number_of_features_is_an_error(make, chain):
    with pytest.raises(ValueError, match=r"\(2, 7\), expected \(samples, 6\)"):
        make(chain([6, 5, 3], 0.5))(np.zeros((2, 7)))


def test_weights_of_19_bits_are_the_nearest_ones():
    rng = np.random.default_rng(0)
    weights = (rng.standard_normal((40, 16)) * 10.0 ** rng.integers(-30, 30, (40, 16))).astype(np.float32)
    weights[3, 4], weights[5, 6] = 0, 1e-42
    picks = rng.integers(0, 32, weights.shape).astype(np.uint8)

    shared = pell._shared(pell.Group(4, weights, picks, [])).weights

    kept = np.abs(weights) > np.finfo(np.float32).tiny
    assert np.array_equal(shared.view(np.uint32)[kept] & 31, picks[kept]) and not shared[~kept].any()
    assert (np.abs(shared - weights)[kept] <= 2.0**-19 * np.abs(weights)[kept]).all()


def test_vectors_fill_every_step_of_windows(chain):
    layer = chain([50, 48], 1.0)[0]
    layer.alive_OI[:] = (np.random.default_rng(0).random((3, 50)) < 0.2).repeat(16, 0)

    _, (arranged,) = pell.arrange([layer])

    found = steps(rows(arranged.alive_OI), 8, 8)
    assert len(found.slots_K) == 8 * len(found.starts_S)
