"""Places: stores, homes, data under other names, and a compiled cache that is broken or nowhere."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ticketsmith.cli import main
from ticketsmith.errors import UsageError
from ticketsmith.executors.argo import check
from ticketsmith.specs import read_spec
from ticketsmith.stores import open_store
from ticketsmith.stores.local import LocalStore
from ticketsmith_tasks import idx

from ..sdk.conftest import SMALL, flags
from .conftest import shell


@pytest.mark.parametrize(
    "url",
    [
        *("", " ", "gs:/bucket/runs", "gs:bucket/runs", "GS://bucket/runs", "s3://bucket", "s3:/bucket", "S3:bucket"),
        *("http://host/x", "https:/host/x", "file:///runs", "file:/runs", "abfs://x", "az:x", "hdfs:/x", "a/b://c"),
    ],
)
def test_what_was_meant_as_an_address_does_not_become_a_folder(url: str) -> None:
    """tensorpack#1317: one slash of two was missing."""
    with pytest.raises(UsageError, match=r"store: no back-end for .*\n  fix: give a folder or gs://bucket/prefix"):
        open_store(url)


@pytest.mark.parametrize("url", ["runs", "/data/runs", "./gs", "my runs", "2024-11-03", "a.b/c", "./~", "x~"])
def test_a_folder_is_one(url: str) -> None:
    store = open_store(url)
    assert isinstance(store, LocalStore) and store.url == url


def test_a_tilde_is_a_home_after_an_equals_sign_too(tmp_path: Path) -> None:
    """rpminspect#22: `--dir=~/x` made a folder called `~`. Store, data, spec."""
    (tmp_path / "home").mkdir()
    spec = tmp_path / "home" / "spec.yaml"
    spec.write_text("task: digits-mlp\n")
    words = " ".join(map(repr, flags(SMALL)))
    line = f"TS run dense {words} --store=~/runs --data-root=~/data --config=~/spec.yaml"
    done = shell(line, tmp_path, HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "home" / "runs").glob("*/cohort-00")) and not (tmp_path / "~").exists()
    assert str(tmp_path / "home" / "runs").encode() in done.stdout
    again = shell("TS report", tmp_path, HOME=str(tmp_path / "home"), TICKETSMITH_STORE="~/runs")
    assert again.returncode == 0, again.stderr


@pytest.mark.parametrize("home", ["~", "relative"])
def test_without_a_home_a_tilde_is_refused(home: str, tmp_path: Path) -> None:
    done = shell("TS report --store='~/runs'", tmp_path, HOME=home)
    assert done.returncode == 2 and b"there is no such home folder\n  fix: " in done.stderr
    assert shell("TS report --store='~nobody-at-all/runs'", tmp_path).returncode == 2
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["gs://bucket/{{workflow.name}}", "gs://bucket/{{=1}}/x"])
def test_what_argo_would_replace_is_refused(url: str, gcs: Any) -> None:
    with pytest.raises(UsageError, match="Argo would replace what is in braces"):
        check(open_store(url), read_spec(None, {}))


# --- MNIST ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", "MNIST", "MNIST/raw"])
def test_mnist_under_another_name_is_named_at_once(place: str, tmp_path: Path) -> None:
    """davidMcneil/mnist#13: train-images.idx3-ubyte. Nothing is searched for on the network, and the fix works."""
    root = tmp_path / "my data"
    (root / place).mkdir(parents=True)
    for name in idx.NAMES:
        (root / place / name.replace("-idx", ".idx")).write_bytes(bytes(16))
    with pytest.raises(
        UsageError, match=r"MNIST's files have other names than they should: .*train-images\.idx3"
    ) as said:
        idx.files(root)
    assert subprocess.run(["bash", "-ec", said.value.args[1]], timeout=10, check=False).returncode == 0
    assert len(idx.images(idx.files(root))) == 0


# --- numba's cache ----------------------------------------------------------------------------------------------------

DOUBLE = """
from ticketsmith_runner.trainers._compiled import compiled

@compiled
def double(x):
    return x + x
"""
ASK = "import sys; sys.path.insert(0, {folder!r}); from doubling import double; print(double(21))"


def double(folder: Path, before: list[str] | None = None, **environment: str) -> tuple[str, str]:
    """The answer of a compiled function in `folder`, and what was said of it."""
    ambient = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    variables = {name: value for name, value in os.environ.items() if name not in ambient} | environment
    argv = [*(before or []), sys.executable, "-B", "-c", ASK.format(folder=str(folder))]
    done = subprocess.run(argv, env=variables, cwd=folder.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def doubling(tmp_path: Path) -> Path:
    """A folder with a module of one compiled function."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "doubling.py").write_text(DOUBLE)
    return folder


@pytest.mark.parametrize(("suffix", "size"), [("nbi", 0), ("nbc", 30)])
def test_a_broken_file_of_the_cache_is_compiled_anew_and_mended(doubling: Path, suffix: str, size: int) -> None:
    """numba#10434: EOFError at every start, until somebody deletes the file."""
    cache = doubling.parent / "cache"
    assert double(doubling, NUMBA_CACHE_DIR=str(cache)) == ("42\n", "")
    [file] = cache.rglob(f"*.{suffix}")
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    assert double(doubling, NUMBA_CACHE_DIR=str(cache)) == ("42\n", "")
    [mended] = [each for each in cache.rglob(f"*.{suffix}") if len(each.read_bytes()) > size]
    assert len(mended.read_bytes()) >= len(whole) // 2


@pytest.mark.parametrize("home", ["~", "closed"])
def test_a_read_only_installation_without_a_home_compiles_anew(doubling: Path, home: str, bound: list[str]) -> None:
    """numba#4032: no locator available. And no folder named `~` is made."""
    (closed := doubling.parent / "closed").mkdir(mode=0o555)
    doubling.chmod(0o555)
    before = sorted(doubling.parent.rglob("*"))
    made, said = double(doubling, bound, HOME=str(closed) if home == "closed" else home)
    doubling.chmod(0o755)
    assert made == "42\n" and "set NUMBA_CACHE_DIR to a writable folder" in said
    assert sorted(doubling.parent.rglob("*")) == before


def test_a_bound_of_the_options_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["run", "imp", "--dry-run", "--workers", "1025"])
    assert end.value.code == 2 and "--workers" in capsys.readouterr().err


def test_where_no_folder_can_be_made_no_disk_is_to_be_freed(tmp_path: Path) -> None:
    if not Path("/proc/self").is_dir():
        pytest.skip("there is no /proc")
    done = shell("TS run dense --store /proc/nothing", tmp_path)
    assert done.returncode == 2 and b"no folder can be made at /proc/nothing" in done.stderr
