"""A bucket ends up with the bytes that a folder has."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketsmith.specs import merge
from ticketsmith.stores import Store, open_store

from .conftest import TINY, Run
from .test_runs import VOLATILE

SMALL = {"pruning": {"sparsity": 0.3}, "controls": ["reinit"]}


@pytest.mark.parametrize("server", ["gcs", "emulated"])
def test_three_processes_that_share_a_bucket_leave_the_bytes_of_one_with_a_folder(
    start: Callable[..., Run], tmp_path: Path, request: pytest.FixtureRequest, server: str
) -> None:
    """The command line, the runner that it starts, and the runner's workers."""
    here = start(SMALL)
    here.go()
    given = request.getfixturevalue(server)
    url = given if server == "emulated" else "gs://bucket/runs"
    config = tmp_path / "spec.yaml"
    config.write_text(json.dumps(merge(TINY, SMALL)))
    argv = [sys.executable, "-m", "ticketsmith", "run", "imp", "--config", str(config), "--workers", "2"]
    done = subprocess.run([*argv, "--store", url], capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1, 7), done.stdout + done.stderr  # a verdict, whichever
    assert f"report: {url}/{here.ledger.run_id}/report/" in done.stdout
    assert records(open_store(url)) == records(here.ledger.store)


def records(store: Store) -> dict[str, bytes]:
    """Every byte that a run has to agree in: no specs, no reports, no timings."""
    keys = [key for key in store.list() if "/cohort-" in key and not key.endswith(VOLATILE)]
    assert sum(key.endswith("/manifest.json") for key in keys) > 5
    return {key: store.get(key) for key in keys}
