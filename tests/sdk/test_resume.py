"""Runs taken up again, and runs of other versions: read, never in the way, and said what to do with."""

import json
import shlex
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from ticketsmith.documents import canonical
from ticketsmith.ledger import spec_key
from ticketsmith.lottery.spec import Experiment
from ticketsmith.runs import spec_of
from ticketsmith.stores.local import LocalStore

from .conftest import Verdicts, cli, tree
from .test_cli import refused


def test_resume_goes_on_with_the_spec_that_the_run_began_with(copied: Path, verdicts: Verdicts) -> None:
    whole = tree(copied / "runs" / verdicts.passed)
    shutil.rmtree(copied / "runs" / verdicts.passed / "cohort-00" / "level-02")
    done = cli("resume", verdicts.passed, "--workers", "2", cwd=copied)
    assert done.returncode == 0 and "Winning Ticket    75.0" in done.stdout, done.stderr
    assert tree(copied / "runs" / verdicts.passed) == whole


def aged(folder: Path, run: str, changes: dict[str, Any]) -> str:
    """The id of a copy of a run as another version would have left it, under its own id."""
    store = LocalStore(folder / "runs")
    spec = spec_of(store, run)
    old = spec.model_copy(update={"sources": spec.sources.model_copy(update=changes)})
    shutil.copytree(store.root / run, store.root / old.run_id())
    shutil.rmtree(store.root / old.run_id() / "spec")
    store.put_once(spec_key(old.run_id(), old), canonical(old.model_dump(mode="json")))
    manifests = sorted((store.root / old.run_id()).rglob("manifest.json"))
    digests: dict[str, str] = {}
    while manifests:  # parents first: a manifest names the digests of theirs
        manifests = [path for path in manifests if not _renamed(path, store.root / old.run_id(), run, old, digests)]
    return old.run_id()


def _renamed(path: Path, folder: Path, run: str, old: Experiment, digests: dict[str, str]) -> bool:
    manifest = json.loads(path.read_bytes())
    if any(parent not in digests for parent in manifest["parents"]):
        return False
    manifest |= {"run": old.run_id(), "parents": {parent: digests[parent] for parent in manifest["parents"]}}
    path.unlink()
    path.write_bytes(canonical(manifest))
    digests[path.parent.relative_to(folder).as_posix()] = sha256(path.read_bytes()).hexdigest()
    return True


def test_a_run_of_another_engine_is_read_and_resume_says_what_to_do(copied: Path, verdicts: Verdicts) -> None:
    old = aged(copied, verdicts.passed, {"engine": "0" * 64})
    assert old != verdicts.passed
    for command in ("status", "show", "report", "gate"):
        done = cli(command, old, cwd=copied)
        assert done.returncode == 0 and "PASS" in done.stdout, done.stderr
    assert old in cli("list", cwd=copied).stdout
    shutil.rmtree(copied / "runs" / old / "cohort-00" / "level-02")
    done = cli("resume", old, cwd=copied)
    refused(done, 6, f"{old} was begun by another version of TicketSmith (engine 000000000000…")
    anew = done.stderr.partition("this one: `ticketsmith ")[2].partition("`")[0]
    assert verdicts.passed in cli(*shlex.split(anew), "--dry-run", cwd=copied).stdout, (
        "the fix leads to this version's run"
    )


def test_a_spec_of_another_version_hides_no_other_run(copied: Path, verdicts: Verdicts) -> None:
    store = LocalStore(copied / "runs")
    old = canonical(spec_of(store, verdicts.passed).model_dump(mode="json") | {"forgotten": 1})
    store.put_once(f"digits-mlp-0123456789ab/spec/{sha256(old).hexdigest()[:12]}.json", old)
    done = cli("list", cwd=copied)
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 5 and "not readable" in done.stdout
    assert "no spec of this version: forgotten: unknown key" in done.stderr
    refused(cli("status", "digits-mlp-01", cwd=copied), 5, "no spec of this version")
