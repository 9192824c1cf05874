"""Networks that no file of the project names go through the whole method: run, gate, report, benchmark."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from ticketsmith.errors import UsageError

from .own import TASKS, Own

TIMED = ("pytorch", "masked", "compact", "codegen")
LONGER = {
    "replicates": 6,
    "training": {"steps": 60, "evaluate_every": 30, "optimizer": "adam", "learning_rate": 0.02},
}
NAMES = ("heads", "sentences", "angles", "words")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A finished run of a task, by its name."""

    @cache
    def finished(name: str) -> Own:
        run = Own(TASKS / f"{name}.py", tmp_path_factory.mktemp(name), {} if name == "heads" else LONGER).go()
        run.timed(*TIMED)
        return run

    return finished


@pytest.mark.parametrize("name", ["sentences", "angles", "words"])
def test_each_arm_is_judged_where_dense_has_learned(whole: Any, name: str) -> None:
    statuses = [verdict.status for verdict in whole(name).verdicts().values()]
    assert len(statuses) == 2 and "INVALID" not in statuses


def test_a_dense_network_that_learned_nothing_is_no_measure(whole: Any) -> None:
    assert {verdict.status for verdict in whole("heads").verdicts().values()} == {"INVALID"}


@pytest.mark.parametrize("name", NAMES)
def test_each_ticket_keeps_what_its_mask_says(whole: Any, name: str) -> None:
    masks = whole(name).tensors("level-01/ticket/prune", "mask")
    weights = whole(name).tensors("level-01/ticket/train")
    assert all(not weights[layer][~mask].any() and weights[layer][mask].all() for layer, mask in masks.items())


@pytest.mark.parametrize(
    ("name", "unit"), [("heads", "%"), ("sentences", "%"), ("angles", "degrees"), ("words", "bits")]
)
def test_a_report_speaks_in_the_unit_of_the_metric(whole: Any, name: str, unit: str) -> None:
    assert f" {unit}" in whole(name).report()


def test_a_scalar_loss_stands_beside_a_score_of_each_example(whole: Any) -> None:
    records = whole("angles").tensors("level-00/dense/train", "records")
    assert records["score"].shape == records["loss"].shape == (6, 30) and records["score"][0].unique().numel() > 20


def test_a_scalar_loss_is_no_question_of_the_gate(tmp_path: Path) -> None:
    """One number, repeated for each example of a batch, has no error by example."""
    with pytest.raises(UsageError, match=r"gate\.loss_margin: expected null"):
        Own(TASKS / "angles.py", tmp_path, {"gate": {"loss_margin": 0.1}}).choice()


def test_more_than_256_classes_are_recorded_as_they_are(whole: Any) -> None:
    records = whole("heads").tensors("level-00/dense/train", "records")
    assert records["label"].dtype == torch.uint16
    assert records["label"].long().equal(records["example"].long() * 5)


@pytest.mark.parametrize("name", ["sentences", "angles", "words"])
def test_a_back_end_that_does_not_apply_says_why(whole: Any, name: str) -> None:
    reasons = {refusal.backend: refusal.reason for refusal in whole(name).timed().refused}
    assert "the ticket runtime takes one tensor of floats" in reasons["codegen"]


@pytest.mark.parametrize("name", NAMES)
def test_dense_and_ticket_are_timed(whole: Any, name: str) -> None:
    timed = {row.backend for row in whole(name).timed().rows}
    assert {"pytorch"} <= timed and not any("failed" in r.reason for r in whole(name).timed().refused)


@pytest.mark.parametrize("name", NAMES)
def test_each_back_end_is_timed_or_says_why(whole: Any, name: str) -> None:
    speed = whole(name).timed()
    reasons = {refusal.backend: refusal.reason for refusal in speed.refused}
    assert {row.backend for row in speed.rows} | reasons.keys() == {*TIMED} and all(reasons.values())
