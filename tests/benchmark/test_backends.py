"""The contract of every file in backends/: it serves the network it says, or says why not."""

import importlib
import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ticketsmith_runner.backends import Forward, Kind, NotApplicable, every
from ticketsmith_runner.backends.admission import LOOSE, TOLERANCE, TOLERANCES, Unequal, admit, compare, near
from ticketsmith_runner.subject import Subject
from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.kernels._isa import AVX2
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.shares import Shared

from ..runtime.machines import HOST, WIDE, WITH_AVX2, WITH_AVX512, WITH_NEITHER

QUICK = [name for name in every() if name != "compiled"]
"""To compile takes torch ten seconds."""
HERE = {
    "cuda": "no GPU",
    "cuda-half": "no GPU",
    "cuda-compact": "no GPU",
    "cuda-compact-half": "no GPU",
    "cuda-semi24": "no GPU|no layer has",
    "mixed": "one Linear|fits the cache",
    "vectors": "no vectors of 16",
    "operators": "a graph of convolutions",
    "openvino-bf16": "no products of bfloat16",
}
"""Who may say that a network, or a machine, is not for it; and why."""
if WIDE:
    HERE["windows"] = "has AVX-512, whose kernel for one sample is faster"
COARSE = set() if HOST.has("avx512vnni") or HOST.has("avxvnni") else {"onnxruntime-static", "openvino-int8"}
"""Dense in int8 with constant ranges: without VNNI its weights have a bit less, or its sums are cut off."""
WIDTHS = [[6, 3], [12, 30, 10, 4], [64, 50, 10]]
DENSITIES = [1.0, 0.3, 0.02]
ONE_BY_ONE = ("pell", "pell19", "vectors")
"""Who has code of AVX-512 alone."""


def built(name: str, subject: Subject) -> Forward | None:
    """None if it says why not, for one of its reasons; that it needs AVX-512 is one only where there is none."""
    lacking = name in ONE_BY_ONE and not WIDE
    reasons = [*([HERE[name]] if name in HERE else []), *(["has no AVX-512"] if lacking else [])]
    try:
        forward = every()[name].build(subject)
    except NotApplicable as reason:
        assert any(re.search(known, str(reason)) for known in reasons), reason
        return None
    assert not lacking
    return forward


def held(name: str, forward: Forward, subject: Subject, inputs: Tensor) -> None:
    kind = every()[name].KIND
    reference = subject.dense if kind.dense else subject.masked
    with torch.inference_mode():
        if kind.precision == "int8":  # it knows the range of the subject's examples alone
            known = subject.inputs[torch.arange(len(inputs)) % len(subject.inputs)]
            near(forward(known), reference(known))
        else:
            compare(forward(inputs), reference(inputs), TOLERANCES.get(kind.precision, TOLERANCE))


@pytest.fixture(
    scope="module", params=[(widths, density) for widths in WIDTHS for density in (1.0, 0.3, 0.02)], ids=str
)
def linear(request, chain, subject_for):
    """One subject for all back-ends, as in a benchmark: traced once, exported once."""
    widths, density = request.param
    return subject_for(*chain(widths, density), torch.randn(9, 1, widths[0]))


@pytest.fixture(scope="module", params=[1.0, 0.3, 0.05])
def convolutional(request, residual, subject_for):
    return subject_for(*residual(request.param), torch.randn(9, 3, 12, 12))


@pytest.mark.parametrize("name", QUICK)
def test_a_backend_equals_its_network_or_says_why_not(name, linear):
    if name in COARSE and linear.inputs.shape[-1] < 64:
        pytest.skip("no VNNI: a bit less is too few for so small a network")
    if forward := built(name, linear):
        for batch in (1, 5, 17):
            held(name, forward, linear, torch.randn(batch, *linear.inputs.shape[1:]))


@pytest.mark.parametrize("name", QUICK)
def test_a_backend_equals_a_network_with_convolutions_or_says_why_not(name, convolutional):
    if forward := built(name, convolutional):
        for batch in (1, 5, 17):
            held(name, forward, convolutional, torch.randn(batch, 3, 12, 12))


def test_the_compiled_network_equals_itself():
    """In a process of its own: torch.compile starts threads after which torch refuses to train in a fork."""
    script = (
        "import torch; from torch import nn; from ticketsmith_runner.backends import every\n"
        "from ticketsmith_runner.subject import Subject\n"
        "network = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)).eval().requires_grad_(False)\n"
        "x = torch.randn(5, 12)\n"
        "subject = Subject(replicate=0, dense=network, masked=network, masks={}, inputs=x)\n"
        "forward = every()['compiled'].build(subject)\n"
        "with torch.inference_mode(): torch.testing.assert_close(forward(x), [network(x)], atol=1e-5, rtol=0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def test_without_a_compiler_nothing_is_compiled(chain, subject_for, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotApplicable, match="needs a C\\+\\+ compiler"):
        every()["compiled"].build(subject_for(*chain([6, 3], 0.5), torch.randn(4, 6)))


@pytest.fixture
def vectors(chain, subject_for):
    """A subject whose ticket has vectors of 16."""
    alive = torch.rand(3, 40, generator=torch.Generator().manual_seed(0)) < 0.3
    keep = [alive.repeat_interleave(16, 0), torch.ones(16, 48) > 0, torch.ones(5, 16) > 0]
    return subject_for(*chain([40, 48, 16, 5], keep), torch.randn(9, 40))


def test_vectors_are_for_tickets_of_vectors(vectors):
    if WIDE:
        held("vectors", every()["vectors"].build(vectors), vectors, torch.randn(3, 40))
    else:
        with pytest.raises(NotApplicable, match="has no AVX-512"):
            every()["vectors"].build(vectors)


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_without_avx512_nobody_computes_one_sample_at_a_time(vectors, name, monkeypatch):
    monkeypatch.setattr(Machine, "host", lambda: WITH_AVX2)
    with pytest.raises(NotApplicable, match=f"^{WITH_AVX2.cpu} has no AVX-512"):
        every()[name].build(vectors)


def test_windows_are_for_machines_whose_registers_have_eight_lanes(vectors, monkeypatch):
    if HOST.has(*AVX2.features):
        monkeypatch.setattr(Machine, "host", lambda: WITH_AVX2)
        held("windows", every()["windows"].build(vectors), vectors, torch.randn(3, 40))
    monkeypatch.setattr(Machine, "host", lambda: WITH_AVX512)
    with pytest.raises(NotApplicable, match="has AVX-512, whose kernel for one sample is faster"):
        every()["windows"].build(vectors)


def test_without_avx512_our_own_dense_loops_take_every_batch(vectors, monkeypatch):
    monkeypatch.setattr(Machine, "host", lambda: WITH_AVX2)
    forward = every()["own-dense"].build(vectors)
    for batch in (1, 17):
        held("own-dense", forward, vectors, torch.randn(batch, 40))


def test_without_avx512_our_own_dense_loops_take_convolutions_too(subject_for, monkeypatch):
    monkeypatch.setattr(Machine, "host", lambda: WITH_AVX2)
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2)).requires_grad_(False).eval()
    subject = subject_for(network, network, {}, torch.randn(4, 1, 4, 4))
    forward = every()["own-dense"].build(subject)
    for batch in (1, 17):
        held("own-dense", forward, subject, torch.randn(batch, 1, 4, 4))


@pytest.mark.parametrize("name", [*ONE_BY_ONE, "windows", "codegen", "datadriven", "mixed", "own-dense"])
def test_without_avx2_there_is_no_code_of_ours(vectors, name, monkeypatch):
    monkeypatch.setattr(Machine, "host", lambda: WITH_NEITHER)
    with pytest.raises(NotApplicable, match=f"^{WITH_NEITHER.cpu} has neither AVX-512 nor AVX2"):
        every()[name].build(vectors)


def test_each_linear_gets_the_kernel_that_is_the_fastest_on_it(chain, subject_for, monkeypatch):
    mixed = importlib.import_module("ticketsmith_runner.backends.mixed")
    monkeypatch.setattr(mixed, "SMALL", 0)
    monkeypatch.setattr(mixed, "_best", lambda layer, batch: "codegen" if len(layer.bias_O) > batch else "datadriven")
    subject = subject_for(*chain([20, 30, 8], 0.4), torch.randn(9, 20))

    forward = every()["mixed"].build(subject)

    assert [forward.plan(batch) for batch in (1, 16, 64)] == [
        ("codegen", "codegen"),
        ("codegen", "datadriven"),
        ("datadriven", "datadriven"),
    ]
    held("mixed", forward, subject, torch.randn(16, 20))


@pytest.mark.parametrize("kernel", ["codegen", "datadriven"])
def test_the_fastest_kernel_of_a_layer_is_measured(chain, monkeypatch, kernel):
    mixed = importlib.import_module("ticketsmith_runner.backends.mixed")
    seen = []

    def rounds(calls, *_):
        seen.extend(calls.values())
        return {name: [[1.0 if name == kernel else 2.0]] for name in calls}

    monkeypatch.setattr(mixed, "measure", rounds)
    layer = Layer(
        weight_OI=np.ones((3, 4), np.float32), alive_OI=np.ones((3, 4), bool), bias_O=np.zeros(3, np.float32), relu=True
    )

    assert mixed._best(layer, 5) == kernel
    first, second = (call() for call in seen)
    np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("name", QUICK)
def test_outputs_survive_the_next_call(linear, name):
    shape = (2, *linear.inputs.shape[1:])
    if forward := built(name, linear):
        with torch.inference_mode():
            (outputs,) = forward(torch.ones(shape))
            before = outputs.clone()
            forward(torch.zeros(shape))

        assert torch.equal(outputs, before)


def test_what_is_not_a_chain_still_runs_dense_and_masked_with_a_reason_for_the_rest(subject_for):
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 2), nn.Tanh()).eval()
    subject = subject_for(network, network, {}, torch.randn(3, 4))
    usual = {n: backend for n, backend in every().items() if not backend.KIND.asked and not n.startswith("cuda")}

    admitted = admit(usual, subject, [2])

    assert [name for name in admitted.forwards if name != "openvino-bf16"] == [
        "masked",
        "onnxruntime",
        "onnxruntime-dynamic",
        "onnxruntime-static",
        "openvino",
        "openvino-int8",
        "operators",
        "pytorch",
        "ticket-int8",
    ]
    assert {refusal.backend for refusal in admitted.refused} == usual.keys() - admitted.forwards.keys()
    assert all("Tanh" in refusal.reason or "bfloat16" in refusal.reason for refusal in admitted.refused)


def test_a_ticket_that_lets_a_bad_sample_into_another_is_refused(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    leaking = fake(lambda dense, masked, masks: lambda x: masked(x) + 0 * x.isnan().any() / (~x.isnan().any()))

    admitted = admit({"leaking": leaking}, subject_for(dense, masked, masks, torch.randn(20, 6)), [4])

    assert "changes the outputs of others" in admitted.refused[0].reason


def test_a_ticket_that_hides_what_is_no_number_is_refused(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 1.0)
    hiding = fake(lambda dense, masked, masks: lambda x: masked(x.nan_to_num()))

    admitted = admit({"hiding": hiding}, subject_for(dense, masked, masks, torch.randn(20, 6)), [4])

    assert "gets outputs that are" in admitted.refused[0].reason


@pytest.mark.parametrize("size", [3, 17])
def test_a_ticket_that_is_wrong_on_a_tail_is_refused(chain, subject_for, fake, size):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    wrong = fake(lambda dense, masked, masks: lambda x: masked(x) + (len(x) == size))

    admitted = admit({"wrong": wrong}, subject_for(dense, masked, masks, torch.randn(20, 6)), [4, 16])

    assert f"at batch size {size}" in admitted.refused[0].reason


def test_what_is_built_and_answered_first_has_a_time_of_its_own(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)

    def slow(dense, masked, masks):
        time.sleep(0.05)
        return masked

    assert admit({"slow": fake(slow)}, subject_for(dense, masked, masks, torch.randn(20, 6)), [4]).cold["slow"] >= 0.05


def test_a_dense_backend_is_checked_against_the_dense_network(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    wrong = fake(lambda dense, masked, masks: masked, KIND=Kind(dense=True))

    admitted = admit({"opponent": wrong}, subject_for(dense, masked, masks, torch.randn(4, 6)), [4])

    assert not admitted.forwards and "differ" in admitted.refused[0].reason


def test_a_backend_that_is_wrong_at_one_batch_size_is_refused(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    wrong = fake(lambda dense, masked, masks: lambda x: masked(x) + (len(x) == 16))

    admitted = admit({"wrong": wrong}, subject_for(dense, masked, masks, torch.randn(20, 6)), [1, 16, 64])

    assert "at batch size 16" in admitted.refused[0].reason


def test_a_backend_that_is_wrong_on_the_last_example_alone_is_refused(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)
    inputs = torch.randn(9, 6)
    wrong = fake(lambda dense, masked, masks: lambda x: masked(x) + (x == inputs[-1]).all(1, keepdim=True))

    assert admit({"wrong": wrong}, subject_for(dense, masked, masks, inputs), [4]).refused


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        ([[0.0, 1.0, 2.0]], "shape"),
        ([[float("nan"), 1.0]], "not finite"),
        ([[0.0, float("inf")]], "not finite"),
        ([[0.0, 1.001]], "differ from the reference by up to 0.001"),
    ],
)
def test_wrong_outputs(outputs, reason):
    with pytest.raises(Unequal, match=reason):
        compare(torch.tensor(outputs), torch.tensor([[0.0, 1.0]]))


def test_a_reference_that_is_not_finite_admits_nobody():
    with pytest.raises(Unequal):
        compare(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, float("nan")]]))


def test_a_changed_prediction_is_wrong_unless_it_is_a_tie():
    tie, lead = torch.tensor([[0.0, 0.9]]) * TOLERANCE, torch.tensor([[0.0, 1.2]]) * TOLERANCE

    assert compare(tie.flip(1), tie) == pytest.approx(0.9 * TOLERANCE)
    with pytest.raises(Unequal, match="1 of 1 predictions"):
        compare(torch.tensor([[0.7, 0.6]]) * TOLERANCE, lead)


def test_large_logits_may_differ_in_proportion():
    """Seen on MNIST after 50,000 updates: logits near 100, and 1.2e-4 between two batch sizes of the same network."""
    assert compare(torch.tensor([[100.0, 0.00012]]), torch.tensor([[100.0, 0.0]])) == pytest.approx(0.00012)
    with pytest.raises(Unequal, match=r"0\.00012 of its scale"):
        compare(torch.tensor([[1.0, 0.00012]]), torch.tensor([[1.0, 0.0]]))


def test_int8_is_near_its_network_and_no_nearer_than_another_one_is():
    generator = torch.Generator().manual_seed(0)
    reference = torch.randn(100, 5, generator=generator)

    assert near(reference * (1 + 0.9 * LOOSE), reference) > 0
    for wrong in (torch.zeros(100, 5), torch.randn(100, 5, generator=generator), reference.flip(0), 2 * reference):
        with pytest.raises(Unequal, match="of their size from the reference"):
            near(wrong, reference)
    with pytest.raises(Unequal, match="have shape"):
        near(reference[:, :4], reference)
    with pytest.raises(Unequal, match="not finite"):
        near(reference.where(reference < 2, torch.inf), reference)


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda dense, x: dense(x), None),
        (lambda dense, x: dense(x) + 0.01, None),
        (lambda dense, x: dense(x).flip(1), "of their size from the reference"),
        (lambda dense, x: dense(x) if len(x) < 4 else dense(x).roll(1, 0), "at batch size 4"),
        (lambda dense, x: dense(x) * (1 if len({*x[:, 0].tolist()}) == len(x) else 2), "depend on its neighbours"),
    ],
    ids=["same", "near", "another", "wrong size", "neighbours"],
)
def test_int8_that_is_another_network_is_refused(chain, subject_for, fake, forward, reason):
    subject = subject_for(*chain([6, 5, 3], 1.0), torch.randn(20, 6))
    kind = Kind(dense=True, precision="int8")

    admitted = admit({"int8": fake(lambda d, m, masks: lambda x: forward(d, x), KIND=kind)}, subject, [2, 4])

    assert [reason in refusal.reason for refusal in admitted.refused] == ([True] if reason else [])


def test_int8_is_calibrated_on_examples_that_it_is_not_tested_on(chain, subject_for):
    """Ranges of small numbers cut off large ones; of all back-ends that take ranges beforehand."""
    subject = subject_for(*chain([6, 5, 3], 1.0), torch.randn(40, 6))
    wrong = replace(subject, calibration=0.01 * subject.inputs, quantized={})

    for name in ("onnxruntime-static", "openvino-int8"):
        held(name, every()[name].build(subject), subject, subject.inputs)
        with pytest.raises(Unequal), torch.inference_mode():
            near(every()[name].build(wrong)(subject.inputs), subject.dense(subject.inputs))


@pytest.mark.parametrize(
    ("features", "seven"),
    [("+avx2", True), ("+avx2,+avx512f", True), ("+avx2,+avx512vnni", False), ("+avx2,+avxvnni", False), ("", False)],
)
def test_on_old_processors_weights_get_seven_bits(monkeypatch, features, seven):
    """Sums of two products of 8 bits are cut off at 16, where there is no VNNI: ONNX Runtime's own advice."""
    monkeypatch.setattr(Machine, "host", lambda: Machine("some", features))
    assert importlib.import_module("ticketsmith_runner.backends.int8").saturates() == seven


def test_a_network_without_products_stays_in_fp32_with_a_reason(subject_for):
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten()).eval().requires_grad_(False)
    subject = subject_for(network, network, {}, torch.randn(5, 1, 4, 4))

    with pytest.raises(NotApplicable, match="it stays in fp32"):
        every()["onnxruntime-dynamic"].build(subject)
    held("onnxruntime-static", every()["onnxruntime-static"].build(subject), subject, subject.inputs)


def test_a_runtime_that_fails_takes_no_other_with_it(chain, subject_for, fake):
    dense, masked, masks = chain([6, 5, 3], 0.5)

    def fail(dense, masked, masks):
        raise RuntimeError("no kernel\nfor this")

    backends = {"broken": fake(fail), "whole": fake(lambda d, m, masks: m)}
    admitted = admit(backends, subject_for(dense, masked, masks, torch.randn(9, 6)), [4])

    assert list(admitted.forwards) == ["whole"]
    assert admitted.refused[0].reason == "it failed: RuntimeError: no kernel for this"


@pytest.mark.parametrize(("machine", "size"), [(WITH_AVX512, "2 MiB"), (WITH_AVX2, "4 MiB")], ids=["avx512", "avx2"])
@pytest.mark.parametrize("name", ["codegen", "mixed"])
def test_code_that_no_cache_holds_is_not_made(chain, subject_for, name, machine, size, monkeypatch):
    """366,000 weights: of 7 bytes each on AVX-512, of 13 on AVX2."""
    monkeypatch.setattr("ticketsmith_runtime.program.LARGEST_CODE", 1 << 20)
    monkeypatch.setattr(Machine, "host", lambda: machine)
    with pytest.raises(NotApplicable, match=f"its code would take {size}"):
        every()[name].build(subject_for(*chain([600, 600, 10], 1.0), torch.randn(3, 600)))


@pytest.mark.parametrize("largest", [1 << 20, 1 << 30])
def test_what_is_data_may_have_any_size(chain, subject_for, largest, monkeypatch):
    monkeypatch.setattr("ticketsmith_runtime.program.LARGEST_CODE", largest)
    assert every()["datadriven"].build(subject_for(*chain([600, 600, 10], 1.0), torch.randn(3, 600)))


@pytest.mark.parametrize("name", ["codegen", "datadriven"])
def test_programs_share_a_batch_among_threads(chain, subject_for, name):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        forward = every()[name].build(subject_for(*chain([12, 8, 4], 0.5), torch.randn(3, 12)))
    finally:
        torch.set_num_threads(before)
    assert isinstance(forward.call, Shared) and forward.call._threads == 2
