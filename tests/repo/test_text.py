"""What must not stand in the sources: unsafe calls, and where they were written."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from ticketsmith.specs import read_spec

ROOT = Path(__file__).parents[2]
FILES = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
CODE = [name for name in FILES if name.startswith(("sdk/", "runner/", "workflows/")) and name.endswith(".py")]
# Assembled, so that this file does not find itself.
PLACES = re.compile(
    "|".join(["/wo" + "rk/", "/ro" + "ot/", "pypi" + r"\.org", "python" + "hosted", "registry" + r"\.npm"])
)
UNSAFE = {"eval", "exec", "pickle", "cPickle", "marshal", "dill", "os.system", "os.popen", "torch.load", "torch.save"}


@pytest.mark.parametrize("name", CODE)
def test_no_unsafe_call(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not (called | imported) & UNSAFE
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "shell"]


def test_no_place_of_a_machine_and_no_index() -> None:
    texts = {name: (ROOT / name).read_text(errors="replace") for name in FILES if (ROOT / name).is_file()}
    assert not [name for name, text in texts.items() if PLACES.search(text)]


@pytest.mark.parametrize("config", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_config_is_a_valid_spec(config: Path) -> None:
    assert read_spec(str(config), {}).pruning.sparsity == 0.8
