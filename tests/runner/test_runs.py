"""Whole toy runs: resume does nothing, a replicate stands alone, a laptop and a pod leave the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ticketsmith import cards
from ticketsmith.documents import canonical
from ticketsmith.errors import Conflict, Diverged
from ticketsmith.ledger import spec_key
from ticketsmith.lottery.imp import imp
from ticketsmith.lottery.metric import ACCURACY
from ticketsmith.lottery.results import TrainMetrics
from ticketsmith.lottery.steps import Train
from ticketsmith.stores.local import LocalStore
from ticketsmith_runner import steps
from ticketsmith_runner.cards import verified
from ticketsmith_runner.loop import Trace, train, train_all
from ticketsmith_runner.steps.train import replicate
from ticketsmith_runner.tasks import Task
from ticketsmith_runner.tensors import unpack
from ticketsmith_runner.trainers import Batches
from ticketsmith_runner.trainers.eager import Eager

from .conftest import CODE, Run

VOLATILE = ("timing.json", "speed.json", "volatile.json")


def test_every_file_has_its_step_and_every_step_its_manifest(finished: Run) -> None:
    keys = list(finished.ledger.store.list(finished.ledger.run_id))
    assert sum(key.endswith("/manifest.json") for key in keys) == len(finished.steps) - 1  # the report has none
    assert not [key for key in keys if key.endswith((".pt", ".pkl", ".npy"))]


def test_running_a_finished_run_again_does_nothing(finished: Run) -> None:
    before = contents(finished)
    assert finished.go() == []
    assert contents(finished) == before


def test_a_killed_run_goes_on_in_its_step_and_ends_with_the_same_bytes(
    finished: Run, start: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distiller PR#76, SparseML PR#702: resumed runs forgot masks and optimizer. Killed here at every write."""
    run = start()
    put, left = run.ledger.store.put_once, [0]

    def put_and_die(key: str, data: bytes) -> None:
        put(key, data)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(run.ledger.store, "put_once", put_and_die)
    for deaths in range(1, 30):
        left[0] = deaths % 7 + 1
        try:
            run.go()
            break
        except KeyboardInterrupt:
            continue
    left[0] = 10**9
    run.go()
    assert contents(run) == contents(finished)


def test_one_process_and_a_process_per_chain_leave_the_same_bytes(start: Callable[..., Run], tmp_path: Path) -> None:
    """The argv of a laptop (`all`, with workers), that of a pod (`step`, one chain), and `execute` in this process."""
    here = start({"pruning": {"sparsity": 0.3}, "controls": ["reinit"]})
    here.go()
    key = spec_key(here.ledger.run_id, here.spec)
    laptop, pods = tmp_path / "laptop", tmp_path / "pods"
    for store in (laptop, pods):
        cards.keep(LocalStore(store), here.spec, "")
        LocalStore(store).put_once(key, canonical(here.spec.model_dump(mode="json")))
    runner(["all", "--spec", key, "--store", str(laptop), "--workers", "2"])
    for level, arm, kinds in (
        ("0", "dense", "train"),
        ("1", "ticket", "prune,rewind,train,gate,benchmark"),
        ("1", "reinit", "rewind,train,gate"),
    ):
        chain = ["--cohort", "0", "--level", level, "--arm", arm, "--kinds", kinds]
        runner(["step", "--spec", key, "--store", str(pods), *chain])
    assert tree(laptop / here.ledger.run_id) == tree(pods / here.ledger.run_id) == contents(here)


def test_a_pod_tells_the_workflow_engine_how_far_it_is_and_what_follows(
    finished: Run, tmp_path: Path, start: Callable[..., Run]
) -> None:
    """Everything is done already; but for the training, of which the progress is seen."""
    run = start()
    run.go()
    key = spec_key(run.ledger.run_id, run.spec)
    run.ledger.store.put_once(key, canonical(run.spec.model_dump(mode="json")))
    shutil.rmtree(Path(run.ledger.store.url) / run.ledger.run_id / "cohort-00" / "level-02" / "random" / "train")
    progress, outputs = tmp_path / "progress", tmp_path / "out" / "puts"
    common = ["--spec", key, "--store", run.ledger.store.url, "--outputs", str(outputs)]
    step = ["step", *common, "--cohort", "0", "--level", "2"]
    said = runner([*step, "--arm", "random", "--kinds", "prune,rewind,train,gate"], ARGO_PROGRESS_FILE=str(progress))
    assert progress.read_text() == "15/20\n"  # the third of four steps was the only one to train
    spent, end = (json.loads(line) for line in said.splitlines()[-2:])
    assert end == {"event": "end", "code": 0}
    assert spent["event"] == "spent" and min(spent["start"], spent["store"], spent["work"]) > 0
    assert (outputs / "status").read_text() in ("PASS", "FAIL", "UNDECIDED")
    metrics = TrainMetrics.model_validate_json(run.ledger.read(run["level-02/random/train"], "metrics.json"))
    assert (outputs / "score").read_text() == ACCURACY.shown(sum(metrics.test_score) / len(metrics.test_score))
    assert float((outputs / "sparsity").read_text()) == 0.5
    assert {name: (outputs / name).read_text() for name in ("next", "reinit", "random")} == {
        "next": "none",
        "reinit": "true",
        "random": "true",
    }
    runner(["report", *common])
    assert b"<svg" in (outputs / "report.html").read_bytes()
    assert {path.suffix for path in outputs.iterdir()} == {"", ".html", ".json", ".md"}


def runner(argv: list[str], **variables: str) -> str:
    """Run it as a pod does; returns what it said."""
    environment = {**os.environ, "PYTHONWARNINGS": "error::ResourceWarning", **variables}
    done = subprocess.run(
        [sys.executable, "-m", "ticketsmith_runner", *argv],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_replicate_depends_on_nothing_but_its_own_number(finished: Run, start: Callable[..., Run]) -> None:
    """Replicate 3 alone, in a cohort of five, and in a cohort of ten."""
    dense = finished["level-00/dense/train"]
    assert isinstance(dense, Train)
    alone = replicate(finished.context, dense, 3, trainer="csr-mlp")
    stacked = unpack(finished.ledger.read(dense, "weights.safetensors"))
    assert all(torch.equal(value, stacked[name][3]) for name, value in unpack(alone.weights).items())
    larger = start({"replicates": 10})
    step = next(step for step in imp(larger.spec) if isinstance(step, Train))
    assert replicate(larger.context, step, 3, trainer="csr-mlp").weights == alone.weights


def test_replicates_differ(finished: Run) -> None:
    stacked = unpack(finished.ledger.read(finished["level-00/dense/train"], "weights.safetensors"))["1.weight"]
    assert all(not torch.equal(stacked[0], stacked[r]) for r in range(1, 5))


def test_every_arm_sees_the_same_batches(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paired arms: what differs between them is mask and start, never the data."""
    seen: list[list[list[int]]] = []

    def spy(*given: Any, batches: list[Batches], **more: Any) -> list[Trace]:
        seen.append([batches[0](update)[1].tolist() for update in range(60)])
        return train_all(*given, batches=batches, **more)

    monkeypatch.setattr(steps.train, "train_all", spy)
    for key in ("level-00/dense", "level-01/ticket", "level-01/reinit", "level-02/random"):
        step = finished[f"{key}/train"]
        assert isinstance(step, Train)
        replicate(finished.context, step, 2, trainer="eager")
    assert len(seen) == 4 and all(each == seen[0] for each in seen)
    assert seen[0][0] != seen[0][41]  # the same place in another epoch


def test_other_data_than_the_run_id_says_is_refused() -> None:
    with pytest.raises(Conflict, match="the run expects 0000000000000000"):
        verified(Task(CODE, "ticketsmith_tasks.digits_mlp"), "", "0" * 64)


def test_a_dense_training_that_diverged_ends_the_run_and_is_kept(start: Callable[..., Run]) -> None:
    run = start({"training": {"learning_rate": 1e30, "optimizer": "sgd"}})
    with pytest.raises(
        Diverged, match=r"replicate 0 at update 5.*\n  fix: lower training.learning_rate \(now 1e\+30\)"
    ):
        run.go()
    assert run.ledger.done(run["level-00/dense/train"])
    assert not any(b"NaN" in data for key, data in contents(run).items() if key.endswith(".json"))


def contents(run: Run) -> dict[str, bytes]:
    """Every file of a run but specs, reports and what is volatile by nature."""
    assert hasattr(run.ledger.store, "root")
    return tree(run.ledger.store.root / run.ledger.run_id)


def tree(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name not in VOLATILE and path.relative_to(root).parts[0].startswith("cohort-")
    }


def test_train_is_a_function_of_its_arguments() -> None:
    """No global random state: drawing from it in between changes nothing."""
    from ticketsmith.lottery.spec import Training

    network = torch.nn.Linear(4, 2)
    state = {f"weights/{name}": value.clone() for name, value in network.state_dict().items()}
    inputs, labels = torch.ones(4, 4), torch.tensor([0, 1, 1, 0])
    finals = []
    for _ in range(2):
        torch.rand(7)
        training = Training(steps=3, batch_size=4, learning_rate=0.1)
        trace = train(
            Eager(network, state, {}, training), training, span=range(3), keep=None,
            batches=Batches((inputs, labels), lambda u: torch.arange(4)), look=lambda n: (0.0, 0.0),
        )  # fmt: skip
        finals.append(trace.final["weights/weight"])
    assert torch.equal(*finals)
