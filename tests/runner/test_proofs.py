"""The three proofs in `examples/`, at toy size through the whole method: photos, text, and bits with noise."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ticketsmith.lottery.results import Samples
from ticketsmith.lottery.steps import Benchmark, Gate
from ticketsmith_runner.packing import pack
from ticketsmith_runtime import load
from ticketsmith_runtime.sequence import Incremental

from ..kinds.own import EXAMPLES, Own

TIMED = ("pytorch", "masked", "compact", "codegen", "vectors")
SIZES: dict[str, dict[str, Any]] = {
    "flowers": {"replicates": 3, "controls": [], "training": {"steps": 2, "batch_size": 4, "evaluate_every": 2}},
    "char_gpt": {"replicates": 5, "options": {"width": 8}, "training": {"steps": 30, "evaluate_every": 15}},
    "vae": {"replicates": 5, "training": {"steps": 60, "batch_size": 32, "evaluate_every": 30}},
}


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run of one proof, by its name."""

    @cache
    def finished(name: str) -> Own:
        training = {"learning_rate": 0.01, "optimizer": "adam"} | SIZES[name]["training"]
        run = Own(EXAMPLES / f"{name}.py", tmp_path_factory.mktemp(name), SIZES[name] | {"training": training}).go()
        run.timed(*TIMED)
        return run

    return finished


@pytest.mark.parametrize("name", SIZES)
def test_a_proof_is_a_file_of_less_than_40_lines_of_code(name: str) -> None:
    assert len([line for line in (EXAMPLES / f"{name}.py").read_text().splitlines() if line.strip()]) < 40


@pytest.mark.parametrize(("name", "arms"), [("flowers", 1), ("char_gpt", 2), ("vae", 2)])
def test_each_arm_has_a_verdict(proof: Any, name: str, arms: int) -> None:
    assert len(proof(name).verdicts()) == arms


@pytest.mark.parametrize("name", ["char_gpt", "vae"])
def test_the_dense_network_learns(proof: Any, name: str) -> None:
    records = proof(name).tensors("level-00/dense/train", "records")
    assert float(records["score"].mean()) < 0.95 * float(records["untrained"].mean())


@pytest.mark.parametrize(("name", "unit"), [("flowers", "%"), ("char_gpt", "bits"), ("vae", "nats")])
def test_the_report_is_in_the_unit_of_the_metric(proof: Any, name: str, unit: str) -> None:
    assert f" {unit}" in proof(name).report()


@pytest.mark.parametrize(("name", "kind"), [("char_gpt", str), ("vae", None)])
def test_dense_and_ticket_draw_samples_side_by_side(proof: Any, name: str, kind: type | None) -> None:
    samples = Samples.model_validate_json(proof(name).read("level-01/ticket/train", "samples.json")).samples
    sides = [side for sample in samples for side in (sample.dense, sample.candidate)]
    assert len(sides) == 8 and all(isinstance(side, str) == (kind is str) for side in sides)


@pytest.mark.parametrize(
    ("name", "backend", "reason"),
    [
        ("char_gpt", "codegen", "this network reads tokens"),
        ("flowers", "codegen", "module 'maxpool' pools with padding"),
        ("vae", "codegen", ""),
    ],
)
def test_the_benchmark_names_what_does_not_apply_and_why(proof: Any, name: str, backend: str, reason: str) -> None:
    assert reason in {refusal.backend: refusal.reason for refusal in proof(name).timed().refused}[backend]


@pytest.mark.parametrize("name", SIZES)
def test_the_benchmark_times_what_applies(proof: Any, name: str) -> None:
    assert "pytorch" in {row.backend for row in proof(name).timed().rows}


def test_a_packed_text_model_goes_on_with_a_text(proof: Any, tmp_path: Path) -> None:
    run = proof("char_gpt")
    run.timed()
    step = next(step for step in run.steps.values() if isinstance(step, Benchmark))
    gate = next(step for step in run.steps.values() if isinstance(step, Gate))
    pack(step, gate, run.context, tmp_path / "a.ticket")
    model = load(tmp_path / "a.ticket")

    written = model.generate("12 plus", 9)

    assert isinstance(model.decoder, Incremental)
    assert [*map(ord, written)] == model.generate([*b"12 plus"], 9)
    tokens = [*b"12 plus"]
    for _ in range(9):
        window = np.array([tokens + [0] * (32 - len(tokens))])
        tokens.append(int(model(window)[0, len(tokens) - 1].argmax()))
    assert written == bytes(tokens[7:]).decode()


def test_windows_of_one_passage_lie_in_one_split(proof: Any) -> None:
    run = proof("char_gpt")
    split, groups = run.context.split(0), run.context.examples.groups
    parts = [set(groups[numbers].tolist()) for numbers in (split.train, split.validation, split.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_records_of_text_name_its_passages(proof: Any) -> None:
    records = proof("char_gpt").tensors("level-00/dense/train", "records")
    whole = records["role"] > 0
    assert torch.equal(records["group"][whole], records["example"][whole] // 4)


def test_the_noise_of_an_evaluation_is_that_of_the_network_beside_it(proof: Any) -> None:
    run = proof("vae")
    network, split = run.context.network("init"), run.context.split(0)
    ours, theirs = (run.measure().records(network.eval(), split)["score"] for _ in "12")
    assert float((ours - theirs).abs().max()) == 0
