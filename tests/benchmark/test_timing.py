"""Timing with a clock that only moves when a call moves it."""

from collections import Counter
from itertools import chain, cycle, pairwise

import pytest
import torch

from ticketsmith.lottery.spec import BenchmarkOptions
from ticketsmith_runner.inputs import batches
from ticketsmith_runner.timing import measure, orders, percentiles, ratio


def _takes(clock, name, seconds):
    def call():
        clock.events.append(name)
        clock.now += seconds

    return call


def test_the_ratio_of_two_constant_speeds_is_exact(clock):
    calls = {"dense": _takes(clock, "dense", 0.5), "fast": _takes(clock, "fast", 0.125)}

    latencies = measure(calls, rounds=7, seconds=2.0, clock=clock)

    assert latencies == {"dense": [[0.5] * 5] * 7, "fast": [[0.125] * 17] * 7}
    assert ratio([latencies["dense"]], [latencies["fast"]]) == (4.0, 4.0, 4.0)
    assert ratio([latencies["dense"]] * 3, [latencies["dense"]] * 3) == (1.0, 1.0, 1.0)


def test_each_round_runs_every_call_once_after_a_warm_up_in_an_order_of_its_own_and_the_same_each_time(clock):
    calls = {name: _takes(clock, name, 1.0) for name in "abc"}
    said = []
    for _ in range(2):
        clock.events.clear()
        measure(calls, rounds=30, seconds=0.0, clock=clock)
        said.append("".join(event for event in clock.events if event != "clock"))

    rounds = [said[0][first : first + 3] for first in range(0, len(said[0]), 3)]
    assert rounds[0] == "abc" and len(rounds) == 31
    assert {"".join(sorted(each)) for each in rounds} == {"abc"}
    assert said[0] == said[1]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 11])
def test_each_call_follows_each_other_one_equally_often(count):
    """ONNX Runtime's threads spin on after its call (microsoft/onnxruntime#13808): whoever comes next pays for it."""
    made = orders(count)

    assert all(sorted(order) == list(range(count)) for order in made)
    pairs = Counter(pair for order in made for pair in pairwise(order))
    assert pairs == {(one, other): 2 for one in range(count) for other in range(count) if one != other}


def test_no_call_has_the_same_one_before_it_in_more_than_two_of_the_usual_rounds(clock):
    calls = {name: _takes(clock, name, 1.0) for name in "abcdefghijk"}

    measure(calls, rounds=BenchmarkOptions().rounds, seconds=0.0, clock=clock)

    said = [event for event in clock.events if event != "clock"][len(calls) :]
    rounds = [said[first : first + len(calls)] for first in range(0, len(said), len(calls))]
    assert max(Counter(pair for each in rounds for pair in pairwise(each)).values()) == 2


def test_rounds_that_two_processes_share_have_the_orders_of_one(clock):
    calls = {name: _takes(clock, name, 1.0) for name in "abcd"}
    said = []
    for first, rounds in ((0, 5), (0, 2), (2, 3)):
        clock.events.clear()
        measure(calls, rounds, seconds=0.0, clock=clock, first=first)
        said.append([event for event in clock.events if event != "clock"][len(calls) :])

    assert said[0] == said[1] + said[2]


def test_the_warm_up_takes_a_quarter_of_a_sample(clock):
    measure({"a": _takes(clock, "a", 1.0)}, rounds=1, seconds=8.0, clock=clock)

    assert clock.events.count("a") == (1 + 2) + (1 + 8)


def test_a_call_is_made_at_least_once(clock):
    assert measure({"slow": _takes(clock, "slow", 8.0)}, rounds=2, seconds=0.0, clock=clock) == {"slow": [[8.0], [8.0]]}


def test_one_time_slice_of_another_process_decides_no_sample(clock):
    """The first call of each round waits for one, which is longer than a sample; the others take a second each."""
    waits = chain([1.0, 1.0], cycle([30.0, 1.0, 1.0, 1.0, 1.0]))

    def call():
        clock.now += next(waits)

    assert measure({"": call}, rounds=3, seconds=4.0, clock=clock) == {"": [[30.0, 1.0, 1.0, 1.0, 1.0]] * 3}


def test_a_call_that_is_slow_by_itself_is_made_once(clock):
    def call():
        clock.now += 50.0

    assert measure({"": call}, rounds=2, seconds=4.0, clock=clock) == {"": [[50.0]] * 2}


def test_a_machine_that_slows_down_for_a_round_changes_no_ratio():
    """Both are three times as slow in round 1: paired by round, that cancels."""
    assert ratio([[[2.0], [6.0], [2.0]]], [[[1.0], [3.0], [1.0]]]) == (2.0, 2.0, 2.0)


def test_a_process_says_the_median_over_rounds_of_median_latencies():
    slow, fast = [[8.0, 8.0, 90.0], [2.0], [8.0]], [[2.0], [2.0], [1.0]]

    assert ratio([slow, slow], [fast, fast]) == (4.0, 4.0, 4.0)


def test_processes_are_the_repetitions_however_many_rounds_they_have():
    """Logarithms 1 and 3 have the mean 2 and a standard error of 1, which Student takes 12.706 times."""
    few, many = ([[[2.0]] * rounds, [[8.0]] * rounds] for rounds in (1, 50))
    ones = [[[1.0]]] * 2

    assert ratio(few, ones) == pytest.approx((4.0, 4 / 2**12.7062, 4 * 2**12.7062), rel=1e-4)
    assert ratio(many, [[[1.0]] * 50] * 2) == ratio(few, ones)


def test_one_process_has_its_rounds_for_repetitions_and_one_round_no_width():
    assert ratio([[[2.0], [8.0]]], [[[1.0], [1.0]]]) == ratio([[[2.0]], [[8.0]]], [[[1.0]], [[1.0]]])
    assert ratio([[[2.0]]], [[[1.0]]]) == (2.0, 2.0, 2.0)


def test_percentiles_are_over_all_calls_of_all_rounds_of_all_processes():
    first, second = [float(i) for i in range(50)], [float(i) for i in range(50, 101)]

    assert percentiles([[first, second]]) == percentiles([[first], [second]]) == (50.0, 95.0, 99.0)


@pytest.mark.parametrize("size", [1, 3, 7, 16])
def test_batches_are_full_and_hold_every_example_again_from_the_first(size):
    parts = batches(torch.arange(7), size)

    assert {len(part) for part in parts} == {size}
    assert len(parts) == -(-7 // size)
    assert torch.cat(parts).tolist() == [i % 7 for i in range(len(parts) * size)]
