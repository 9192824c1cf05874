"""A benchmark whose rounds are shared by fresh processes: they time the same network, from values alone."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from ticketsmith.lottery.results import Refusal, Speed
from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runner.backends import every
from ticketsmith_runner.backends.admission import Admission
from ticketsmith_runner.backends.shares import FEWEST, LEAST, MOST, Share, shares
from ticketsmith_runner.inputs import call, tensors
from ticketsmith_runner.parcel import parcel
from ticketsmith_runner.steps.benchmark import benchmark
from ticketsmith_runner.subject import Subject

NAMES = ("pytorch", "onnxruntime", "masked", "compact")
OPTIONS = BenchmarkOptions(batch_sizes=(1, 4), rounds=FEWEST * LEAST, seconds=1e-4)


class Tied(nn.Module):
    """Two layers that share a weight, of a tensor and a mask by name."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 6), nn.Linear(6, 6)
        self.second.weight = self.first.weight

    def forward(self, x, keep, scale=1.0):
        return self.second(self.first(x).relu() * keep) * scale


def _plain():
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))


def _subject(make, inputs):
    dense, masked = (make().requires_grad_(False).eval() for _ in range(2))
    masks = {name: torch.rand_like(value) < 0.5 for name, value in masked.named_parameters() if value.dim() > 1}
    for name, mask in masks.items():
        masked.get_parameter(name).mul_(mask)
    return Subject(replicate=3, dense=dense, masked=masked, masks=masks, inputs=inputs)


@pytest.fixture
def plain():
    return _subject(_plain, torch.randn(9, 6))


@pytest.mark.parametrize("rounds", [1, 5, 6, 7, 8, 9, 15, 16, 1000])
def test_every_round_is_in_one_share_and_no_share_is_small(rounds):
    found = shares(rounds)

    assert [number for share in found for number in share] == (list(range(rounds)) if rounds >= FEWEST * LEAST else [])
    assert all(len(share) >= LEAST for share in found)
    assert not found or FEWEST <= len(found) <= MOST


def test_a_parcel_holds_the_same_networks_and_inputs():
    given = {"x": torch.randn(7, 6), "keep": torch.rand(7, 6) < 0.5, "scale": 2.0}
    subject = _subject(Tied, given)

    again = parcel(subject, Tied, [1]).subject()

    assert (again.replicate, again.inputs["scale"]) == (3, 2.0)
    assert all(map(torch.equal, tensors(again.inputs), tensors(given)))
    assert again.masks.keys() == subject.masks.keys()
    assert all(torch.equal(again.masks[name], mask) for name, mask in subject.masks.items())
    for ours, theirs in ((again.dense, subject.dense), (again.masked, subject.masked)):
        assert torch.equal(call(ours, again.inputs), call(theirs, given))
        assert not ours.training


def test_the_export_travels_with_it(plain):
    """Whole, so that int8 can be made of it there."""
    again = parcel(plain, _plain, [1, 4]).subject()

    assert again.export and again.export.whole == plain.models.whole
    assert again.models.at(4) == plain.models.at(4)
    assert again.models.flat == plain.models.flat


def test_calibration_travels_and_so_does_a_network_that_is_traced(plain):
    examples = {"x": torch.ones(2, 3), "more": (torch.zeros(2), "word")}
    again = parcel(replace(plain, calibration=examples), _plain, [1]).subject()

    assert torch.equal(again.calibration["x"], examples["x"]) and again.calibration["more"][1] == "word"
    assert parcel(plain, _plain, [1]).subject().calibration is None
    assert parcel(plain, _plain, [1]).operators is not None  # the ticket in int8 is made of it


def test_a_share_times_its_rounds_of_every_back_end(plain):
    measure = Share(parcel=parcel(plain, _plain, [1, 4]), backends=NAMES, options=OPTIONS, rounds=range(3, 6))()

    refused, latencies, _ = measure()

    assert not refused
    assert {size: {name: len(rounds) for name, rounds in times.items()} for size, times in latencies.items()} == {
        size: dict.fromkeys(sorted(NAMES), 3) for size in (1, 4)
    }


def test_a_share_that_would_time_another_network_refuses(plain):
    sent = parcel(plain, partial(nn.Sequential, nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)), [1, 4])

    chosen = ("pytorch", "onnxruntime")
    refused, latencies, _ = Share(parcel=sent, backends=chosen, options=OPTIONS, rounds=range(3))()()

    assert [refusal.backend for refusal in refused] == ["onnxruntime"], "the export is of the network that was sent"
    assert latencies[1].keys() == {"pytorch"}


def test_what_one_process_refuses_is_in_no_comparison():
    admitted = Admission(
        forwards=dict.fromkeys(("dense", "fast")),
        differences={"fast": 0.1},
        refused=[],
        cold={"dense": 1.0, "fast": 2.0},
    )

    left = admitted.without([Refusal(backend="fast", reason="no memory")]).without(
        [Refusal(backend="fast", reason="!")]
    )

    assert (list(left.forwards), left.differences, left.cold) == (["dense"], {}, {"dense": 1.0})
    assert left.refused == [Refusal(backend="fast", reason="no memory")]


def test_a_benchmark_in_several_processes_has_the_rows_of_one_in_this(plain):
    backends = {name: backend for name, backend in every().items() if name in NAMES}
    told = []

    apart = benchmark(plain, OPTIONS, backends, tell=lambda *parts: told.append(parts), make=_plain)

    here = benchmark(plain, OPTIONS, backends)
    assert (here.processes, apart.processes) == (1, 3)
    assert [(row.backend, row.batch_size) for row in apart.rows] == [(row.backend, row.batch_size) for row in here.rows]
    assert told == [(done, 7) for done in (0, 1, 2, 3, 5, 6, 7)]
    assert Speed.model_validate_json(apart.model_dump_json()) == apart
    assert apart.opponent(4) in ("pytorch", "onnxruntime")
