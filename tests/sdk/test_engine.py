"""The engine's digest: it changes with what decides a number and with nothing else."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ticketsmith import engine

FILES = engine.modules(engine.installed())
COUNTED = engine.sources(engine.installed())
LOADERS = {"load", "names"}


@pytest.fixture
def copy(tmp_path: Path) -> dict[str, Path]:
    """The packages, copied to where they can be changed."""
    return copied(tmp_path / "here")


def copied(to: Path) -> dict[str, Path]:
    for name, folder in engine.installed().items():
        shutil.copytree(folder, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    return {name: to / name for name in engine.installed()}


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in FILES if n.startswith(("ticketsmith_runner", "ticketsmith.lottery"))])
def test_every_module_of_the_runner_and_the_domain_counts_or_is_named_as_one_that_need_not(name: str) -> None:
    assert (name in COUNTED) != engine.beside(name), (
        f"{name}: no step imports it. If it can change a number, add it to ROOTS or its folder to FOLDERS in "
        "sdk/ticketsmith/engine.py; if not, to BESIDE"
    )


def test_the_protocol_of_a_task_counts() -> None:
    assert "ticketsmith.task" in COUNTED


@pytest.mark.parametrize("name", engine.BESIDE)
def test_a_name_beside_stands_for_a_module_that_would_count_otherwise(name: str) -> None:
    module = name.removesuffix(".__init__")
    assert module in FILES
    paths = (p for counted in COUNTED for p in engine.imports(FILES[counted].read_bytes(), package(counted)))
    reached = any(f"{path}.".startswith(f"{module}.") for path in paths)
    assert reached or module.startswith(("ticketsmith_runner.", "ticketsmith.lottery."))


@pytest.mark.parametrize("name", [*engine.ROOTS, *engine.FOLDERS])
def test_a_root_is_a_module(name: str) -> None:
    assert name in COUNTED


def test_every_folder_that_a_counted_module_loads_from_counts_whole() -> None:
    loaded = {
        str(argument.value).removeprefix("ticketsmith_runner.")
        for name in COUNTED
        for node in ast.walk(ast.parse(FILES[name].read_bytes()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in LOADERS
        for argument in node.args[:1]
        if isinstance(argument, ast.Constant)
    }
    assert {f"ticketsmith_runner.{folder}" for folder in loaded} == {*engine.FOLDERS}


def test_no_module_of_the_runtime_counts_while_no_step_imports_one() -> None:
    assert not [name for name in COUNTED if name.startswith("ticketsmith_runtime")]


def test_a_module_of_the_runtime_counts_as_soon_as_a_step_imports_it(copy: dict[str, Path]) -> None:
    replace(copy["ticketsmith_runner"] / "masks.py", "import torch\n", "import torch, ticketsmith_runtime.gelu\n")
    assert "ticketsmith_runtime.gelu" in engine.sources(copy)


# --- what changes it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("criteria/magnitude.py", "weight.abs()", "-weight.abs()"),
        ("trainers/_chain.py", "nn.ReLU", "nn.GELU"),
        ("trainers/_chain.py", "from", "# a comment\nfrom"),
    ],
    ids=["an inverted criterion", "another activation", "a comment in a trainer"],
)
def test_a_changed_byte_of_what_decides_a_number_changes_it(
    copy: dict[str, Path], file: str, old: str, new: str
) -> None:
    replace(copy["ticketsmith_runner"] / file, old, new)
    assert engine.digest(copy) != engine.digest()


@pytest.mark.parametrize("module", ["_own.py", "own.py"])
def test_a_new_trainer_changes_it(copy: dict[str, Path], module: str) -> None:
    (copy["ticketsmith_runner"] / "trainers" / module).write_text("")
    assert engine.digest(copy) != engine.digest()


def test_a_new_module_counts_where_a_function_imports_it(copy: dict[str, Path]) -> None:
    (copy["ticketsmith_runner"] / "own.py").write_text("")
    assert engine.digest(copy) == engine.digest()
    with (copy["ticketsmith_runner"] / "masks.py").open("a") as file:
        file.write("\n\ndef later():\n    try:\n        from . import own\n    finally:\n        pass\n")
    assert "ticketsmith_runner.own" in engine.sources(copy)


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("ticketsmith", "report/html.py"),
        ("ticketsmith", "cli/run.py"),
        ("ticketsmith", "__init__.py"),
        ("ticketsmith_runner", "backends/compiled.py"),
        ("ticketsmith_runtime", "gelu.py"),
    ],
)
def test_a_comment_in_what_decides_no_number_keeps_it(copy: dict[str, Path], package: str, file: str) -> None:
    with (copy[package] / file).open("a") as text:
        text.write("# a comment\n")
    assert engine.digest(copy) == engine.digest()


def test_a_moved_copy_has_the_same(tmp_path: Path) -> None:
    assert engine.digest(copied(tmp_path / "a")) == engine.digest(copied(tmp_path / "b" / "c")) == engine.digest()


def test_line_ends_of_windows_keep_it(copy: dict[str, Path]) -> None:
    file = copy["ticketsmith_runner"] / "masks.py"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert engine.digest(copy) == engine.digest()


# --- how it is found --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("import a.b as c, d", ["a.b", "d"]),
        ("from . import a", ["p.q", "p.q.a"]),
        ("from .. import a", ["p", "p.a"]),
        ("from ..a.b import c", ["p.a.b", "p.a.b.c"]),
        ("from a import (\n  b,  # (of c)\n  d,\n)", ["a", "a.b", "a.d"]),
        ("from a \\\n import b", ["a", "a.b"]),
        ("if x: import a", ["a"]),
        ("x = 1; import a", ["a"]),
        ("class A:\n  async def f():\n    with x:\n      import a", ["a"]),
        ("try:\n  import a\nexcept E:\n  import b\nelse:\n  import c\nfinally:\n  import d", ["c", "d", "b", "a"]),
        ("match x:\n  case 1:\n    import a", ["a"]),
        ("if TYPE_CHECKING:\n  import a\nelse:\n  import b", ["b"]),
        ("if typing.TYPE_CHECKING:\n  import a", []),
        ('"""import a"""\n', []),
        ("import_module = 1\n# import a", []),
    ],
)
def test_imports_are_found_in_a_source(source: str, paths: list[str]) -> None:
    assert sorted(engine.imports(source.encode(), "p.q")) == sorted(paths)


def test_nothing_is_imported_for_it() -> None:
    script = (
        "import sys; from ticketsmith import engine; print(engine.digest());"
        "sys.exit(any(n.startswith(('ticketsmith_run', 'ticketsmith.lottery', 'torch')) for n in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{engine.digest()}\n")


def package(module: str) -> str:
    return module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
