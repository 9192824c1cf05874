"""A step cut short on one kind of CPU and done on another: bytes that no manifest names are never in the way.

https://github.com/pytorch/pytorch/issues/155423: other bits on another model of CPU.
"""

import json
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from ticketsmith.errors import Conflict, IntegrityError
from ticketsmith.fetch import fetch
from ticketsmith.ledger import MANIFEST, Ledger
from ticketsmith.lottery.steps import Prune, Train
from ticketsmith.stores import Store, open_store
from ticketsmith.stores.local import LocalStore

from ..sdk.conftest import GENEROUS, SMALL, flags, warm

__all__ = ["warm"]

DENSE = Train(cohort=0, level=0, arm="dense", start=0, stop=9)
MASK = Prune(cohort=0, level=1, arm="ticket", trained=DENSE)
THERE = {"weights.safetensors": b"of one CPU", "metrics.json": b"{}\n"}
HERE = {"weights.safetensors": b"of another CPU", "metrics.json": b"{}\n"}
PLACE = f"attempt-{sha256(HERE['weights.safetensors']).hexdigest()[:12]}/weights.safetensors"


@pytest.fixture(params=["local", "gcs"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "local":
        return open_store(str(tmp_path / "store"))
    request.getfixturevalue("gcs")
    return open_store("gs://bucket/some/prefix")


@pytest.fixture
def ledger(store: Store) -> Ledger:
    """A run whose dense training was cut short before its manifest."""
    for name, data in THERE.items():
        store.put_once(f"run/{DENSE.key}/{name}", data)
    return Ledger(store, "run")


def test_another_attempt_has_a_place_of_its_own(ledger: Ledger) -> None:
    ledger.commit(DENSE, HERE)
    assert ledger.done(DENSE)
    assert {name: ledger.read(DENSE, name) for name in HERE} == HERE
    assert ledger.where(DENSE, "weights.safetensors") == f"run/{DENSE.key}/{PLACE}"
    assert ledger.where(DENSE, "metrics.json") == f"run/{DENSE.key}/metrics.json"  # equal bytes are adopted
    entries = ledger.manifest(DENSE)["files"]
    assert {name: entry.get("place") for name, entry in entries.items()} == dict.fromkeys(HERE) | {
        "weights.safetensors": PLACE
    }


def test_an_attempt_that_was_cut_short_beside_another_is_adopted(ledger: Ledger) -> None:
    ledger.store.put_once(f"run/{DENSE.key}/{PLACE}", HERE["weights.safetensors"])
    ledger.commit(DENSE, HERE)
    assert ledger.read(DENSE, "weights.safetensors") == HERE["weights.safetensors"]


def test_the_first_manifest_stands_and_the_other_attempt_is_done_and_leaves_nothing(ledger: Ledger) -> None:
    ledger.commit(DENSE, THERE)
    before = list(ledger.store.list("run/"))
    ledger.commit(DENSE, HERE, volatile={})
    assert ledger.read(DENSE, "weights.safetensors") == THERE["weights.safetensors"]
    assert list(ledger.store.list("run/")) == before


class Race:
    """A store in which another attempt commits just before this one's manifest is written."""

    def __init__(self, store: Store, other: Any) -> None:
        self.store, self.url, self.other = store, store.url, other
        self.get, self.exists, self.list = store.get, store.exists, store.list

    def put_once(self, key: str, data: bytes) -> None:
        if key.endswith(MANIFEST) and not self.store.exists(key):
            self.other()
        self.store.put_once(key, data)


def test_of_two_attempts_that_end_at_once_one_stands_and_both_are_done(ledger: Ledger) -> None:
    slow = Ledger(Race(ledger.store, lambda: ledger.commit(DENSE, THERE)), "run")
    slow.commit(DENSE, HERE)
    assert slow.read(DENSE, "weights.safetensors") == THERE["weights.safetensors"]


def test_an_attempt_from_other_parents_is_a_conflict(ledger: Ledger, tmp_path: Path) -> None:
    ledger.commit(DENSE, HERE)
    other = Ledger(LocalStore(tmp_path / "other"), "run")
    other.commit(DENSE, THERE)
    other.commit(MASK, {"mask.safetensors": b"mask"})
    ledger.store.put_once(f"run/{MASK.key}/{MANIFEST}", other.store.get(f"run/{MASK.key}/{MANIFEST}"))
    with pytest.raises(Conflict, match=MANIFEST):
        ledger.commit(MASK, {"mask.safetensors": b"mask"})


@pytest.mark.parametrize("place", ["../../elsewhere", "metrics.json", 7, ["x"]])
def test_a_place_that_is_not_that_of_the_digest_is_corruption(tmp_path: Path, place: object) -> None:
    ledger = Ledger(LocalStore(tmp_path), "run")
    ledger.commit(DENSE, HERE)
    path = tmp_path / "run" / DENSE.key / MANIFEST
    manifest = json.loads(path.read_bytes())
    manifest["files"]["weights.safetensors"]["place"] = place
    path.chmod(0o644)
    path.write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match=r"the place of weights.safetensors is not"):
        ledger.read(DENSE, "weights.safetensors")


def test_such_a_run_is_fetched_without_what_was_cut_short(ledger: Ledger, tmp_path: Path) -> None:
    ledger.commit(DENSE, HERE, volatile={"timing.json": b"[1.5]\n"})
    here = Ledger(LocalStore(tmp_path / "here"), "run")
    fetch(ledger.store, here.store, "run", lambda *_: None)
    assert {name: here.read(DENSE, name) for name in HERE} == HERE
    left = set(ledger.store.list("run/")) - set(here.store.list("run/"))
    assert left == {f"run/{DENSE.key}/weights.safetensors"}


def test_to_fetch_over_other_bytes_is_a_conflict_that_names_the_option(ledger: Ledger, tmp_path: Path) -> None:
    ledger.commit(DENSE, HERE)
    target = LocalStore(tmp_path / "here")
    target.put_once(f"run/{DENSE.key}/metrics.json", b"[]\n")
    with pytest.raises(Conflict, match=r"metrics.json already holds other bytes(.|\n)*--to"):
        fetch(ledger.store, target, "run", lambda *_: None)


def test_the_same_command_on_another_cpu_ends_what_was_cut_short(store: Store, tmp_path: Path) -> None:
    """The store is given what a training leaves on the simplest CPU, up to its first artifact."""
    first = run(tmp_path, "a", ATEN_CPU_CAPABILITY="default")
    path = next((tmp_path / "a").rglob("train/kept.safetensors"))
    key = path.relative_to(tmp_path / "a").as_posix()
    store.put_once(key, path.read_bytes())
    again = run(tmp_path, store.url)
    assert (first.returncode, again.returncode) == (0, 0), again.stdout + again.stderr
    manifest = json.loads(store.get(key.replace(path.name, MANIFEST)))
    entry = manifest["files"][path.name]
    if entry["sha256"] == sha256(path.read_bytes()).hexdigest():
        pytest.skip("this CPU has no wider vectors than ATen's default: the bytes are the same")
    assert sha256(store.get(key.replace(path.name, entry["place"]))).hexdigest() == entry["sha256"]
    assert run(tmp_path, store.url).returncode == 0


def test_best_names_the_places_that_hold(tmp_path: Path, warm: Any) -> None:
    whole, short = tmp_path / "whole", tmp_path / "short"
    name = warm.run(GENEROUS, whole)
    copytree(whole / name / "spec", short / name / "spec")
    for path in whole.rglob("*/ticket/*/*.safetensors"):  # each weight and each mask of a ticket has an earlier attempt
        cut = short / path.relative_to(whole)
        cut.parent.mkdir(parents=True, exist_ok=True)
        cut.write_bytes(b"of another CPU")
    warm.run(GENEROUS, short)
    best = ticketsmith(tmp_path, "best", name, "--store", "short", "-o", "json")
    assert best.returncode == 0, best.stdout + best.stderr
    found = json.loads(best.stdout)
    for what in ("weights", "mask"):
        held = (tmp_path / found[what]).read_bytes()
        usual = next(
            whole.rglob(f"level-{found['level']:02}/ticket/{'train' if what == 'weights' else 'prune'}/{what}*")
        )
        assert held == usual.read_bytes()


def run(folder: Path, store: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return ticketsmith(folder, "run", "dense", *flags(SMALL), "--store", store, **environment)


def ticketsmith(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "ticketsmith", *arguments]
    return subprocess.run(
        argv, cwd=folder, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
