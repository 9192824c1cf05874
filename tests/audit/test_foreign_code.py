"""Modules that lie in the current folder are not executed, by no command and no door of ours.

`python -m` looks there first: https://github.com/pypa/pipx/issues/1575, https://github.com/python/cpython/issues/157916
"""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import typer

from ticketsmith.cli import app
from ticketsmith.specs import overrides, read_spec

from ..sdk.conftest import GENEROUS, SMALL, Verdicts, flags

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PACKAGES = (
    "sdk/ticketsmith",
    "runner/ticketsmith_runner",
    "runner/ticketsmith_runtime",
    "workflows/ticketsmith_workflows",
)
STANDARD = {name for name in sys.stdlib_module_names - set(sys.builtin_module_names) if not name.startswith("_")}
OTHERS = {
    "numpy",
    "torch",
    "yaml",
    "typer",
    "rich",
    "click",
    "pydantic",
    "openvino",
    "onnxruntime",
    "onnx",
    "onnxscript",
    "numba",
    "scipy",
}
OTHERS |= {"llvmlite", "safetensors", "sklearn", "hera", "google", "httpx2", "lightkube", "shellingham", "requests"}
BEFORE_US = {
    "importlib",
    "contextlib",
    "warnings",
    "collections",
    "keyword",
    "operator",
    "reprlib",
    "functools",
    "types",
}
"""What Python's own `runpy` imports before a line of ours runs under `python -m`: the command is there for that."""
RUN = read_spec(None, overrides(GENEROUS)).run_id()


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from leaves(each, (*path, name))
        else:
            yield " ".join((*path, name)), each


COMMANDS = dict(leaves(typer.main.get_command(app)))
DOORS = sorted(
    ".".join((folder / file).relative_to(ROOT).with_suffix("").parts[1:]).removesuffix(".__main__")
    for folder in map(ROOT.joinpath, PACKAGES)
    for file in folder.rglob("*.py")
    if file.name == "__main__.py" or 'if __name__ == "__main__"' in file.read_text()
)
GIVEN = {  # what makes a command go as far as it can without a cluster; a new one gets the id of a run
    "run dense": flags(SMALL),
    "run imp": flags(GENEROUS),
    "benchmark": [RUN, "--batch", "1", "--rounds", "1"],
    "pack": [RUN, "-o", "again.ticket"],
    "verify": ["."],
    "generate": [".", "1 2"],
    "reproduce": ["lth-lenet", "--dry-run"],
    "rewind-point": [*flags(SMALL), "--after", "0", "--store", "more"],
    "fetch": [RUN, "--store", "./runs", "--to", "there"],
    "submit imp": ["--dry-run", "--store", "gs://bucket/runs", "--profile", "cpu"],
    "submit dense": ["--dry-run", "--store", "gs://bucket/runs", "--profile", "cpu"],
    "templates render": ["rendered"],
}
MODULES = {
    "ticketsmith": ["gate", RUN],
    "ticketsmith.benchmark_cli": [RUN, "--batch", "1", "--rounds", "1"],
    "ticketsmith.prune": flags(GENEROUS),
    "ticketsmith.report": [RUN],
    "ticketsmith.train": flags(SMALL),
    "ticketsmith_runtime": ["verify", "."],
    "ticketsmith_workflows": ["print", "--profile", "cpu"],
}


class Folder:
    """A folder with finished runs, an unpacked package, and a module for every name that anybody may import."""

    def __init__(self, path: Path, made: Path) -> None:
        self.path, self.log = path / "folder", path / "log"
        copytree(made, self.path / "runs")
        self.go(str(BIN / "ticketsmith"), "pack", RUN, "-o", "../my.ticket")
        with zipfile.ZipFile(path / "my.ticket") as archive:
            archive.extractall(self.path)
        for name in STANDARD | OTHERS:
            self.plant(name)

    def plant(self, name: str) -> None:
        (self.path / f"{name}.py").write_text(f"with open({str(self.log)!r}, 'a') as log: log.write('{name} ')\n")

    def go(self, *argv: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        self.log.unlink(missing_ok=True)
        alone = {"KUBECONFIG": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(self.path.parent)}
        env = {**os.environ, **alone, **environment}
        return subprocess.run(argv, cwd=self.path, capture_output=True, text=True, timeout=300, env=env)

    @property
    def executed(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, verdicts: Verdicts) -> Folder:
    return Folder(tmp_path_factory.mktemp("foreign"), verdicts.made)


@pytest.fixture
def gentle(folder: Folder) -> Iterator[Folder]:
    """Without the names that no line of ours can come before."""
    for name in BEFORE_US:
        (folder.path / f"{name}.py").unlink()
    yield folder
    for name in BEFORE_US:
        folder.plant(name)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_executes_nothing_of_its_folder(folder: Folder, command: str) -> None:
    wanted = [RUN for each in COMMANDS[command].params if each.required]
    done = folder.go(str(BIN / "ticketsmith"), *command.split(), *GIVEN.get(command, wanted))
    assert not folder.executed, done.stdout + done.stderr
    whole = command in GIVEN and not command.startswith("submit")
    wanted_codes = (0, 7) if whole and command != "rewind-point" else (0, 1, 2, 7)
    if command == "reproduce":
        wanted_codes = (0, 3)  # 3: MNIST, which the run id is made of, is not here
    if command == "generate":
        wanted_codes = (2,)  # the package reads no tokens
    assert done.returncode in wanted_codes and "Traceback" not in done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("module", DOORS)
def test_a_module_executes_nothing_of_its_folder(gentle: Folder, module: str) -> None:
    spec = next((gentle.path / "runs" / RUN / "spec").iterdir()).relative_to(gentle.path / "runs")
    given = MODULES.get(module, ["report", "--spec", str(spec), "--store", "runs"])
    done = gentle.go(sys.executable, "-m", module, *given)
    assert not gentle.executed, done.stdout + done.stderr
    assert done.returncode in (0, 7), done.stdout + done.stderr


def test_a_pod_executes_nothing_of_its_folder(folder: Folder) -> None:
    """Its argv, word for word, and that of the image."""
    listed = subprocess.run(
        [sys.executable, "-m", "ticketsmith_workflows", "print", "--profile", "cpu"], capture_output=True, text=True
    )
    pods = [pod for each in json.loads(listed.stdout) for pod in each["spec"]["templates"] if "container" in pod]
    argv = {tuple(pod["container"]["command"]) for pod in pods}
    entry = (ROOT / "images" / "runner.Dockerfile").read_text().rpartition("ENTRYPOINT ")[2]
    assert argv == {tuple(json.loads(entry))}
    (python, *rest), spec = argv.pop(), next((folder.path / "runs" / RUN / "spec").iterdir())
    told = ["--spec", f"{RUN}/spec/{spec.name}", "--store", "runs"]
    done = folder.go(str(BIN / python), *rest, "report", *told)
    assert done.returncode == 0 and not folder.executed, done.stdout + done.stderr


def test_what_the_user_put_on_the_path_stays_there(gentle: Folder) -> None:
    elsewhere = gentle.path.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "numpy.py").write_text((gentle.path / "numpy.py").read_text())
    gentle.go(sys.executable, "-m", "ticketsmith_runtime", "verify", ".", PYTHONPATH=str(elsewhere))
    assert gentle.executed.split() == ["numpy"]


@pytest.mark.parametrize("package", [Path(each).name for each in PACKAGES])
def test_nobody_else_loses_the_folder(tmp_path: Path, package: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "__init__.py").write_text(f"import {package}\n")
    (tmp_path / "other" / "__main__.py").write_text("import beside; print(beside.__name__)\n")
    (tmp_path / "beside.py").write_text("")
    for argv in (["-m", "other"], ["-m", "other", package], ["-c", f"import {package}, beside; print('beside')"]):
        done = subprocess.run([sys.executable, *argv], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.stdout == "beside\n", done.stderr


@pytest.mark.parametrize("flags", [["-P"], ["-I"], []])
def test_a_safe_path_loses_nothing(tmp_path: Path, flags: list[str]) -> None:
    argv = [sys.executable, *flags, "-m", "ticketsmith", "--version"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("ticketsmith "), done.stderr


def test_a_folder_that_was_deleted_is_no_error(tmp_path: Path) -> None:
    (gone := tmp_path / "gone").mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m ticketsmith --version"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("ticketsmith "), done.stderr


def test_the_runtime_has_the_same_guard_and_stands_alone() -> None:
    sdk, runtime = (ROOT / each / "foreign.py" for each in ("sdk/ticketsmith", "runner/ticketsmith_runtime"))
    assert sdk.read_text() == runtime.read_text()
