"""The choice of a back-end for a ticket: a rule over rows, without any time."""

import pytest

from ticketsmith.lottery.results import SpeedRow
from ticketsmith_runner.backends import Kind
from ticketsmith_runner.backends.ranking import choose, speed_rows

DENSE, INT8 = Kind(dense=True), Kind(dense=True, precision="int8")
KINDS = {
    "dense": DENSE,
    "eager": DENSE,
    "compiled": DENSE,
    "half": Kind(dense=True, precision="bfloat16"),
    "own": Kind(dense=True, control=True),
    "masked": Kind(control=True),
    **{name: Kind() for name in ("slow", "fast", "compact", "certain", "uncertain")},
}


def _row(backend, ratio, low, *, batch_size=64, p50=1.0):
    return SpeedRow(
        backend=backend,
        batch_size=batch_size,
        p50=p50,
        p95=p50,
        p99=p50,
        throughput=1.0,
        ratio=ratio,
        low=low,
        high=2 * ratio - low,
    )


def test_the_fastest_ticket_backend_is_chosen():
    rows = [_row("dense", 1, 1), _row("slow", 1.5, 1.4), _row("fast", 2.5, 2.4)]

    assert choose(rows, KINDS).backend == "fast"


def test_no_speed_up_is_a_result():
    rows = [_row("dense", 1, 1), _row("masked", 1.0, 0.98), _row("compact", 0.8, 0.7)]

    assert choose(rows, KINDS) == rows[0]


def test_a_ratio_whose_interval_reaches_one_is_no_speed_up():
    assert choose([_row("dense", 1, 1), _row("compact", 1.3, 1.0)], KINDS).backend == "dense"


def test_a_certain_gain_is_taken_before_a_larger_uncertain_one():
    rows = [_row("dense", 1, 1), _row("uncertain", 1.6, 0.9), _row("certain", 1.5, 1.4)]

    assert choose(rows, KINDS).backend == "certain"


def test_a_gain_below_the_noise_of_a_process_is_no_speed_up():
    """Seen on a busy machine: three of eight measurements named a winner at 1.003x to 1.006x, interval above 1."""
    assert choose([_row("dense", 1, 1), _row("compact", 1.006, 1.001)], KINDS).backend == "dense"


def test_the_masked_network_sets_the_noise_floor_and_is_never_chosen():
    rows = [_row("dense", 1, 1), _row("masked", 1.3, 1.25), _row("compact", 1.4, 1.3)]

    assert choose(rows, KINDS).backend == "dense"


def test_without_a_speed_up_the_best_dense_backend_is_chosen():
    rows = [_row("eager", 0.5, 0.5, p50=2.0), _row("compiled", 1, 1), _row("masked", 0.5, 0.5)]

    assert choose(rows, KINDS).backend == "compiled"


def test_who_computes_in_another_precision_is_neither_beaten_nor_chosen():
    rows = [_row("dense", 1, 1), _row("half", 2.0, 1.9, p50=0.5), _row("fast", 1.5, 1.4)]

    assert choose(rows, KINDS).backend == "fast"
    assert choose(rows[:2], KINDS).backend == "dense"


def test_our_own_dense_loops_are_neither_beaten_nor_chosen():
    rows = [_row("dense", 1, 1), _row("own", 2.0, 1.9, p50=0.5), _row("fast", 1.5, 1.4)]

    assert choose(rows, KINDS).backend == "fast"
    assert choose(rows[:2], KINDS).backend == "dense"


def test_rows_are_relative_to_the_best_dense_backends_of_fp32_of_int8_and_of_all():
    seconds = {"eager": 4.0, "compiled": 2.0, "half": 1.0, "int8": 1.25, "slow-int8": 5.0, "own": 0.125, "fast": 0.5}
    kinds = KINDS | {"int8": INT8, "slow-int8": INT8}

    rows = speed_rows(8, {name: [[[each]] * 3] for name, each in seconds.items()}, kinds)

    assert {row.backend: (row.ratio, row.throughput) for row in rows} == {
        name: (pytest.approx(2.0 / each), 8 / each) for name, each in seconds.items()
    }
    assert {row.backend: (row.int8.to, row.int8.ratio) for row in rows} == {
        name: ("int8", pytest.approx(1.25 / each)) for name, each in seconds.items()
    }
    assert {row.backend: (row.any.to, row.any.ratio) for row in rows} == {
        name: ("half", pytest.approx(1.0 / each)) for name, each in seconds.items()
    }


def test_without_int8_there_is_no_ratio_to_it_and_fp32_is_the_best_of_all():
    (row, _) = speed_rows(8, {"dense": [[[2.0], [4.0]]], "fast": [[[1.0], [1.0]]]}, KINDS)[::-1]

    assert row.int8 is None
    assert row.any.model_dump() == {"to": "dense", "ratio": row.ratio, "low": row.low, "high": row.high}
