"""The run that is printed as the next one: a shell takes it as it stands, and it asks what was meant."""

import json
import shlex
from typing import Any

import pytest

from ticketsmith import cards
from ticketsmith.cli import main
from ticketsmith.cli.again import again
from ticketsmith.lottery.spec import Experiment
from ticketsmith.specs import overrides, read_spec


def planned(command: str, capsys: pytest.CaptureFixture[str], data_root: str = "data") -> Experiment:
    """The spec that a printed command leads to."""
    words = shlex.split(command)
    assert words[0] == "ticketsmith"
    with pytest.raises(SystemExit) as end:
        main([*words[1:], "--dry-run", "-o", "json", "--data-root", data_root])
    assert end.value.code == 0
    return Experiment.model_validate_json(json.dumps(json.loads(capsys.readouterr().out)["spec"]))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"replicates": 20, "looks": 1, "seed": 7},
        {"controls": [], "pruning.sparsity": 0.93, "training.steps": 60, "training.schedule": "cosine"},
        pytest.param(
            {"task": "mnist-lenet300", "gate.collapse": {"by": 2.0, "at_most": 0.4}, "gate.loss_margin": 0.02},
            id="mnist",
        ),
        {"options.hidden": [30, 20], "gate.margin": 0.003, "training.learning_rate": 1e-12},
    ],
)
def test_it_leads_to_the_same_run(fields: dict[str, Any], capsys: pytest.CaptureFixture[str], data_root: str) -> None:
    spec = read_spec(None, overrides(fields), data_root)
    card = cards.of(spec.task, data_root)
    assert planned(again(spec, card, "runs"), capsys, data_root) == spec


def test_a_change_is_made_and_the_store_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    spec = read_spec(None, overrides({"gate.margin": 0.003}))
    command = again(spec, cards.of(spec.task, "data"), "my runs", seed=spec.seed + 1, **{"pruning.sparsity": 0.9})
    assert command.endswith(" --store 'my runs'")
    other = planned(command, capsys)
    assert (other.seed, other.pruning.sparsity, other.gate.margin) == (1, 0.9, 0.003)
    assert other.run_id() != spec.run_id()
