"""A package says only what was packed: an edited manifest is found, and what is no file is not read."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ticketsmith_runtime import BadPackage, load
from ticketsmith_runtime.chain import Layer
from ticketsmith_runtime.graph import Graph
from ticketsmith_runtime.package import MANIFEST, WEIGHTS, Measured, Ticket, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package, unpacked."""
    weight_OI = np.ones((4, 8), np.float32)
    layer = Layer(weight_OI=weight_OI, alive_OI=weight_OI > 0, bias_O=np.zeros(4, np.float32), relu=False)
    measured = [Measured(batch=1, backend="numpy", seconds=1e-6, ratio=3.0)]
    provenance = {"run": "digits-mlp-0", "verdict": {"status": "FAIL"}}
    write(tmp_path / "a.ticket", Ticket(graph=Graph.chain([layer]), measured=measured, provenance=provenance))
    with zipfile.ZipFile(tmp_path / "a.ticket") as archive:
        archive.extractall(tmp_path / "a")
    return tmp_path / "a"


def faster(manifest: dict) -> None:  # type: ignore[type-arg]
    manifest["measured"][0]["ratio"] = 99.0


def better(manifest: dict) -> None:  # type: ignore[type-arg]
    manifest["provenance"]["verdict"]["status"] = "PASS"


@pytest.mark.parametrize("change", [faster, better])
def test_an_edited_manifest_is_found(folder: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    edit(folder, change)
    with pytest.raises(BadPackage, match=r"manifest.json: has another digest"):
        load(folder)
    done = verify(folder)
    assert done.returncode == 5 and "edited after it was packed" in done.stderr and not done.stdout


def test_the_layout_of_a_manifest_does_not_count(folder: Path) -> None:
    (folder / MANIFEST).write_text(json.dumps(json.loads((folder / MANIFEST).read_text()), indent=7))
    assert load(folder).ticket.sealed


def test_an_old_package_is_read_and_said_to_carry_no_digest(folder: Path) -> None:
    edit(folder, lambda manifest: manifest.pop("digest"))
    model, done = load(folder), verify(folder)
    assert not model.ticket.sealed and "carries no digest" in model.explain()
    assert done.returncode == 0 and "carries no digest" in done.stdout


def test_a_new_package_says_nothing_of_that(folder: Path) -> None:
    assert "no digest" not in load(folder).explain() + verify(folder).stdout


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
@pytest.mark.parametrize("kind", ["pipe", "endless", "terminal", "folder"])
def test_only_regular_files_are_read(folder: Path, name: str, kind: str) -> None:
    (folder / name).unlink()
    odd(folder / name, kind)
    done = verify(folder)
    assert done.returncode == 5 and f"{name}: is not a regular file" in done.stderr, done.stderr


@pytest.mark.parametrize("kind", ["pipe", "endless", "terminal"])
def test_a_package_that_is_no_file_is_not_read(tmp_path: Path, kind: str) -> None:
    odd(tmp_path / "my.ticket", kind)
    done = verify(tmp_path / "my.ticket")
    assert done.returncode == 5 and "my.ticket: is not a regular file" in done.stderr, done.stderr


def test_other_pipes_in_a_folder_are_left_alone(folder: Path) -> None:
    os.mkfifo(folder / "README.md")
    assert verify(folder).returncode == 0


def test_a_link_to_a_file_is_read(folder: Path) -> None:
    (folder / MANIFEST).rename(folder / "elsewhere")
    (folder / MANIFEST).symlink_to("elsewhere")
    assert load(folder).ticket.sealed


def odd(path: Path, kind: str) -> None:
    """Pipes and devices, which to open or to read may take for ever."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "endless":
            path.symlink_to("/dev/zero")
        case "terminal":
            path.symlink_to("/dev/tty")
        case _:
            path.mkdir()


def edit(folder: Path, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    manifest = json.loads((folder / MANIFEST).read_text())
    change(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))


def verify(package: Path) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "ticketsmith", "verify", str(package)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)
