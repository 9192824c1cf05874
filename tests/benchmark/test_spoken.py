"""Rows and lines of `benchmarks/generation.py`, from times that were planted."""

import runpy
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPOKEN = runpy.run_path(str(BENCHMARKS / "spoken.py"))
ROUNDS = 3


def process(**milliseconds):
    """Each runtime as slow as it is given, by the name that it has without its blanks and points."""
    names = {
        "ours8": "ticket int8",
        "pytorch": "PyTorch",
        "f32": "llama.cpp F32",
        "q8": "llama.cpp Q8_0",
        "q4": "llama.cpp Q4_0",
    }
    return {
        names.get(name, name): {
            "first": [each / 100] * ROUNDS,
            "each": [each / 1000] * ROUNDS,
            "bytes": 5_000_000,
            "apart": (7, 0.0123) if name[0] == "q" else None,
        }
        for name, each in milliseconds.items()
    }


def lines(*processes, missing=()):
    return list(SPOKEN["table"]([*SPOKEN["rows"]("10M", 2, processes), *missing]))


def test_goals_are_reached_or_missed():
    *_, dense, int8 = lines(process(ticket=2, pytorch=9, f32=6, q8=1.5, q4=1))

    assert dense == "      goal of the ticket: 2.5x of the best dense fp32: 3.00x [3.00, 3.00] (llama.cpp F32), reached"
    assert int8 == "      goal of the ticket: 1.0x of llama.cpp Q8_0: 0.75x [0.75, 0.75], missed"


def test_the_ticket_in_int8_has_goals_of_its_own():
    *_, dense, q8, q4 = lines(process(ticket=2, ours8=1, pytorch=9, f32=4, q8=1.5, q4=1.1))

    assert dense == "      goal of the ticket int8: 5.0x of PyTorch: 9.00x [9.00, 9.00], reached"
    assert q8 == "      goal of the ticket int8: 1.7x of llama.cpp Q8_0: 1.50x [1.50, 1.50], missed"
    assert q4 == "      goal of the ticket int8: 1.0x of llama.cpp Q4_0: 1.10x [1.10, 1.10], reached"


def test_a_goal_is_reached_by_the_number_itself():
    *_, dense, int8 = lines(process(ticket=2, pytorch=5, q8=2, q4=1))

    assert dense.endswith(", reached") and int8.endswith(", reached")


def test_the_quantized_are_no_dense_fp32():
    *_, dense, _ = lines(process(ticket=2, pytorch=9, q8=3, q4=3))

    assert "4.50x [4.50, 4.50] (PyTorch)" in dense


def test_a_row_says_times_memory_and_whether_tokens_are_others():
    ticket, dense, int8, *_ = lines(process(ticket=2, pytorch=9, q8=1))

    assert ticket == (
        "  10M 2 threads ticket         first     20.0 ms  each   2.000 ms [2.000, 2.000]    500.0 tokens/s      5.0 MB"
    )
    assert dense.endswith("5.0 MB  4.50x [4.50, 4.50], first 4.50x")
    assert int8.endswith("5.0 MB  0.50x [0.50, 0.50], first 0.50x  other tokens from 7 on, by 0.01")


def test_processes_are_the_repetitions():
    found = [process(ticket=ticket, pytorch=9, q8=1) for ticket in (1, 2, 9)]
    rows = {row["name"]: row for row in SPOKEN["rows"]("10M", 1, found)}

    assert [rows["ticket"][key] for key in ("least", "each", "most")] == [0.001, 0.002, 0.009]
    assert rows["PyTorch"]["ratios"]["ticket"][0] == pytest.approx((9 * 4.5 * 1) ** (1 / 3))
    assert rows["PyTorch"]["ratios"]["ticket"][1] < 1 < 9 < rows["PyTorch"]["ratios"]["ticket"][2]


def test_a_runtime_that_is_not_there_is_named():
    missing = SPOKEN["absent"]("10M", 2, {"llama.cpp": "no gguf: ..."})

    *_, row, dense, int8 = lines(process(ticket=2, pytorch=9), missing=missing)

    assert row == "  10M 2 threads llama.cpp      not measured: no gguf: ..."
    assert dense.endswith("reached")
    assert int8 == "      goal of the ticket: 1.0x of llama.cpp Q8_0: not measured"
