"""The run that is printed as the next one: a shell takes it as it stands, and it asks what was meant."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from ticketsmith import cards
from ticketsmith.cli import main
from ticketsmith.cli.again import again
from ticketsmith.cli.commands import command as printed
from ticketsmith.lottery.spec import Experiment
from ticketsmith.runs import data_folder, run_ids
from ticketsmith.specs import overrides, read_spec
from ticketsmith.stores.local import LocalStore

from ..own_task import TASK, planted
from .conftest import cli, flags

STORE = LocalStore("runs")


def planned(command: str, capsys: pytest.CaptureFixture[str], data_root: str = "data") -> Experiment:
    """The spec that a printed command leads to."""
    words = shlex.split(command)
    assert words[0] == "ticketsmith"
    with pytest.raises(SystemExit) as end:
        main([*words[1:], "--dry-run", "-o", "json", "--data-root", data_root])
    assert end.value.code == 0
    return Experiment.model_validate_json(json.dumps(json.loads(capsys.readouterr().out)["spec"]))


@pytest.mark.parametrize(
    ("variable", "store", "named"),
    [
        ("", "runs", False), ("", "gs://b/runs", True), ("TICKETSMITH_STORE", "runs", True),
        ("TICKETSMITH_STORE", "gs://b/runs", False), ("ARGO_SERVER", "runs", True),
    ],
)  # fmt: skip
def test_the_store_is_named_where_another_one_would_be_asked(
    variable: str, store: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, "gs://b/runs")
    assert ("--store" in printed("gate", "r", store=store)) is named
    assert printed("verify", "my.ticket") == "ticketsmith verify my.ticket"


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
    assert planned(again(spec, card, STORE), capsys, data_root) == spec


def test_a_limit_that_the_task_has_and_the_run_does_not_is_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = planted(tmp_path, TASK.replace("DEFAULTS = {", 'DEFAULTS = {\n    "max_replicates": 20,'))
    spec = read_spec(None, overrides({"task": str(own.file), "max_replicates": None}), str(own.data))
    command = again(spec, cards.of(spec.task, str(own.data)), STORE)
    assert "--set max_replicates=null" in command and planned(command, capsys, str(own.data)) == spec


def test_a_section_that_the_task_has_and_the_run_does_not_is_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = planted(tmp_path, TASK.replace("DEFAULTS = {", 'DEFAULTS = {\n    "gate": {"collapse": {"at_most": 0.4}},'))
    spec = read_spec(None, overrides({"task": str(own.file), "gate.collapse": None}), str(own.data))
    command = again(spec, cards.of(spec.task, str(own.data)), STORE)
    assert "--set gate.collapse=null" in command
    assert planned(command, capsys, str(own.data)) == spec


def test_a_change_is_made_and_the_store_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    spec = read_spec(None, overrides({"gate.margin": 0.003}))
    command = again(
        spec, cards.of(spec.task, "data"), LocalStore("my runs"), seed=spec.seed + 1, **{"pruning.sparsity": 0.9}
    )
    assert command.endswith(" --store 'my runs'")
    other = planned(command, capsys)
    assert (other.seed, other.pruning.sparsity, other.gate.margin) == (1, 0.9, 0.003)
    assert other.run_id() != spec.run_id()


def test_a_run_remembers_the_folder_of_its_data_as_long_as_it_is_there(tmp_path: Path) -> None:
    own, desk = planted(tmp_path), tmp_path / "desk"
    desk.mkdir()
    quick = flags({"benchmark.precision": ["fp32"], "benchmark.rounds": 1, "training.steps": 20})
    began = cli("run", "imp", *own.flags, *quick, cwd=desk)
    (run,) = run_ids(store := LocalStore(desk / "runs"))

    assert cli("resume", run, cwd=desk).returncode == began.returncode, began.stderr
    measured = cli("benchmark", run, "--rounds", "2", cwd=desk)
    assert measured.returncode == 0, measured.stderr
    assert f"--data-root {own.data}" in cli("show", run, cwd=desk).stdout.replace("\n", " ")
    assert data_folder(store, run, "given") == "given"
    own.data.rename(tmp_path / "elsewhere")
    assert data_folder(store, run) == "data"
