"""The run id: equal experiments have equal ids, anywhere; whatever can change a result changes the id.

A changed golden id means that runs written before are not found any more: the same command starts anew. That is right
when a result can differ (a new spec field with an effect, another default),
and then `tests/golden/run_ids.json` is changed by hand, one id at a time, from what the failing test prints. It is
wrong after a refactoring. Nothing rewrites that file by itself.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ticketsmith import cards
from ticketsmith.lottery.card import Card
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec, resolve

GOLDEN: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "golden" / "run_ids.json").read_text())
PAPER = {
    "replicates": 3,
    "training": {"steps": 50000, "batch_size": 60, "optimizer": "adam", "learning_rate": 1.2e-3},
}

# One other valid value for every field; a new field fails `test_every_field_is_altered` until it stands here.
OTHER: dict[str, Any] = {
    "task": "elsewhere/digits_mlp.py",
    "seed": 1,
    "replicates": 15,
    "looks": 5,
    "max_replicates": 20,
    "controls": ["reinit"],
    "options.hidden": [300, 101],
    "sources.name": "another",
    "sources.engine": "0" * 64,
    "sources.code": "0" * 64,
    "sources.data": "0" * 64,
    "sources.weights": "0" * 64,
    "training.steps": 361,
    "training.batch_size": 65,
    "training.optimizer": "sgd",
    "training.learning_rate": 0.0031,
    "training.momentum": 0.1,
    "training.nesterov": True,
    "training.weight_decay": 1e-4,
    "training.clip": 1.0,
    "training.schedule": "constant",
    "training.milestones": [101, 200],
    "training.warmup": 30,
    "training.evaluate_every": 21,
    "training.precision": "bfloat16",
    "training.device": "cuda",
    "training.trainer": "eager",
    "training.start": "elsewhere/weights.safetensors",
    "pruning.sparsity": 0.81,
    "pruning.fraction": 0.21,
    "pruning.granularity": "vector",
    "pruning.scope": "global",
    "pruning.output_rate": 0.6,
    "pruning.criterion": "another",
    "pruning.rewind_to": 1,
    "gate.margin": 0.006,
    "gate.loss_margin": 0.1,
    "gate.collapse": {"by": 2.0, "at_most": 0.3},
    "gate.confidence": 0.9,
    "benchmark.batch_sizes": [1],
    "benchmark.rounds": 31,
    "benchmark.seconds": 0.02,
    "benchmark.threads": 2,
    "benchmark.backends": ["codegen"],
    "benchmark.replicate": 1,
    "benchmark.precision": ["fp32"],
    "benchmark.ranges": "static",
    "benchmark.machine": "another",
    "samples": False,
    "stop_on_fail": True,
    "until_fail": True,
}
# What else a field asks for, laid under both specs that are compared.
NEEDED: dict[str, dict[str, Any]] = {
    "training.nesterov": {"training.optimizer": "sgd", "training.momentum": 0.9},
    "training.milestones": {"training.schedule": "milestones", "training.milestones": [100, 200]},
}
ROUNDS = ("stop_on_fail", "until_fail", "replicates", "looks", "max_replicates")
NO_RESULT = ("task", "training.start", "benchmark.", "samples", *ROUNDS)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["id"])
def test_golden_ids_stay(golden: dict[str, Any]) -> None:
    found = resolve(overrides(golden["overrides"]), card(golden["task"])).run_id()
    assert found == golden["id"], f"{found}: see the head of {Path(__file__).name} for what this means"


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["id"])
def test_an_id_is_a_dns_label(golden: dict[str, Any]) -> None:
    found = resolve(overrides(golden["overrides"]), card(golden["task"])).run_id()
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", found)


def test_every_field_is_altered() -> None:
    assert sorted(path for path, _ in leaves(read_spec(None, {}))) == sorted(OTHER)


@pytest.mark.parametrize("path", OTHER)
def test_the_id_changes_with_what_decides_results_and_with_nothing_else(path: str) -> None:
    spec = read_spec(None, overrides(NEEDED.get(path, {})))
    assert dict(leaves(spec))[path] != OTHER[path]
    # By name alone: a model or criterion that does not exist yet has another id as well.
    altered = Experiment.model_validate_json(json.dumps(merged(spec.model_dump(mode="json"), path, OTHER[path])))
    same = altered.run_id() == spec.run_id()
    assert same == path.startswith(NO_RESULT)


@pytest.mark.parametrize("part", ["engine", "code", "data"])
def test_the_id_changes_with_engine_code_and_data(part: str) -> None:
    usual = card("digits-mlp")
    other = usual.model_copy(update={part: "0" * 64})
    assert resolve({}, usual).run_id() != resolve({}, other).run_id()


def card(name: str) -> Card:
    """A bundled task's, with an engine and code that never change."""
    constant = {"engine": "e" * 64, "code": "c" * 64, "data": "d" * 64}
    if name == "digits-mlp":
        return cards.of(name, "data").model_copy(update=constant)
    counts = {"examples": 70000, "test": 10000, "folds": 0, "validation": 5000}
    update = {"name": name, "defaults": PAPER, **counts, **constant}
    return cards.of("digits-mlp", "data").model_copy(update=update)


def test_a_default_written_out_has_the_same_id(tmp_path: Path) -> None:
    spec = read_spec(None, {})
    (tmp_path / "whole.json").write_text(spec.model_dump_json())
    assert read_spec(str(tmp_path / "whole.json"), {}).run_id() == spec.run_id()


def test_two_ways_to_write_a_number_have_the_same_id() -> None:
    ids = {read_spec(None, overrides({"gate.margin": margin})).run_id() for margin in (1, 1.0)}
    assert len(ids) == 1


def leaves(spec: Experiment) -> Iterator[tuple[str, Any]]:
    """Every field that is no section, with its path."""

    def walk(document: dict[str, Any], head: str) -> Iterator[tuple[str, Any]]:
        for key, value in document.items():
            if isinstance(value, dict):
                yield from walk(value, f"{head}{key}.")
            else:
                yield head + key, value

    return walk(spec.model_dump(mode="json"), "")


def merged(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    head, _, rest = path.partition(".")
    return document | {head: merged(document[head], rest, value) if rest else value}


def test_resolve_is_where_both_ways_meet() -> None:
    assert resolve({}, cards.of("digits-mlp", "data")) == read_spec(None, {"task": "digits-mlp"})
