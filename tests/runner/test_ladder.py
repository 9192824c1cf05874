"""The ladder in a toy run: other networks, the same examples in the same order, judged by the same gate."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ticketsmith import cards
from ticketsmith.errors import UsageError
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.ladder import LONG, RUNGS, updates
from ticketsmith.lottery.results import Speed, TrainMetrics, Verdict
from ticketsmith.lottery.schedule import rounds
from ticketsmith.lottery.steps import Gate, Train
from ticketsmith.report import collect
from ticketsmith.specs import merge, read_spec
from ticketsmith_runner import ladder
from ticketsmith_runner.planner import prepare, settled
from ticketsmith_runner.steps.train import _start, _training
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.walk import _ready

from .conftest import TINY, Run

ARMS = [name + end for name in RUNGS for end in ("", LONG)]
ASKED: dict[str, Any] = {
    "controls": ["smaller"],
    "options": {"hidden": [60, 20]},
    "pruning": {"sparsity": 0.6, "fraction": 0.4},
}


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run(read_spec(None, merge(TINY, ASKED)), tmp_path_factory.mktemp("ladder"))
    run.go()
    return run


def metrics(run: Run, arm: str) -> TrainMetrics:
    return TrainMetrics.model_validate_json(run.ledger.read(at(run, arm, "train"), "metrics.json"))


def at(run: Run, arm: str, kind: str) -> Any:
    return run[f"level-{rounds(run.spec.pruning):02d}/{arm}/{kind}"]


def test_a_rung_has_the_weights_that_were_asked_for(climbed: Run) -> None:
    dense = sum(climbed.context.task.prunable(climbed.context.network()).values())
    ticket = Verdict.model_validate_json(climbed.ledger.read(at(climbed, "ticket", "gate"), "verdict.json"))
    for name, times in RUNGS.items():
        verdict = Verdict.model_validate_json(climbed.ledger.read(at(climbed, name, "gate"), "verdict.json"))
        assert abs(verdict.kept - times * ticket.kept) <= 0.04 * times * ticket.kept
        assert (verdict.prunable, verdict.sparsity) == (dense, 1 - verdict.kept / dense)
        rung = metrics(climbed, name).rung
        assert rung and rung.weights == verdict.kept
        shapes = unpack(climbed.ledger.read(at(climbed, name, "train"), "weights.safetensors"))
        assert sum(shape[0].numel() for shape in shapes.values() if shape.dim() == 3) == verdict.kept


def test_both_arms_of_a_rung_are_one_network_with_more_and_fewer_updates(climbed: Run) -> None:
    short, long = metrics(climbed, "smaller"), metrics(climbed, "smaller-long")
    assert (short.stop, long.stop) == (12, updates(climbed.spec)) and short.rung == long.rung
    begun = [_start(climbed.context, at(climbed, arm, "train"), 1) for arm in ("smaller", "smaller-long", "double")]
    assert all(torch.equal(begun[0][name], begun[1][name]) for name in begun[0])
    assert (
        begun[0].keys() == begun[2].keys() and begun[0]["weights/1.weight"].shape != begun[2]["weights/1.weight"].shape
    )
    assert _training(at(climbed, "smaller", "train"), climbed.spec.training) == climbed.spec.training
    assert _training(at(climbed, "smaller-long", "train"), climbed.spec.training).steps == updates(climbed.spec)


def test_it_is_paired_with_dense_example_by_example(climbed: Run) -> None:
    dense = unpack(climbed.ledger.read(climbed["level-00/dense/train"], "records.safetensors"))
    for arm in ("half", "half-long"):
        rung = unpack(climbed.ledger.read(at(climbed, arm, "train"), "records.safetensors"))
        assert all(torch.equal(dense[column], rung[column]) for column in ("example", "role", "label"))
        assert not torch.equal(dense["loss"], rung["loss"])


def test_the_same_run_gives_the_same_bytes(climbed: Run, tmp_path: Path) -> None:
    again = Run(climbed.spec, tmp_path)
    again.go()
    for arm in ("smaller", "smaller-long"):
        for name in ("weights.safetensors", "metrics.json", "records.safetensors"):
            step = at(climbed, arm, "train")
            assert climbed.ledger.read(step, name) == again.ledger.read(step, name)


def test_a_rung_has_a_trainer_of_its_own_for_the_whole_run(climbed: Run) -> None:
    assert settled(climbed.context).keys() == {0, 1, 2, *RUNGS}
    assert collect(climbed.ledger, climbed.spec, climbed.context.card).trainers.keys() == {"0", "1", "2", *RUNGS}


def test_smaller_networks_are_timed_beside_dense_and_ticket(climbed: Run) -> None:
    (step,) = (step for step in climbed.steps.values() if step.kind == "benchmark")
    speed = Speed.model_validate_json(climbed.ledger.read(step, "speed.json"))
    assert [row.rung for row in speed.rungs] == [*RUNGS] and {row.batch_size for row in speed.rungs} == {1}
    assert {row.ticket.to for row in speed.rungs} == {speed.headline.backend}
    assert {row.dense.to for row in speed.rungs} == {speed.opponent(1)}
    assert not [row.backend for row in speed.rows if "/" in row.backend]


def own_task(smaller: str) -> str:
    return f"""
def model(width=40):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

{smaller}
"""


@pytest.mark.parametrize(
    ("smaller", "problem", "fix"),
    [
        ("return {'hidden': weights // 74}", "options that model() does not take: hidden", "known: width"),
        ("return {'widht': 1}", "options that model() does not take: widht", "did you mean 'width'"),
        ("return {'width': 40}", "2,960 weights, no smaller than dense with 2,960", "a smaller one"),
        ("return {'width': 400}", "29,600 weights, no smaller than dense with 2,960", "a smaller one"),
        ("return {'width': 1}", "74 weights, -90% of what was asked for", "within 25%"),
        ("return weights // 74", "returns a int", "return a dict"),
        ("return {'width': 0 // 0}", "smaller() of task", "mend it"),
        ("return {}", "no smaller than dense", "a smaller one"),
    ],
)
def test_a_smaller_that_is_wrong_ends_the_run_before_any_training(
    own: Callable[..., Run], smaller: str, problem: str, fix: str
) -> None:
    run = own(own_task(f"def smaller(weights):\n    {smaller}"), {"controls": ["smaller"]})
    with pytest.raises(UsageError) as caught:
        prepare(run.context, None)
    assert problem in caught.value.args[0] and fix in caught.value.args[1]
    assert not run.ledger.done(run["level-00/dense/train"])


def test_a_ticket_of_one_weight_has_no_half(own: Callable[..., Run]) -> None:
    run = own(
        own_task("def smaller(weights):\n    return {'width': weights // 74}"),
        {"controls": ["smaller"], "pruning": {"sparsity": 0.9999, "fraction": 0.99, "output_rate": 1.0}},
    )
    with pytest.raises(UsageError, match="a smaller network one at least"):
        ladder.rung(run.context, "half")


def test_a_task_without_one_is_refused_at_the_door(own: Callable[..., Run]) -> None:
    with pytest.raises(UsageError, match=r"controls: smaller is not for task own: its file has no `smaller"):
        own(own_task(""), {"controls": ["smaller"]})


def test_given_weights_are_no_start_for_it() -> None:
    with pytest.raises(UsageError, match="controls: smaller begins with drawn weights"):
        read_spec(None, {"controls": ["smaller"], "training": {"start": "weights.safetensors"}})


def test_a_task_that_is_bundled_has_one() -> None:
    assert cards.of("digits-mlp", "").smaller


def test_what_is_drawn_for_a_rung_is_no_other_arms(climbed: Run) -> None:
    drawn = [climbed.context.network(f"rung/{name}", 0, "smaller") for name in RUNGS]
    first = [next(network.parameters()).detach().numpy() for network in drawn]
    assert not np.array_equal(first[0], first[1]) and not np.array_equal(first[1], first[2])


def test_where_a_fail_may_end_the_rounds_the_ladder_waits_for_the_gates_before_it() -> None:
    """Elsewhere it trains as soon as there is room."""
    spec = read_spec(None, merge(TINY, ASKED | {"stop_on_fail": True}))
    steps = list(imp(spec))
    done = {step.key for step in steps if step.level < 2 and step.arm in ("dense", "ticket")}
    before = done - {step.key for step in steps if isinstance(step, Gate)}
    for gated, there, arms in ((True, before, set()), (True, done, set(ARMS)), (False, before, set(ARMS))):
        found = _ready(steps, there, there, gated)
        assert {step.arm for step in found if isinstance(step, Train) and step.rung} == arms


def trained(run: Run) -> Iterator[Train]:
    yield from (step for step in run.steps.values() if isinstance(step, Train))


def test_every_training_but_the_ladders_is_of_the_tasks_own_network(climbed: Run) -> None:
    assert {step.arm for step in trained(climbed) if step.rung is None} == {"dense", "ticket"}
