"""Data of a cluster's commands: each names its schema; `../sdk/test_machines.py` sees to it that none is left out."""

import json
from typing import Any

import pytest

from ticketsmith.lottery.spec import Experiment

from .conftest import FLAGS, STORE, Command, of
from .fake import FakeArgo
from .workflows import RUNNING, pod, workflow

PROFILE = "--profile cpu --image an/image"
SCHEMAS = {
    "submit imp --dry-run": "submission-plan/1",
    "submit dense --dry-run": "submission-plan/1",
    "submit imp": "submission/1",
    "submit dense": "submission/1",
    "list": "workflows/1",
    "status RUN": "workflow/1",
    "logs RUN": "log/1",
    "open RUN": "link/1",
    "resume RUN": "steer/1",
    "stop RUN": "steer/1",
    "terminate RUN": "steer/1",
    f"templates apply {PROFILE}": "templates-apply/1",
    f"templates diff {PROFILE}": "templates-diff/1",
    "doctor": "doctor/1",
    "watch RUN": "conclusion/1",
    "submit imp --wait": "conclusion/1",
}


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("words", SCHEMAS)
def test_data_names_its_schema(command: Command, fake: FakeArgo, spec: Experiment, words: str) -> None:
    run = spec.run_id()
    ended = SCHEMAS[words] == "conclusion/1"
    states: list[Any] = [{"phase": "Succeeded"}] if ended else [RUNNING]
    fake.workflows[run] = workflow(
        run, pod("chain", 0, "dense", *states), phase="Succeeded" if ended else "Running", **of(spec)
    )
    fake.logs = [[("a", "a line")]]
    flags = FLAGS if words.startswith("submit") else []
    done = command(*words.replace("RUN", run).split(), *flags, "-o", "json")
    assert done.out, done.err
    found = json.loads(done.out.splitlines()[0] if words.startswith("logs") else done.out)
    assert found["schema"] == f"ticketsmith.{SCHEMAS[words]}"
    if ended:
        assert found["report"].startswith(f"{STORE}/{run}/") and found["report"].endswith("report.html")
