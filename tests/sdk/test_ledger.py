"""The ledger: nothing counts before its manifest, and nothing is read that is not what the manifest says."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ticketsmith.documents import canonical
from ticketsmith.errors import Conflict, IntegrityError
from ticketsmith.ledger import MANIFEST, VOLATILE, Ledger, spec_key
from ticketsmith.lottery.steps import Prune, Rewind, Train
from ticketsmith.specs import read_spec, read_stored
from ticketsmith.stores.local import LocalStore

DENSE = Train(cohort=0, level=0, arm="dense", start=0, stop=9)
MASK = Prune(cohort=0, level=1, arm="ticket", trained=DENSE)
START = Rewind(cohort=0, level=1, arm="ticket", mask=MASK, kept=DENSE)
FILES = {"weights.safetensors": bytes(range(256)), "metrics.json": b"{}\n"}


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A run with a dense training and a mask made from it."""
    ledger = Ledger(LocalStore(tmp_path), "run-1")
    ledger.commit(DENSE, FILES, volatile={"timing.json": b"[1.5]\n"})
    ledger.commit(MASK, {"mask.safetensors": b"mask"})
    return ledger


def test_a_step_is_not_done_before_its_manifest(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path), "run-1")
    assert not ledger.done(DENSE)
    for name, data in FILES.items():
        ledger.store.put_once(f"run-1/{DENSE.key}/{name}", data)
        assert not ledger.done(DENSE)
    with pytest.raises(IntegrityError, match=r"manifest.json is missing"):
        ledger.read(DENSE, "metrics.json")
    ledger.commit(DENSE, FILES)
    assert ledger.done(DENSE)


def test_what_is_committed_is_read(ledger: Ledger) -> None:
    assert {name: ledger.read(DENSE, name) for name in FILES} == FILES
    assert ledger.read(DENSE, "timing.json") == b"[1.5]\n"
    assert ledger.done(DENSE) and ledger.done(MASK) and not ledger.done(START)


def test_the_same_commit_again_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    before = tree(tmp_path)
    ledger.commit(DENSE, FILES, volatile={"timing.json": b"[1.5]\n"})
    assert tree(tmp_path) == before


def test_the_commit_of_a_later_attempt_is_dropped_and_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    before = tree(tmp_path)
    ledger.commit(DENSE, FILES | {"metrics.json": b"[]\n"})
    assert tree(tmp_path) == before


def test_a_commit_from_other_parents_is_a_conflict_and_changes_nothing(ledger: Ledger, tmp_path: Path) -> None:
    shutil.rmtree(at(tmp_path, DENSE, "."))
    ledger.commit(DENSE, FILES | {"metrics.json": b"[]\n"})
    before = tree(tmp_path)
    with pytest.raises(Conflict, match=r"mask.safetensors already holds other bytes"):
        ledger.commit(MASK, {"mask.safetensors": b"another"})
    assert tree(tmp_path) == before


def test_the_manifest_names_artifacts_and_the_manifests_of_its_parents(ledger: Ledger, tmp_path: Path) -> None:
    ledger.commit(START, {"start.safetensors": b"start"})
    parents = {step.key: sha256(at(tmp_path, step, MANIFEST).read_bytes()).hexdigest() for step in (MASK, DENSE)}
    assert ledger.manifest(START) == {
        "schema": 1,
        "run": "run-1",
        "step": {"cohort": 0, "level": 1, "arm": "ticket", "kind": "rewind"},
        "parents": parents,
        "files": {"start.safetensors": {"sha256": sha256(b"start").hexdigest(), "size": 5}},
        "volatile": [],
    }


# --- what is not what it was ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"", lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: data + b"\n"],
    ids=["truncated", "empty", "one bit", "longer"],
)
@pytest.mark.parametrize("name", [*FILES, "timing.json"])
def test_a_damaged_artifact_is_named_with_expected_and_got(ledger: Ledger, tmp_path: Path, name: str, damage) -> None:  # type: ignore[no-untyped-def]
    whole = at(tmp_path, DENSE, name).read_bytes()
    tamper(at(tmp_path, DENSE, name), broken := damage(whole))
    with pytest.raises(IntegrityError) as caught:
        ledger.read(DENSE, name)
    assert caught.value.code == 5
    expected, got = (f"{len(data)} bytes of sha256 {sha256(data).hexdigest()[:16]}…" for data in (whole, broken))
    assert f"{DENSE.key}: {name} is corrupted: expected {expected}, got {got}" in str(caught.value)
    assert "\n  fix: move " in str(caught.value)


def test_swapped_artifacts_are_found(ledger: Ledger, tmp_path: Path) -> None:
    weights, metrics = (at(tmp_path, DENSE, name) for name in FILES)
    swapped = metrics.read_bytes(), weights.read_bytes()
    tamper(weights, swapped[0])
    tamper(metrics, swapped[1])
    for name in FILES:
        with pytest.raises(IntegrityError, match=f"{name} is corrupted: expected .*, got "):
            ledger.read(DENSE, name)


def test_a_missing_artifact_is_named(ledger: Ledger, tmp_path: Path) -> None:
    at(tmp_path, DENSE, "metrics.json").unlink()
    with pytest.raises(IntegrityError, match=f"^{DENSE.key}: metrics.json is missing"):
        ledger.read(DENSE, "metrics.json")


def test_an_artifact_that_no_manifest_names_is_not_read(ledger: Ledger) -> None:
    ledger.store.put_once(f"run-1/{DENSE.key}/extra.json", b"{}")
    with pytest.raises(IntegrityError, match=r"its manifest names no extra.json"):
        ledger.read(DENSE, "extra.json")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"run":"run-1","parents":1,"files":2,"volatile":3}',
        b'{"run":"run-1","parents":{},"files":{"metrics.json":1},"volatile":[]}',
    ],
    ids=["empty", "half", "no text", "a list", "no fields", "deep", "no sections", "no entries"],
)
@pytest.mark.parametrize("name", [MANIFEST, VOLATILE])
def test_a_corrupted_record_is_an_integrity_error(ledger: Ledger, tmp_path: Path, name: str, broken: bytes) -> None:
    tamper(at(tmp_path, DENSE, name), broken)
    with pytest.raises(IntegrityError, match=DENSE.key):
        ledger.read(DENSE, "metrics.json" if name == MANIFEST else "timing.json")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_of_a_record_never_yields_other_bytes(
    ledger: Ledger, tmp_path: Path, data: st.DataObject
) -> None:
    """Some flips are harmless (in a field that nobody reads here); none ends in anything but an IntegrityError."""
    name = data.draw(st.sampled_from([MANIFEST, VOLATILE]))
    path = at(tmp_path, DENSE, name)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    tamper(path, bytes(flipped))
    try:
        ledger.done(DENSE)
        for each, written in [*FILES.items(), ("timing.json", b"[1.5]\n")]:
            assert ledger.read(DENSE, each) == written
    except IntegrityError:
        pass
    finally:
        tamper(path, whole)


def test_a_replaced_parent_is_found(ledger: Ledger, tmp_path: Path) -> None:
    shutil.rmtree(at(tmp_path, DENSE, "."))
    assert not ledger.done(DENSE)
    ledger.commit(DENSE, FILES | {"metrics.json": b'{"another": "training"}\n'})
    with pytest.raises(IntegrityError, match=f"^{MASK.key}: its parent {DENSE.key} is not the one it was made from"):
        ledger.done(MASK)


def test_a_parent_that_is_gone_is_found(ledger: Ledger, tmp_path: Path) -> None:
    shutil.rmtree(at(tmp_path, DENSE, "."))
    with pytest.raises(IntegrityError, match=f"^{DENSE.key}: manifest.json is missing"):
        ledger.done(MASK)


def test_a_step_of_another_run_or_place_is_found(ledger: Ledger, tmp_path: Path) -> None:
    """A dense training has no parents that would tell: its manifest says whose it is."""
    for run, step in (("run-2", DENSE), ("run-1", Train(cohort=1, level=0, arm="dense", start=0, stop=9))):
        shutil.copytree(at(tmp_path, DENSE, "."), tmp_path / run / step.key)
        with pytest.raises(IntegrityError, match=r"manifest.json is that of another step: run-1 .*'cohort': 0"):
            Ledger(ledger.store, run).done(step)


@pytest.mark.parametrize("damage", [b"", b"{", b'"seed":1'], ids=["gone", "half", "another seed"])
def test_a_spec_that_is_not_the_one_its_key_says_is_found(tmp_path: Path, damage: bytes) -> None:
    spec, store = read_spec(None, {}), LocalStore(tmp_path)
    store.put_once(key := spec_key(spec.run_id(), spec), data := canonical(spec.model_dump(mode="json")))
    assert read_stored(store, key) == spec
    tamper(tmp_path / key, data.replace(b'"seed":0', damage) if b"seed" in damage else damage)
    with pytest.raises(IntegrityError, match=r"no valid spec at .*\n  fix: "):
        read_stored(store, key)


# --- what differs by nature -------------------------------------------------------------------------------------------


def test_a_resumed_commit_keeps_the_first_timing_and_verifies_it(tmp_path: Path) -> None:
    ledger = Ledger(LocalStore(tmp_path), "run-1")
    ledger.store.put_once(f"run-1/{DENSE.key}/timing.json", b"[1.5]\n")  # a killed attempt got as far as this
    ledger.commit(DENSE, FILES, volatile={"timing.json": b"[99.0]\n"})
    ledger.commit(DENSE, FILES, volatile={"timing.json": b"[7.0]\n"})
    assert ledger.read(DENSE, "timing.json") == b"[1.5]\n"


def test_a_manifest_does_not_depend_on_timings(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(LocalStore(tmp_path / "other"), "run-1")
    other.commit(DENSE, FILES, volatile={"timing.json": b"[2.5, 3.5]\n"})
    assert other.digest(DENSE) == ledger.digest(DENSE)
    assert ledger.manifest(DENSE)["volatile"] == ["timing.json"]


def tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def at(root: Path, step: Train | Prune | Rewind, name: str) -> Path:
    return root / "run-1" / step.key / name


def tamper(path: Path, data: bytes) -> None:
    """The store never writes over a file that is there."""
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_manifest_is_canonical(ledger: Ledger, tmp_path: Path) -> None:
    written = at(tmp_path, MASK, MANIFEST).read_bytes()
    assert written == canonical(json.loads(written))
