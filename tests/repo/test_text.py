"""Words that must not stand in the sources: unsafe calls, and the places where they were written."""

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
    "|".join(
        [
            "/wo" + "rk/",
            "/ro" + "ot/",
            "/ho" + "me/",
            "/Us" + "ers/",
            "pypi" + r"\.org",
            "python" + "hosted",
            "registry" + r"\.npm",
        ]
    )
)
UNSAFE = {
    *("eval", "exec", "pickle", "cPickle", "cloudpickle", "marshal", "shelve", "dill", "joblib"),
    *("os.system", "os.popen", "subprocess.getoutput", "torch.load", "torch.save", "yaml.unsafe_load"),
}


def unsafe(source: str) -> set[str]:
    """Calls and imports that could run what they read, whichever way they are imported."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            found.add(ast.unparse(node.func))
        elif isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle"):
            found.add("eval")
    return found & UNSAFE


@pytest.mark.parametrize("name", CODE)
def test_no_unsafe_call(name: str) -> None:
    assert not unsafe((ROOT / name).read_text())


@pytest.mark.parametrize(
    "source",
    [
        "import pickle as p",
        "from pickle import loads",
        "from torch import load",
        "torch.load(file)",
        "eval(text)",
        "run(command, shell=True)",
    ],
)
def test_an_unsafe_call_is_seen(source: str) -> None:
    assert unsafe(source)
    assert not unsafe("model.eval(); import torch; from torch import nn; yaml.safe_load(text)")


def test_no_place_of_a_machine_and_no_index() -> None:
    texts = {name: (ROOT / name).read_text(errors="replace") for name in FILES if (ROOT / name).is_file()}
    assert not [name for name, text in texts.items() if PLACES.search(text)]


FRONTED = ("Of ", "What ", "Where ", "Which ", "How ", "Who ", "Why ", "When ", "Whether ", "Is ", "Does ", "Are ")


def fronted(source: str) -> list[str]:
    """Names whose docstring is an indirect question or begins with a genitive, instead of a verb or a noun."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds)]
    return [getattr(node, "name", "module") for node in nodes if (ast.get_docstring(node) or "").startswith(FRONTED)]


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".py")])
def test_a_docstring_begins_with_a_verb_or_a_noun(name: str) -> None:
    assert fronted((ROOT / name).read_text()) == []


def test_a_fronted_docstring_is_seen() -> None:
    source = '"""Bytes per layer."""\ndef of(): "Of each layer bytes."\nclass Is: "Is it dense?"\ndef whose(): pass'
    assert fronted(source) == ["of", "Is"]


@pytest.mark.parametrize("config", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_config_is_a_valid_spec(config: Path, data_root: str) -> None:
    spec = read_spec(str(config), {}, data_root)
    assert config.stem.split("_")[1] in spec.task, "a config is named after its method and its task"
