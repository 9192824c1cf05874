"""Calls of a user: the back-end that was measured, or what this machine can do instead, and the reason."""

import threading

import numpy as np
import pytest

import ticketsmith_runtime
from ticketsmith_runtime.graph import Conv, Graph, Plane, Pool, evaluate
from ticketsmith_runtime.model import Model
from ticketsmith_runtime.package import Measured, Ticket, write
from ticketsmith_runtime.verification import Unequal, verify

from .graphs import layer, residual
from .machines import HOST, WIDE, WITH_AVX2, WITH_AVX512, WITH_NEITHER

ROWS = [
    Measured(batch=1, backend="pell", seconds=2e-6, ratio=3.0),
    Measured(batch=16, backend="codegen", seconds=9e-6, ratio=2.5),
    Measured(batch=64, backend="openvino", seconds=30e-6, ratio=1.0),
]


def _model(chain, measured=(), **options):
    return Model(
        Ticket(graph=Graph.chain(chain([20, 12, 4], 0.3)), measured=list(measured), machine={"cpu": "A"}), **options
    )


@pytest.mark.parametrize("shape", [(20,), (1, 20), (5, 20), (3, 4, 5), (2, 1, 4, 5), (0, 20)])
def test_samples_are_flattened(chain, shape):
    model, x = _model(chain), np.random.default_rng(0).standard_normal(shape)

    outputs = model(x)

    assert outputs.shape == (shape[0] if len(shape) > 1 else 1, 4) and outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, evaluate(model.ticket.graph, x.reshape(len(outputs), 20)), atol=1e-5)


@pytest.mark.parametrize(("batch", "backend"), [(1, "pell"), (4, "pell"), (5, "codegen"), (16, "codegen")])
def test_what_was_measured_to_be_the_fastest_answers(chain, batch, backend):
    assert _model(chain, ROWS, machine=WITH_AVX512).backend(batch) == backend


def test_this_machine_answers_with_the_instructions_that_it_has(chain):
    model = _model(chain, ROWS)

    assert [model.backend(batch) for batch in (1, 16)] == ["pell" if WIDE else "numpy", "codegen"]


@pytest.mark.parametrize(("batch", "backend"), [(1, "numpy"), (4, "numpy"), (5, "codegen"), (16, "codegen")])
def test_without_avx512_numpy_answers_what_was_measured_to_need_it(chain, batch, backend):
    assert _model(chain, ROWS, machine=WITH_AVX2).backend(batch) == backend


def test_where_dense_won_numpy_answers(chain):
    assert _model(chain, ROWS).backend(64) == "numpy"


@pytest.mark.parametrize("batch", [1, 16, 300])
def test_a_machine_without_the_instructions_answers_too_and_says_so(chain, batch):
    model = _model(chain, ROWS, machine=WITH_NEITHER)
    x = np.random.default_rng(0).standard_normal((batch, 20))

    np.testing.assert_allclose(model(x), evaluate(model.ticket.graph, x), atol=1e-5)
    assert "no instruction set that code is written for" in model.explain()
    assert "numpy, since pell, which was measured to be the fastest, does not run here" in model.explain()


def test_avx2_has_a_kernel_for_one_sample_too(chain):
    model, convolutions = _model(chain, machine=WITH_AVX2), Model(Ticket(graph=residual()), machine=WITH_AVX2)

    assert model.choices == convolutions.choices == ["numpy", "codegen", "datadriven", "windows"]
    assert [model.backend(batch) for batch in (1, 3, 4, 16)] == ["windows", "windows", "codegen", "codegen"]
    assert convolutions.backend(1) == "windows"


def test_what_was_measured_without_avx512_runs_with_it(chain):
    rows = [Measured(batch=1, backend="windows", seconds=2e-6, ratio=3.0)]

    assert {_model(chain, rows, machine=each).backend(1) for each in (HOST, WITH_AVX2)} == {"windows"}


def test_explain_says_why(chain):
    said = _model(chain, ROWS, machine=WITH_AVX512).explain()

    assert "batch 1: pell, measured 3.00x of the best dense fp32 back-end on A" in said
    assert "layer 0: 20 ->" in said
    assert "pell, layer 0: about" in said and "KiB of weights" in said
    assert "by size, since nothing was measured" in _model(chain).explain()


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 31, 32, 100])
def test_threads_change_no_output(chain, threads, batch):
    x = np.random.default_rng(0).standard_normal((batch, 20))

    assert np.array_equal(_model(chain, threads=threads)(x), _model(chain)(x))


def test_many_threads_may_call_at_once(chain):
    model, inputs = _model(chain, ROWS), np.random.default_rng(0).standard_normal((8, 50, 20))
    expected, found = [evaluate(model.ticket.graph, x) for x in inputs], [None] * 8

    def call(n):
        for _ in range(50):
            found[n] = model(inputs[n])
            np.testing.assert_allclose(found[n], expected[n], atol=1e-5)

    threads = [threading.Thread(target=call, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for outputs, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(outputs, right, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 19), (2, 3, 7), (19,)])
@pytest.mark.parametrize("machine", [HOST, WITH_NEITHER])
def test_a_wrong_number_of_features_is_an_error(chain, machine, shape):
    with pytest.raises(ValueError, match=r"expected \(samples, 20\)"):
        _model(chain, machine=machine)(np.zeros(shape))


def test_a_package_answers(chain, tmp_path):
    graph = Graph.chain(chain([20, 12, 4], 0.3))
    write(tmp_path / "a.ticket", Ticket(graph=graph))
    x = np.random.default_rng(0).standard_normal((7, 20))

    np.testing.assert_allclose(ticketsmith_runtime.load(tmp_path / "a.ticket")(x), evaluate(graph, x), atol=1e-5)


def test_verify_holds_every_program_against_the_weights(chain):
    model = _model(chain)

    assert verify(model).keys() == set(model.choices)
    assert max(verify(model).values()) < 1e-5


@pytest.mark.parametrize("wrong", [np.nan, 1e-2])
def test_verify_finds_a_wrong_program(chain, wrong):
    """DeepSparse 1.8 answered with wrong numbers at one batch size of 16, and nobody was told."""
    model = _model(chain)
    right = model.run("numpy")
    model._made["numpy"] = lambda x: right(x) + (wrong if len(x) == 16 else 0)

    with pytest.raises(Unequal, match="numpy"):
        verify(model)


@pytest.mark.parametrize("batch", [1, 17])
def test_a_network_of_convolutions_answers_on_any_machine(batch):
    graph = residual()
    x = np.random.default_rng(0).standard_normal((batch, *graph.inputs)).astype(np.float32)
    expected = evaluate(graph, x.reshape(batch, -1))

    for machine in (HOST, WITH_NEITHER):
        np.testing.assert_allclose(Model(Ticket(graph=graph), machine=machine)(x), expected, atol=1e-4)
    assert "layer 1: 45 -> 35 at 4 x 4 places" in Model(Ticket(graph=graph)).explain()
    assert set(verify(Model(Ticket(graph=graph)))) >= {"numpy"}


def test_a_network_that_no_program_is_written_for_is_left_to_numpy():
    graph = Graph(Plane(1, 5, 5), [Conv(layer=layer(2, 9, 0.5, np.random.default_rng(0)), kernel=(3, 3), reads=0)])
    model, x = Model(Ticket(graph=graph)), np.ones((2, 25), np.float32)

    assert model.choices == ["numpy"] and model.backend(16) == "numpy"
    np.testing.assert_allclose(model(x), evaluate(graph, x), atol=1e-5)


def test_kernels_that_were_chosen_layer_by_layer_answer_so():
    graph = residual()
    rows = [Measured(batch=16, backend="codegen+datadriven", seconds=9e-6, ratio=2.5)]
    model, x = Model(Ticket(graph=graph, measured=rows)), np.ones((20, graph.inputs.size), np.float32)

    assert model.backend(16) == "codegen+datadriven" and "codegen+datadriven" in verify(model)
    np.testing.assert_allclose(model(x), evaluate(graph, x), atol=1e-4)


@pytest.mark.parametrize("name", ["codegen+nonsense", "codegen+codegen+codegen", "codegen+pell", "+", "__import__"])
def test_a_plan_that_no_program_has_is_left_to_numpy(chain, name):
    rows = [Measured(batch=16, backend=name, seconds=9e-6, ratio=2.5)]

    assert _model(chain, rows).backend(16) == "numpy"


ROUNDED = [Measured(batch=1, backend="pell19", seconds=1e-6, ratio=3.0)]


def test_weights_of_19_bits_are_chosen_only_where_they_were_measured(chain):
    assert "pell19" not in _model(chain, machine=WITH_AVX512).choices
    assert _model(chain, ROUNDED, machine=WITH_AVX512).backend(1) == "pell19"


def test_weights_of_19_bits_answer_where_they_run_and_numpy_elsewhere(chain):
    model, x = _model(chain, ROUNDED), np.random.default_rng(0).standard_normal((1, 20)).astype(np.float32)

    outputs, expected = model(x), evaluate(model.ticket.graph, x)

    assert model.backend(1) == ("pell19" if WIDE else "numpy")
    np.testing.assert_allclose(outputs, expected, atol=1e-4)
    if WIDE:
        assert not np.array_equal(outputs, model.run("pell")(x))


def test_a_ticket_of_vectors_is_answered_by_their_kernel(chain):
    vectors = Ticket(graph=Graph.chain(chain([20, 32, 4], 1.0)))

    assert Model(vectors, machine=WITH_AVX512).backend(1) == "vectors"
    assert _model(chain, machine=WITH_AVX512).backend(1) == "pell"


def test_a_batch_that_another_ones_program_answers_sooner_says_so(chain):
    rows = [
        Measured(batch=64, backend="codegen", seconds=1e-3, ratio=3.0),
        Measured(batch=256, backend="datadriven", seconds=5e-3, ratio=2.0),
    ]
    said = _model(chain, rows).explain()

    assert "batch 256: codegen, which needs less time, called as often as needed, than datadriven" in said


def test_a_pool_of_a_thousand_places_is_left_to_numpy():
    graph = Graph(Plane(1, 40, 40), [Pool("max", 33, 1, 0)])
    layers = [*graph.nodes, Conv(layer=layer(2, 64, 1.0, np.random.default_rng(0)), kernel=(8, 8), reads=1)]
    assert Model(Ticket(graph=Graph(graph.inputs, layers))).choices == ["numpy"]


def test_outputs_that_are_large_are_fresh_each_time(chain):
    model = Model(Ticket(graph=Graph.chain(chain([3, 2000], 1.0))))
    x = np.random.default_rng(0).standard_normal((2, 30, 3)).astype(np.float32)

    first, second = (model.run("codegen" if "codegen" in model.choices else "numpy")(each) for each in x)

    np.testing.assert_allclose(first, evaluate(model.graph, x[0]), atol=1e-5)
    np.testing.assert_allclose(second, evaluate(model.graph, x[1]), atol=1e-5)
