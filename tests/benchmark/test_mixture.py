"""Layers that int8 costs too much are found on the validation split, and left in fp32."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from ticketsmith.lottery.choices import TICKET_IN_INT8
from ticketsmith.lottery.spec import BenchmarkOptions, GateRule
from ticketsmith_runner import mixture
from ticketsmith_runner.backends import every
from ticketsmith_runner.inputs import tensors
from ticketsmith_runner.mixture import mixed, searched
from ticketsmith_runner.packing import as_judged
from ticketsmith_runner.quantized import judged
from ticketsmith_runner.replicate import subject_of
from ticketsmith_runner.tensors import stack
from ticketsmith_runtime.int8.instructions import best
from ticketsmith_runtime.int8.quantization import PLAIN, Layer, Scheme, precision
from ticketsmith_runtime.llvm import Machine
from ticketsmith_runtime.network import evaluate

from .test_benchmark import committed
from .test_quantized import _speed

FIRST, LAST = "1.weight", "3.weight"
LOUD = 1e5
"""Output of a unit that nothing reads: beside it, all others of its row are zero in int8."""
STATIC = BenchmarkOptions(batch_sizes=(8, 2), rounds=3, seconds=1e-5, ranges="static")


pytestmark = pytest.mark.skipif(best(Machine.host()) is None, reason="this processor has no instructions for int8")


def learned(context):
    """Replicates that know their digits, dense and ticket the same."""
    torch.manual_seed(0)
    states, masks = [], []
    for r in range(3):
        images, labels = context.examples.batch(context.split(r).train)
        network = context.network()
        with torch.no_grad():
            for parameter in network.parameters():
                nn.init.normal_(parameter, std=0.2)
        alive = {name: torch.rand_like(network.get_parameter(name)) < 0.7 for name in (FIRST, LAST)}
        optimizer = torch.optim.Adam(network.parameters(), 0.02)
        for _ in range(60):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images), labels).backward()
            optimizer.step()
            with torch.no_grad():
                for name, mask in alive.items():
                    network.get_parameter(name).mul_(mask)
        states.append(network.state_dict())
        masks.append(alive)
    return stack(states), stack(states), stack(masks)


def loud(context):
    """The same with a unit that shouts, and is not heard."""
    dense, ticket, masks = learned(context)
    for state in (dense, ticket):
        state[FIRST][:, 0], state["1.bias"][:, 0], state[LAST][:, :, 0] = 0, LOUD, 0
    return dense, ticket, masks


def opened(folder, made, **spec):
    gate = GateRule(margin=0.05)
    context, step = committed(folder, made=made, gate=gate, **spec)
    return context, step, subject_of(step, context)


def ruled(subject, context, step):
    speed = _speed({"dense": 3.0, "int8-ours": 1.0}, "dense")
    return judged(speed, {"int8-ours": every()[TICKET_IN_INT8]}, subject, step, context)


def test_the_layer_that_costs_is_left_in_fp32_and_then_the_gate_passes(tmp_path):
    context, step, subject = opened(tmp_path, loud)

    found = mixed(subject, every()[TICKET_IN_INT8], step, context)

    assert (found.scheme, precision(found.in_int8)) == (Scheme(left=(LAST,)), "int8 and float32")
    (before,), (after,) = (ruled(each, context, step).quantized for each in (subject, found))
    assert (before.status, before.left) == ("FAIL", [])
    assert (after.status, after.left) == ("PASS", [LAST])
    assert after.difference.mean > before.difference.mean + 0.3


def test_where_int8_costs_nothing_everything_is_in_int8(tmp_path):
    context, step, subject = opened(tmp_path, learned)

    found = mixed(subject, every()[TICKET_IN_INT8], step, context)

    assert (found.scheme, precision(found.in_int8)) == (PLAIN, "int8")


def test_the_test_split_chooses_nothing(tmp_path, monkeypatch):
    context, step, subject = opened(tmp_path, loud)
    asked = []

    def told(real, each, model, numbers, *size):
        asked.append((each.measure.replicate, {*numbers.tolist()}))
        return real(each, model, numbers, *size)

    for name in ("plain", "records"):
        monkeypatch.setattr(mixture, name, partial(told, getattr(mixture, name)))

    found = mixed(subject, every()[TICKET_IN_INT8], step, context)

    assert found.scheme.left == (LAST,) and len(asked) > 3, "the whole search was watched"
    assert all(numbers <= {*context.split(r).validation.tolist()} for r, numbers in asked)


def test_what_is_packed_is_what_was_judged(tmp_path):
    context, step, subject = opened(tmp_path, loud, benchmark=STATIC)
    found = mixed(subject, every()[TICKET_IN_INT8], step, context)
    speed = ruled(found, context, step)

    again = as_judged(subject_of(step, context), speed, context)

    x = [each.numpy() for each in tensors(subject.inputs)]
    assert again.scheme == found.scheme
    assert again.scheme.ranges is not None
    for ours, theirs in zip(again.in_int8.constants, found.in_int8.constants, strict=True):
        assert np.array_equal(ours.array, theirs.array)
    assert np.array_equal(*(evaluate(each.in_int8, x, np.float32)[0] for each in (again, found)))


def test_ranges_that_are_fixed_are_those_of_the_validation_split(tmp_path):
    context, step, subject = opened(tmp_path, learned, benchmark=STATIC)

    found = mixed(subject, every()[TICKET_IN_INT8], step, context)

    shown = context.examples.batch(context.split(subject.replicate).validation)[0].flatten(1)
    hidden = torch.relu(shown @ subject.masked[1].weight.T + subject.masked[1].bias)
    (low, high), (none, most) = found.scheme.ranges
    assert (low, high, none) == (shown.min().item(), shown.max().item(), 0.0)
    assert math.isclose(most, hidden.max().item(), rel_tol=1e-5)
    (verdict,) = ruled(found, context, step).quantized
    assert verdict.status == "PASS"


def _layers(**weights):
    return [Layer(value=n, name=name, weights=count) for n, (name, count) in enumerate(weights.items())]


def test_the_search_asks_few_questions_and_puts_back_what_is_not_needed():
    asked = []
    costs = {"a": 1.0, "b": 0.5, "c": 0.0, "d": 0.001}

    def enough(left):
        asked.append({*left})
        return "a" in left

    found = searched(_layers(a=1000, b=100, c=100, d=1), costs.__getitem__, enough)

    assert found == ("a",)  # although b costs more for each of its weights, and is left before
    assert len(asked) <= 1 + 2 * len(costs)


def test_every_layer_is_left_where_nothing_less_is_enough():
    assert searched(_layers(a=1, b=1), lambda name: math.inf, lambda left: len(left) > 1) == ("a", "b")
    assert searched(_layers(a=1, b=1), lambda name: 0.0, lambda left: True) == ()


def test_a_weight_that_serves_twice_is_one_layer():
    twice = [*_layers(a=10, b=10), Layer(value=5, name="a", weights=10)]
    assert searched(twice, {"a": 1.0, "b": 0.0}.__getitem__, lambda left: "a" in left) == ("a",)
