"""Words of classification are names only where something is about classification: the rest knows `loss` and `score`.

And variables are nouns.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = {"cross_entropy", "argmax", "accuracy", "label"}
ROOMS = ("runner/ticketsmith_runner", "sdk/ticketsmith/lottery")
CLASSIFIERS = (
    "runner/ticketsmith_runner/objectives/",  # classification, and what a record of classes says
    *(f"runner/ticketsmith_runner/trainers/{name}.py" for name in ("csr_mlp", "dense_mlp", "_csr", "_lanes", "_chain")),
)
CODE = [str(path.relative_to(ROOT)) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def names(source: str) -> Iterator[str]:
    """Every name in code: of variables, attributes, parameters, arguments, functions, classes and imports."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield from (*name.split("."), other or "")


@pytest.mark.parametrize("path", [path for path in CODE if not path.startswith(CLASSIFIERS)])
def test_no_word_of_classification_is_a_name(path: str) -> None:
    assert set(names((ROOT / path).read_text())) & WORDS == set()


def test_the_rooms_of_classification_are_there() -> None:
    assert [place for place in CLASSIFIERS if not (ROOT / place).exists()] == []


@pytest.mark.parametrize(
    "source",
    [
        "from torch.nn.functional import cross_entropy",
        "from torch.nn.functional import nll_loss as cross_entropy",
        "scores.argmax(1)",
        "def accuracy(): ...",
        "class label: ...",
        "Sample(label=1)",
        "lambda label: 1",
        "label = 1",
        "import a.argmax.b",
    ],
)
def test_a_name_is_seen(source: str) -> None:
    assert set(names(source)) & WORDS


def test_a_key_and_a_sentence_are_no_names() -> None:
    assert not set(names('"""The accuracy."""\nrecords["label"]  # argmax')) & WORDS


PRONOUNS = {"each", "found", "said"}
SOURCES = [
    str(path.relative_to(ROOT))
    for room in ("sdk", "runner", "workflows")
    for path in sorted((ROOT / room).rglob("*.py"))
]


def variables(source: str) -> Iterator[str]:
    """Names of parameters, and of what is bound in functions; fields of records are called by others."""
    tree = ast.parse(source)
    records = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    fields = {field.target for record in records for field in record.body if isinstance(field, ast.AnnAssign)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                if node not in fields:
                    yield name


@pytest.mark.parametrize("path", SOURCES)
def test_a_variable_is_a_noun(path: str) -> None:
    assert set(variables((ROOT / path).read_text())) & PRONOUNS == set()


@pytest.mark.parametrize(
    "source",
    ["for each in rows: ...", "[each for each in rows]", "(found := rows)", "lambda said: 1", "def f(each): ..."],
)
def test_a_pronoun_is_seen(source: str) -> None:
    assert set(variables(source)) & PRONOUNS
