"""A run goes on with the versions that it began with, or says so."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from ticketsmith.documents import canonical
from ticketsmith.environment import environment, settle
from ticketsmith.errors import Conflict, IntegrityError
from ticketsmith.ledger import ENVIRONMENT, Ledger
from ticketsmith.lottery.steps import Train
from ticketsmith.stores.local import LocalStore

DENSE = Train(cohort=0, level=0, arm="dense", start=0, stop=9)
BEGAN = {"python": "3.11", "torch": "2.14.0", "numpy": "2.3.0", "numba": "0.62.0"}
NEWER = {**BEGAN, "torch": "2.15.0", "numba": "0.62.1"}


def ledger(root: Path, versions: dict[str, str] | None) -> Ledger:
    return Ledger(LocalStore(root), "run-1", versions)


@pytest.fixture
def began(tmp_path: Path) -> Ledger:
    """A run that began with the older versions."""
    run = ledger(tmp_path, BEGAN)
    settle(run, allow=False)
    return run


def test_the_versions_are_those_that_are_installed() -> None:
    packages = {name: version(name).partition("+")[0] for name in ("torch", "numpy", "numba")}
    assert environment() == packages


def test_nothing_is_imported_for_them() -> None:
    script = (
        "import sys; from ticketsmith.environment import environment; environment();"
        "sys.exit(bool({'torch', 'numpy', 'numba'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0


def test_they_are_written_as_the_run_begins(began: Ledger) -> None:
    assert began.settled(ENVIRONMENT) == canonical(BEGAN)


def test_the_same_versions_go_on(began: Ledger) -> None:
    assert settle(began, allow=False) == {}


def test_others_are_a_conflict_that_names_both_and_the_fix(began: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Conflict) as caught:
        settle(ledger(tmp_path, NEWER), allow=False)
    assert caught.value.code == 6
    assert str(caught.value) == (
        f"run-1 in {began.store.url} began with other versions: numba 0.62.0 (here 0.62.1), torch 2.14.0 (here 2.15.0)"
        "\n  fix: install those versions, begin in another --store, or go on with --other-versions: "
        "each manifest says what its step was computed with"
    )


def test_a_package_that_is_gone_is_another_version(began: Ledger, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match=r"numba 0.62.0 \(here none\)"):
        settle(ledger(tmp_path, {k: v for k, v in BEGAN.items() if k != "numba"}), allow=False)


def test_others_go_on_where_that_is_allowed(began: Ledger, tmp_path: Path) -> None:
    others = settle(ledger(tmp_path, NEWER), allow=True)
    assert others == {"torch": ("2.14.0", "2.15.0"), "numba": ("0.62.0", "0.62.1")}


def test_what_was_allowed_once_is_asked_for_again(began: Ledger, tmp_path: Path) -> None:
    settle(ledger(tmp_path, NEWER), allow=True)
    assert began.settled(ENVIRONMENT) == canonical(BEGAN)
    with pytest.raises(Conflict):
        settle(ledger(tmp_path, NEWER), allow=False)


def test_a_ledger_without_versions_takes_those_of_the_process(tmp_path: Path) -> None:
    settle(ledger(tmp_path, None), allow=False)
    assert ledger(tmp_path, None).settled(ENVIRONMENT) == canonical(environment())


@pytest.mark.parametrize("data", [b"[]\n", b"{", b'{"torch":2}\n'])
def test_a_corrupted_file_is_an_integrity_error(tmp_path: Path, data: bytes) -> None:
    run = ledger(tmp_path, BEGAN)
    run.store.put_once(f"run-1/{ENVIRONMENT}", data)
    with pytest.raises(IntegrityError, match=ENVIRONMENT):
        settle(run, allow=True)


# --- manifests --------------------------------------------------------------------------------------------------------


def test_a_manifest_says_what_its_step_was_computed_with(began: Ledger) -> None:
    began.commit(DENSE, {"metrics.json": b"{}\n"})
    assert began.manifest(DENSE)["environment"] == BEGAN


def test_a_manifest_without_versions_is_read_as_before(tmp_path: Path) -> None:
    ledger(tmp_path, None).commit(DENSE, {"metrics.json": b"{}\n"})
    run = ledger(tmp_path, BEGAN)
    assert "environment" not in run.manifest(DENSE)
    assert run.done(DENSE) and run.read(DENSE, "metrics.json") == b"{}\n"


def test_a_step_that_is_done_stays_what_it_was_under_other_versions(began: Ledger, tmp_path: Path) -> None:
    began.commit(DENSE, {"metrics.json": b"{}\n"})
    newer = ledger(tmp_path, NEWER)
    newer.commit(DENSE, {"metrics.json": b"[]\n"})
    assert newer.manifest(DENSE)["environment"] == BEGAN
    assert newer.read(DENSE, "metrics.json") == b"{}\n"
