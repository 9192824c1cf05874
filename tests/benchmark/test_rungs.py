"""Smaller dense networks in a benchmark: in the same rounds as dense and ticket, each by what is fastest for it."""

from functools import partial

import pytest
import torch
from torch import nn

from ticketsmith.lottery.results import SpeedRow
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runner.backends import Kind, every
from ticketsmith_runner.backends.rungs import admitted, rung_speeds
from ticketsmith_runner.backends.shares import FEWEST, LEAST
from ticketsmith_runner.replicate import Rung
from ticketsmith_runner.steps.benchmark import benchmark
from ticketsmith_runner.subject import Subject

DENSE = Kind(dense=True)


def make(rung=None):
    width = {"half": 2, "smaller": 4, None: 8}[rung]
    return nn.Sequential(nn.Flatten(), nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


def rung_of(name, inputs):
    network = make(name).eval()
    subject = Subject(replicate=0, dense=network, masked=network, masks={}, inputs=inputs)
    return Rung(subject=subject, weights=9 * network[1].out_features)


@pytest.fixture
def subject():
    dense, masked = (make().requires_grad_(False).eval() for _ in "12")
    masks = {name: torch.rand_like(value) < 0.5 for name, value in masked.named_parameters() if value.dim() > 1}
    for name, mask in masks.items():
        masked.get_parameter(name).mul_(mask)
    return Subject(replicate=0, dense=dense, masked=masked, masks=masks, inputs=torch.randn(9, 6))


@pytest.fixture
def rungs(subject):
    return {name: rung_of(name, subject.inputs) for name in ("half", "smaller")}


def test_the_fastest_back_end_of_a_rung_counts():
    chosen = SpeedRow(backend="fast", batch_size=4, p50=1.0, p95=1, p99=1, throughput=4, ratio=3, low=3, high=3)
    seconds = {"dense": 3.0, "fast": 1.0, "half/a": 0.5, "half/b": 0.25, "smaller/a": 2.0}
    latencies = {name: [[[each], [each]], [[each], [each]]] for name, each in seconds.items()}

    half, smaller = rung_speeds(chosen, "dense", latencies, {"half": 10, "smaller": 20, "double": 40})

    assert (half.backend, half.weights, half.p50, half.throughput) == ("b", 10, 0.25, 16)
    assert (half.ticket.to, half.ticket.ratio, half.dense.to, half.dense.ratio) == ("fast", 4.0, "dense", 12.0)
    assert (smaller.backend, smaller.ticket.ratio, smaller.dense.ratio) == ("a", 0.5, 1.5)


def test_only_baselines_that_are_right_are_timed(subject, rungs, fake):
    backends = {
        "right": fake(lambda dense, masked, masks: dense, KIND=DENSE),
        "wrong": fake(lambda dense, masked, masks: lambda x: dense(x) + 1, KIND=DENSE),
        "int8": fake(lambda dense, masked, masks: dense, KIND=Kind(dense=True, precision="int8")),
        "own": fake(lambda dense, masked, masks: dense, KIND=Kind(dense=True, control=True)),
        "ticket": fake(lambda dense, masked, masks: masked),
    }

    found = admitted({name: rung.subject for name, rung in rungs.items()}, backends, [2])

    assert found.keys() == {"half/right", "smaller/right"}


@pytest.mark.parametrize("rounds", [2, FEWEST * LEAST])
def test_they_are_timed_in_this_process_and_in_fresh_ones(subject, rungs, rounds):
    options = BenchmarkOptions(batch_sizes=(1, 4), rounds=rounds, seconds=1e-4)
    backends = {name: backend for name, backend in every().items() if name in ("pytorch", "onnxruntime", "masked")}

    speed = benchmark(subject, options, backends, make=make, rungs=rungs)

    assert speed.processes == (1 if rounds == 2 else FEWEST)
    assert [(row.rung, row.batch_size) for row in speed.rungs] == [
        (rung, size) for size in (1, 4) for rung in ("half", "smaller")
    ]
    assert {row.ticket.to for row in speed.rungs} == {row.backend for row in speed.choices}
    assert {row.backend for row in speed.rows} == {"pytorch", "onnxruntime", "masked"}
    assert all(row.p50 > 0 and row.ticket.low <= row.ticket.ratio <= row.ticket.high for row in speed.rungs)


def test_a_benchmark_without_a_ladder_has_none(subject):
    options = BenchmarkOptions(batch_sizes=(1,), rounds=1, seconds=1e-4)
    backends = {name: backend for name, backend in every().items() if name == "pytorch"}

    assert benchmark(subject, options, backends, make=partial(make)).rungs == []
